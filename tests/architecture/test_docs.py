"""What the docs tell people to type exists, and what they mark as runnable runs."""

import re
import shlex
import tomllib
from importlib import import_module
from pathlib import Path

import click
import pytest

from cloudctl.cli.lazy import GROUPS
from cloudctl.cli.main import cli
from cloudctl.core.settings import Settings
from cloudctl.daemon.jobs import all_jobs

ROOT = Path(__file__).parents[2]
DOCS = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^(<!-- run -->\n)?```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
GLOBAL_OPTIONS = {name for parameter in cli.params for name in parameter.opts} | {"-h", "--help"}


def blocks():
    for path in DOCS:
        for match in BLOCK.finditer(path.read_text(encoding="utf-8")):
            yield path.relative_to(ROOT).as_posix(), bool(match[1]), match[2]


def typed(block):
    """The calls of cloudctl in a block, each as its words."""
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        for place, word in enumerate(words):
            if word == "cloudctl" or word.endswith("/cloudctl"):
                end = next(
                    (i for i, w in enumerate(words[place:], place) if w in {"|", ">", "&&", ";"}), len(words)
                )
                if place == 0 or words[place - 1] not in {"git", "cd", "clone"}:
                    yield words[place + 1 : end]
                break


CALLS = [
    (path, words) for path, _, block in blocks() for words in typed(block) if "=" not in " ".join(words[:1])
]


def command_for(words):
    """The command that the words name, and its options as typed."""
    rest = list(words)
    while rest and rest[0] in GLOBAL_OPTIONS:
        rest = rest[1:] if rest[0] in {"--version", "-h", "--help"} else rest[2:]
    if not rest:
        return cli, []
    assert rest[0] in GROUPS, f"no command {rest[0]}"
    module, attribute = GROUPS[rest[0]][0].split(":")
    command = getattr(import_module(module), attribute)
    rest = rest[1:]
    while isinstance(command, click.Group) and rest:
        assert rest[0] in command.commands, f"no command {rest[0]} in {command.name}"
        command, rest = command.commands[rest[0]], rest[1:]
    return command, [word for word in rest if re.fullmatch(r"--?[a-z][a-z-]*", word)]


@pytest.mark.parametrize(
    ("path", "words"), CALLS, ids=[f"{path}: {' '.join(words)}" for path, words in CALLS]
)
def test_what_is_to_be_typed_exists(path, words):
    command, options = command_for(words)
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}

    assert not isinstance(command, click.Group) or command is cli, "a group alone does nothing"
    assert set(options) <= known


def test_docs_are_read():
    assert len(CALLS) > 30 and len(CHINESE) > 5 and len(DECISIONS) > 5


@pytest.mark.parametrize("name", ["README.md", "README.zh_CN.md"])
def test_the_first_tour_runs(name, tmp_path, monkeypatch, run_cli):
    monkeypatch.chdir(ROOT)
    (tour,) = [block for path, is_run, block in blocks() if path == name and is_run]
    for words in typed(tour):
        command_for(words)
        arguments = [str(tmp_path / "try") if word == "build/try" else word for word in words]
        done = run_cli(tmp_path / "try", *arguments)

        assert done.exit_code == 0, (words, done.stderr)


def test_links_lead_somewhere():
    broken = []
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")

    assert broken == []


@pytest.mark.parametrize("name", ["operator-guide.md", "operator-guide.zh_CN.md"])
def test_the_guides_settings_are_settings(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)

    assert blocks
    for block in blocks:
        Settings.model_validate(tomllib.loads(block))


@pytest.mark.parametrize("name", ["operator-guide.md", "operator-guide.zh_CN.md"])
def test_the_guides_jobs_are_the_register(name):
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    told = re.findall(r"^\| ([a-z]+)(?: [^|]*)? \| [^|]+ \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE)

    assert [name for name in told if name not in {"job"}] == [job.name for job in all_jobs(Settings())]


CHINESE = [path for path in DOCS if path.name.endswith(".zh_CN.md")]


@pytest.mark.parametrize("path", CHINESE, ids=lambda path: path.name)
def test_both_languages_have_the_same_guides(path):
    english = path.with_name(path.name.replace(".zh_CN.md", ".md"))
    headings = [re.findall(r"^(#+)", p.read_text(encoding="utf-8"), re.MULTILINE) for p in (path, english)]

    assert headings[0] == headings[1]


DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_decisions_are_at_most_a_page(path):
    text = path.read_text(encoding="utf-8")

    assert re.match(r"# (ADR-\d{4}:|\d+\.) ", text)
    assert len(text.splitlines()) <= 60


def test_every_fragment_has_a_kind():
    wrong = [
        path.name
        for path in (ROOT / "changes").iterdir()
        if path.name != "README.md"
        and not re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", path.name)
    ]

    assert wrong == []
