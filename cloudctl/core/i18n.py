"""What people read, in Chinese and English: messages are English in the code, labels stand in both catalogues."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from cloudctl.core.errors import Message

LANGUAGES = ("zh_CN", "en")
DEFAULT_LANGUAGE = "zh_CN"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language."""

    language: str

    def text(self, template: str, **values: Any) -> str:
        """A message, written in English in the code; values that are messages themselves are translated too."""
        known = {name: self.message(v) if isinstance(v, Message) else v for name, v in values.items()}
        return _entries(self.language).get(template, template).format(**known)

    def has_text(self, template: str) -> bool:
        """Whether a message has its Chinese, in whatever language this catalogue speaks."""
        return template in _entries(DEFAULT_LANGUAGE)

    def message(self, message: Message) -> str:
        return self.text(message.template, **message.values)

    def label(self, kind: str, code: str) -> str:
        """The name of a code (a state, a role, an item): the entry "kind.code" of either catalogue."""
        return _entries(self.language)[f"{kind}.{code}"]

    def has_label(self, kind: str, code: str) -> bool:
        return f"{kind}.{code}" in _entries(self.language)


@cache
def _entries(language: str) -> dict[str, str]:
    # Loaded with the first text: a call that speaks to nobody (`--version`) does without.
    import tomllib
    from importlib.resources import files

    folder = files("cloudctl").joinpath("locale", language)
    entries: dict[str, str] = {}
    for part in sorted(folder.iterdir(), key=lambda item: item.name):
        if part.name.endswith(".toml"):
            document = tomllib.loads(part.read_text(encoding="utf-8"))
            entries |= document.get("messages", {})
            for kind, labels in document.get("labels", {}).items():
                entries |= {f"{kind}.{code}": text for code, text in labels.items()}
    return entries
