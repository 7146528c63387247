"""Everything people read has a Chinese entry: texts, help, headings, templates; labels stand in both languages."""

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import jinja2
import pytest
from jinja2 import nodes

from cloudctl.cli.lazy import GROUPS
from cloudctl.cli.main import cli

ROOT = Path(__file__).parents[2]
PACKAGES = ("cloudctl", "provisioning", "metering", "policies", "reports")
ERRORS = {"CloudctlError", "UsageError", "NotFound", "Refused", "Unreachable", "Differences"}
# function -> position of its template
TEMPLATE_AT = dict.fromkeys((*ERRORS, "Message", "say", "confirm", "translate", "wrong"), 0) | {"problem": 1}
# Enums whose values people never read, or whose labels stand under another kind than their own name.
ENUM_KINDS: dict[str, str | None] = {"CatchUp": None}
# What click says by itself, through our catalogue.
CLICKS_OWN = {"[OPTIONS]", "Show this message and exit."}


@cache
def sources() -> list[tuple[Path, ast.Module]]:
    return [
        (path.relative_to(ROOT), ast.parse(path.read_text(encoding="utf-8")))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    ]


def called(call: ast.Call) -> str:
    """The called name; "texts.text" for the catalogue's own method, whatever its owner is called."""
    if isinstance(call.func, ast.Name):
        return call.func.id
    if isinstance(call.func, ast.Attribute):
        if call.func.attr in {"text", "label"} and "texts" in ast.unparse(call.func.value).lower().split("."):
            return f"texts.{call.func.attr}"
        if call.func.attr == "text" and ast.unparse(call.func.value).lower().startswith(
            ("catalogue", "self.texts")
        ):
            return "texts.text"
        return call.func.attr
    return ""


def literals(node: ast.expr) -> Iterator[str | None]:
    """The texts an expression can be; None for one that is put together on the spot."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from literals(node.body)
        yield from literals(node.orelse)
    elif isinstance(node, ast.JoinedStr | ast.BinOp):
        yield None


def code_templates() -> Iterator[tuple[str, str | None]]:
    """(place, template) of every call that speaks to people."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = called(node)
            at = 0 if name == "texts.text" else TEMPLATE_AT.get(name)
            if at is not None and len(node.args) > at:
                for template in literals(node.args[at]):
                    yield f"{path}:{node.lineno}", template


def column_headings() -> Iterator[tuple[str, str]]:
    """(place, heading) of every `show_list(rows, output, COLUMNS, zone)`."""
    for path, tree in sources():
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name) and node.value is not None
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and called(node) == "show_list" and len(node.args) > 2:
                columns: ast.expr | None = node.args[2]
                if isinstance(columns, ast.Name):
                    columns = constants.get(columns.id)
                for part in ast.walk(columns) if columns is not None else ():
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield f"{path}:{node.lineno}", part.value.replace("_", " ")


def commands() -> Iterator[tuple[str, click.Command]]:
    """(path, command) of every command there is, groups included."""

    def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(f"{path} {name}", inner)

    for group in GROUPS:
        yield from below(group, load_group(group))


def load_group(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)  # type: ignore[attr-defined]
    assert command is not None
    return command


def help_texts() -> Iterator[tuple[str, str]]:
    for path, command in [("cloudctl", cli), *commands()]:
        for text in [command.help, *(getattr(parameter, "help", None) for parameter in command.params)]:
            if text:
                yield path, " ".join(text.split())
    for name, (_, summary) in GROUPS.items():
        yield name, summary


def jinja_calls() -> Iterator[tuple[str, str, list[str | None]]]:
    """(place, function, literal arguments) of every `_(…)` and `label(…)` in a template."""
    for path in sorted((ROOT / "reports" / "templates").rglob("*")):
        if path.is_file() and path.suffix in {".html", ".j2", ".txt", ".xml", ".jinja"}:
            tree = jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
            for node in tree.find_all(nodes.Call):
                if isinstance(node.node, nodes.Name) and node.node.name in {"_", "label"}:
                    arguments = [a.value if isinstance(a, nodes.Const) else None for a in node.args]
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node.node.name, arguments


def templates() -> list[tuple[str, str | None]]:
    in_templates = [(place, args[0]) for place, name, args in jinja_calls() if name == "_" and args]
    return [*code_templates(), *column_headings(), *help_texts(), *in_templates]


@cache
def catalogue(language: str) -> dict[str, dict[str, dict[str, str]]]:
    """file -> its document."""
    folder = ROOT / "cloudctl" / "locale" / language
    return {
        path.name: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.toml"))
    }


def messages() -> dict[str, str]:
    return {en: zh for part in catalogue("zh_CN").values() for en, zh in part.get("messages", {}).items()}


def labels(language: str) -> dict[str, dict[str, str]]:
    kinds: dict[str, dict[str, str]] = {}
    for part in catalogue(language).values():
        for kind, names in part.get("labels", {}).items():
            kinds.setdefault(kind, {}).update(names)
    return kinds


def fields(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_every_text_has_its_chinese():
    known = messages()
    missing = [f"{place}: {text!r}" for place, text in templates() if text is not None and text not in known]

    assert missing == []


def test_no_text_for_people_is_put_together_on_the_spot():
    assert [place for place, text in templates() if text is None] == []


def test_the_chinese_uses_no_value_that_the_english_does_not_have():
    wrong = [en for en, zh in messages().items() if not fields(zh) <= fields(en)]

    assert wrong == []


def test_one_english_text_has_one_chinese():
    seen: dict[str, tuple[str, str]] = {}
    twice = []
    for name, part in catalogue("zh_CN").items():
        for en, zh in part.get("messages", {}).items():
            if en in seen and seen[en][0] != zh:
                twice.append(f"{en!r}: {seen[en]} and {(zh, name)}")
            seen.setdefault(en, (zh, name))

    assert twice == []


def test_no_entry_has_outlived_its_text():
    spoken = {text for _, text in templates()} | CLICKS_OWN
    for _, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                spoken |= {" ".join(node.value.split()), node.value, node.value.replace("_", " ")}
            elif isinstance(node, ast.keyword) and node.arg:
                spoken.add(node.arg.replace("_", " "))
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                spoken.add(node.target.id.replace("_", " "))

    assert [en for en in messages() if en not in spoken] == []


def test_labels_have_the_same_keys_in_both_languages():
    english, chinese = labels("en"), labels("zh_CN")

    assert {kind: set(names) for kind, names in english.items()} == {
        kind: set(names) for kind, names in chinese.items()
    }


def test_english_catalogue_holds_labels_alone():
    assert [name for name, part in catalogue("en").items() if set(part) - {"labels"}] == []


def test_labels_asked_for_exist():
    known = labels("en")
    asked = [
        (f"{path}:{node.lineno}", [next(literals(argument), None) for argument in node.args])
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node) in {"texts.label", "label"} and len(node.args) == 2
    ]
    asked += [(place, arguments) for place, name, arguments in jinja_calls() if name == "label"]
    wrong = [
        (place, kind, code)
        for place, (kind, code, *_) in asked
        if kind is not None and (kind not in known or (code is not None and code not in known[kind]))
    ]

    assert wrong == []


def enums() -> Iterator[type[Enum]]:
    for path, tree in sources():
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases):
                module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
                yield getattr(import_module(module), node.name)


@pytest.mark.parametrize("enum", list(enums()), ids=lambda enum: enum.__name__)
def test_values_of_an_enum_are_labelled(enum):
    kind = ENUM_KINDS.get(enum.__name__, re.sub(r"(?<!^)(?=[A-Z])", "_", enum.__name__).lower())
    known = labels("en")

    assert kind is None or {value.value for value in enum} <= set(known.get(kind, {}))


def test_the_walk_sees_the_code():
    """A check that looks at nothing passes always: this one fails when its paths or names have moved."""
    places = {place.split(":")[0] for place, _ in code_templates()}

    assert {"cloudctl/core/identity.py", "cloudctl/operations/context.py", "provisioning/driver.py"} <= places
    assert len(set(help_texts())) > len(GROUPS)
