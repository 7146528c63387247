"""Rules of the house that no linter knows."""

import ast
import tomllib
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("cloudctl", "provisioning", "metering", "policies", "reports")
# Where whatever goes wrong must not stop the rest: the doors, and the job runner.
MAY_CATCH_ALL = ("cloudctl/cli/failures.py", "cloudctl/daemon/")
# Hard limits; what is usual is a third of them.
LONGEST_FILE, LONGEST_FUNCTION = 500, 80
FLOORLESS_NAMES = {"utils", "helpers", "common", "manager", "base", "misc"}


def trees():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            yield path.relative_to(ROOT).as_posix(), text, ast.parse(text)


def test_files_have_one_subject():
    long = [
        (name, len(text.splitlines())) for name, text, _ in trees() if len(text.splitlines()) > LONGEST_FILE
    ]

    assert long == []


def test_functions_are_short():
    long = [
        (f"{name}:{node.lineno}", node.name)
        for name, _, tree in trees()
        if "migrations/versions" not in name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno > LONGEST_FUNCTION
    ]

    assert long == []


def test_nothing_is_named_for_being_left_over():
    assert [name for name, _, _ in trees() if Path(name).stem in FLOORLESS_NAMES] == []


def test_only_the_doors_catch_everything():
    wrong = []
    for name, _, tree in trees():
        if name.startswith(MAY_CATCH_ALL):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler) and not any(
                isinstance(n, ast.Raise) for n in ast.walk(node)
            ):
                caught = ast.unparse(node.type) if node.type else "everything"
                if caught in {"everything", "Exception", "BaseException"}:
                    wrong.append(f"{name}:{node.lineno}")

    assert wrong == []


def test_nothing_is_printed_but_by_the_command_line():
    wrong = [
        f"{name}:{node.lineno}"
        for name, _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"
    ]

    assert wrong == []


def test_nothing_reads_the_environment_or_a_file_at_import():
    wrong = []
    for name, _, tree in trees():
        for statement in tree.body:
            if isinstance(statement, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
                continue
            for node in ast.walk(statement):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if (
                    called.endswith((".read_text", ".read_bytes", ".open", "getenv", "environ.get"))
                    or called == "open"
                ):
                    wrong.append(f"{name}:{node.lineno}")

    assert wrong == []


def test_value_classes_are_frozen_and_slotted():
    """A dataclass is a value unless it says that it changes: then it is slotted all the same."""
    wrong = []
    for name, _, tree in trees():
        for node in ast.walk(tree):
            # What remembers answers of its own needs a dictionary to keep them in.
            if isinstance(node, ast.ClassDef) and "cached_property" not in ast.unparse(node):
                for decorator in map(ast.unparse, node.decorator_list):
                    if (
                        decorator.startswith(("dataclass", "dataclasses.dataclass"))
                        and "slots=True" not in decorator
                    ):
                        wrong.append(f"{name}:{node.lineno} {node.name}")

    assert wrong == []


def test_nothing_committed_names_a_machine_or_a_package_index():
    """Addresses of indexes and absolute paths of somebody's machine have no place in the tree."""
    wrong = []
    for path in [
        *ROOT.glob("*"),
        *(p for d in ("docs", "requirements", "scripts", ".ci") for p in (ROOT / d).rglob("*")),
    ]:
        if path.is_file() and path.suffix in {".md", ".toml", ".txt", ".in", ".yaml", ".cfg", ""}:
            text = path.read_text(encoding="utf-8", errors="replace")
            if (
                "--index-url" in text
                or "--find-links" in text
                or "/root/" in text
                or "pypi.org/simple" in text
            ):
                wrong.append(path.relative_to(ROOT).as_posix())

    assert wrong == []


def test_every_data_file_is_packaged():
    """An install from a wheel has what the checkout has."""
    globs = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    forgotten = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*"))
        # Python writes what it compiles there, under passing names while it does.
        if "__pycache__" not in path.parts and path.is_file() and path.suffix != ".py"
        if not any(
            fnmatch(path.relative_to(ROOT / package).as_posix(), glob.replace("**/", "*/"))
            for glob in globs[package]
        )
    ]

    assert forgotten == []
