"""The command's frame: help in two languages at any depth, near words, exit codes, streams, no tracebacks."""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cloudctl import __version__
from cloudctl.cli.command import TranslatedCommand, TranslatedGroup
from cloudctl.cli.layout import cell_width, wrapped
from cloudctl.cli.lazy import GROUPS
from cloudctl.core.errors import (
    Differences,
    InvalidInput,
    Message,
    NotFound,
    Refused,
    Unreachable,
    UsageError,
    problem,
)

EXECUTABLE = Path(sys.executable).with_name("cloudctl")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def all_commands():
    def below(path, command):
        yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below([*path, name], inner)

    for name, (address, _) in GROUPS.items():
        module, attribute = address.split(":")
        yield from below([name], getattr(importlib.import_module(module), attribute))


READ_ONLY = {
    "totals",
    "terms",
    "forecast",
    # What it boots is gone when it answers.
    "probe",
    "inspect",
    *(
        "console",
        "list",
        "show",
        "log",
        "verify",
        "top",
        "status",
        "coverage",
        "jobs",
        "chart",
        "export",
        "plan",
        "check",
    ),
    *("drift", "doctor", "completion", "metrics"),
}
COMMANDS = list(all_commands())
IDS = [" ".join(path) for path, _ in COMMANDS]


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_every_command_has_help_and_two_examples(path, command):
    assert command.help, "no help"
    assert isinstance(command, TranslatedCommand)
    assert len(command.examples) >= 2
    for example in command.examples:
        assert "cloudctl" in example


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_examples_are_calls_the_command_understands(path, command):
    """Each example names this command, and its options exist: what is shown can be typed."""
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for inner in getattr(command, "commands", {}).values():
        known |= {name for parameter in inner.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"--home", "--lang", "--as", "--help", "-h"}
    for example in command.examples:
        assert " ".join(path) in example or path[-1] in example.split(), example
        ours = example.split("cloudctl", 1)[1].split("|")[0]
        used = set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", ours))
        assert used <= known, f"{example}: {used - known}"


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_help_is_chinese_and_english(path, command, home, run_cli):
    english = run_cli(home, *path, "--help")
    chinese = run_cli(home, *path, "--help", lang="zh_CN")

    assert (english.exit_code, english.stderr, chinese.exit_code, chinese.stderr) == (0, "", 0, "")
    assert english.stdout.startswith("Usage: ") and chinese.stdout.startswith("用法：")
    prose = [line for line in english.stdout.splitlines() if "cloudctl" not in line]
    assert not CHINESE.search("\n".join(prose))
    for line in chinese.stdout.splitlines():
        assert cell_width(line) <= 80 or "cloudctl" in line or "|" in line, line


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_every_option_is_explained(path, command):
    silent = [p.opts for p in command.params if isinstance(p, click.Option) and not p.help]

    assert silent == []


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_lists_and_shows_take_every_format(path, command):
    if path[-1] in {"list", "show", "log", "verify", "top", "status", "coverage", "jobs"}:
        assert any("--output" in parameter.opts for parameter in command.params)


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=IDS)
def test_what_changes_something_takes_yes_and_a_dry_run(path, command):
    if isinstance(command, click.Group) or path[-1] in READ_ONLY:
        return
    options = {name for parameter in command.params for name in parameter.opts}

    assert "--yes" in options
    assert "--dry-run" in options


def test_every_group_of_the_register_is_there_with_the_same_summary():
    for name, (address, summary) in GROUPS.items():
        module, attribute = address.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert (command.name, " ".join(command.help.split())) == (name, summary)


def test_version_and_help_load_no_library():
    code = (
        "import sys; from cloudctl.cli.main import cli\n"
        "try: cli(['--version'])\nexcept SystemExit: pass\n"
        "print([m for m in ('sqlalchemy','duckdb','pydantic','rich','numpy','alembic','tomllib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"cloudctl {__version__}", "[]"]


@pytest.mark.parametrize(
    ("arguments", "near"),
    [
        (["inventroy"], "inventory"),
        (["audit", "verfy"], "verify"),
        (["audit", "verify", "--ouput", "json"], "--output"),
        (["--hom", "x", "audit"], "--home"),
    ],
)
def test_a_mistyped_word_is_answered_with_a_near_one(home, run_cli, arguments, near):
    for lang, told in (("en", "Did you mean"), ("zh_CN", "您是否想输入")):
        done = run_cli(home, *arguments, lang=lang)

        assert done.exit_code == 2 and done.stdout == ""
        assert near in done.stderr and told in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit", "log", "--limit", "many"],
        ["audit", "log", "--limit", "0"],
        ["audit", "log", "-o", "xml"],
        ["audit", "log", "--limit"],
        ["audit", "log", "surplus"],
        ["db", "backup"],
        ["db", "upgrade", "--yes=1"],
        ["completion", "tcsh"],
    ],
)
def test_wrong_usage_is_told_in_chinese_without_english_left(home, run_cli, arguments):
    done = run_cli(home, *arguments, lang="zh_CN")

    assert done.exit_code == 2 and done.stdout == ""
    assert done.stderr.startswith("用法：") and "错误：" in done.stderr
    leftover = re.findall(r"\b(?:Error|Usage|Try|Invalid|Missing|must|is not|Got|requires)\b", done.stderr)
    assert leftover == []


def test_a_group_alone_shows_its_help(home, run_cli):
    done = run_cli(home, "audit")

    assert done.exit_code == 2 and "verify" in done.stdout + done.stderr


@pytest.mark.made_up_texts
@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UsageError("u"), 2),
        (InvalidInput([problem("f.yaml:1:2", "wrong {what}", what="key")]), 3),
        (NotFound("n"), 4),
        (Refused("r", hint=Message("do this")), 5),
        (Unreachable("u"), 6),
        (Differences("d"), 7),
        (KeyboardInterrupt(), 130),
        (click.Abort(), 5),
        (OSError(28, "No space left on device", "/home/x"), 6),
        (PermissionError(13, "Permission denied", "/home/x"), 6),
        (FileNotFoundError(2, "No such file", "/home/x"), 4),
        (RuntimeError("a defect"), 1),
    ],
)
def test_a_failure_becomes_a_message_and_a_code(home, run_cli, monkeypatch, failure, code):
    def fail(*_, **__):
        raise failure

    monkeypatch.setattr("cloudctl.cli.audit.verify_audit", fail)
    done = run_cli(home, "audit", "verify")

    assert done.exit_code == code
    assert done.stdout == "" and done.stderr and "Traceback" not in done.stderr


@pytest.mark.made_up_texts
def test_an_invalid_input_lists_every_reason_with_its_place(home, run_cli, monkeypatch):
    reasons = [problem("a.yaml:3:7", "first"), problem("a.yaml:9:1", "second")]

    def fail(*_, **__):
        raise InvalidInput(reasons)

    monkeypatch.setattr("cloudctl.cli.audit.verify_audit", fail)

    assert run_cli(home, "audit", "verify").stderr.splitlines()[1:] == [
        "  a.yaml:3:7: first",
        "  a.yaml:9:1: second",
    ]


def test_the_unexpected_is_kept_under_the_home_and_told_without_a_traceback(home, run_cli, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr("cloudctl.cli.audit.verify_audit", fail)
    done = run_cli(home, "audit", "verify")

    (log,) = (home / "logs").iterdir()
    assert str(log) in done.stderr and "a defect of ours" not in done.stderr
    assert "a defect of ours" in log.read_text()


def test_an_opened_home_speaks_its_own_language_unless_told_otherwise(home):
    told = {"LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"}
    environment = {name: value for name, value in os.environ.items() if name not in told}
    command = [str(EXECUTABLE), "--home", str(home), "audit", "log"]

    own = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    other = subprocess.run(
        command, env={**environment, "CLOUDCTL_LANG": "zh_CN"}, capture_output=True, text=True, check=True
    )

    assert "action" in own.stdout and "动作" in other.stdout


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "Usage"),
        ({"LC_ALL": "", "LANG": "en_GB.UTF-8"}, "Usage"),
        ({"LANG": "C.UTF-8"}, "用法"),
    ],
)
def test_without_a_home_the_locale_says_the_language(tmp_path, run_cli, monkeypatch, settings, word):
    for name in ("LC_ALL", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)

    assert word in run_cli(tmp_path / "none", "audit", "--help", lang=None).stdout


def test_every_format_says_the_same(home, run_cli):
    rows = json.loads(run_cli(home, "audit", "log", "-o", "json").stdout)
    csv_lines = run_cli(home, "audit", "log", "-o", "csv").stdout.splitlines()
    yaml_text = run_cli(home, "audit", "log", "-o", "yaml").stdout
    table = run_cli(home, "audit", "log").stdout

    assert rows[0]["action"] == "home.initialise" and rows[0]["at"] == "2026-10-01T00:00:00+08:00"
    assert csv_lines[0].split(",")[:2] == ["sequence", "at"] and len(csv_lines) == 1 + len(rows)
    assert "action: home.initialise" in yaml_text
    assert "home.initialise" in table and "2026-10-01 00:00" in table


def test_no_colour_reaches_a_file(home, run_cli):
    assert "\x1b" not in run_cli(home, "audit", "log").stdout


@pytest.mark.parametrize("output", ["json", "csv", "yaml", "table"])
def test_a_reader_that_leaves_is_no_failure(ctx, output):
    # More than a pipe holds: what is written when the reader has gone finds nobody.
    with ctx.writing() as session:
        for number in range(600):
            ctx.record(session, "test.act", f"thing-{number}", note="n" * 150)
    words = ["audit", "log", "--limit", "1000", "-o", output]
    command = [str(EXECUTABLE), "--home", str(ctx.home), "--lang", "en", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout.read(1)
        process.stdout.close()

        assert process.stderr.read() == b"" and process.wait() == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(home, run_cli, shell):
    done = run_cli(home, "completion", shell)

    assert done.exit_code == 0 and "_CLOUDCTL_COMPLETE" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cloudctl inv", "inventory"),
        ("cloudctl audit ver", "verify"),
        ("cloudctl audit log --sin", "--since"),
    ],
)
def test_a_word_is_completed(words, expected):
    environment = {
        **os.environ,
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
        "_CLOUDCTL_COMPLETE": "bash_complete",
    }
    done = subprocess.run([str(EXECUTABLE)], env=environment, capture_output=True, text=True, check=True)

    assert f"plain,{expected}" in done.stdout.splitlines()


def test_completing_a_group_loads_no_group():
    code = (
        "import sys; from cloudctl.cli.main import cli; import click\n"
        "from click.shell_completion import BashComplete\n"
        "BashComplete(cli, {}, 'cloudctl', 'X').get_completions([], '')\n"
        "print('sqlalchemy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("width", [20, 50, 78])
def test_lines_keep_to_their_width(width):
    text = (
        "把账本升级到本版本的结构；升级前的账本另存一份。cloudctl keeps words whole，并且标点不会出现在行首。"
        * 3
    )

    lines = wrapped(text, width)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_width(line) <= width + 1 for line in lines)
    assert not any(line[0] in "，。；" for line in lines)


def test_ctrl_c_is_told_and_ends_with_130(home):
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=180)

    assert process.returncode == 130 and "Traceback" not in err and "Interrupted" in err


# Started in the background, without a terminal, a process ignores the signal: here it must not.
INTERRUPTIBLE = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import cloudctl.cli.audit
def slowly(ctx):
    print("under way", flush=True)
    time.sleep(600)
cloudctl.cli.audit.verify_audit = slowly
from cloudctl.cli.main import main
main(["--home", sys.argv[1], "--lang", "en", "audit", "verify"])
"""


def test_groups_are_translated_groups():
    assert all(
        isinstance(command, TranslatedGroup) for _, command in COMMANDS if isinstance(command, click.Group)
    )
