"""The floors hold, the check of the floors catches a violation, and it fails when its paths have moved."""

import ast
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("cloudctl", "provisioning", "metering", "policies", "reports")
# Files besides store.py that may build SQL: finders that stand beside their tables on the ground floor, the ledger
# itself, allocation intervals, and the opening of a home.
SQL_FILES = {
    "cloudctl/core/audit.py",
    "cloudctl/core/database.py",
    "cloudctl/core/estate.py",
    "cloudctl/core/outbox.py",
    "cloudctl/core/schema.py",
    "cloudctl/operations/context.py",
    "metering/allocations.py",
}
# Names of SQLAlchemy that say nothing in SQL.
HARMLESS = {
    "DBAPIError",
    "IntegrityError",
    "NoResultFound",
    "OperationalError",
    "SQLAlchemyError",
    "Session",
    "inspect",
}
# Without the path of the editable install, on which it would go on finding the packages of the checkout.
LINT = f"""
import sys
sys.path.remove({str(ROOT)!r})
from importlinter.cli import lint_imports_command
lint_imports_command(["--no-cache"])
"""


@pytest.fixture
def copy(tmp_path):
    """The packages and their contracts, to break at will."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_floors_hold(copy):
    outcome = lint(copy)

    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("cloudctl/core/canary.py", "import provisioning.model"),
        ("provisioning/canary.py", "import metering.tables"),
        ("metering/canary.py", "import policies"),
        ("policies/canary.py", "import reports"),
        ("reports/canary.py", "import cloudctl.operations.context"),
        ("cloudctl/operations/canary.py", "import cloudctl.cli.run"),
        ("cloudctl/cli/canary.py", "import cloudctl.daemon"),
        ("provisioning/canary.py", "import libvirt"),
        ("cloudctl/operations/canary.py", "import click"),
        ("cloudctl/operations/canary.py", "import apscheduler"),
        ("metering/canary.py", "import duckdb"),
        ("policies/canary.py", "import numpy"),
    ],
)
def test_a_violation_is_caught(copy, module, line):
    (copy / module).write_text(f'"""A deliberate violation."""\n\n{line}\n')

    outcome = lint(copy)

    assert outcome.returncode == 1, outcome.stdout
    assert "BROKEN" in outcome.stdout


@pytest.mark.parametrize("gone", ["policies", "cloudctl/operations", "cloudctl/daemon"])
def test_a_floor_that_vanished_fails_the_check(copy, gone):
    shutil.rmtree(copy / gone)

    assert lint(copy).returncode != 0


def sql_imports(path: Path) -> list[str]:
    """What a file imports from SQLAlchemy that can build SQL."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = [
        alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "sqlalchemy"
        for alias in node.names
    ]
    return [name for name in names if name not in HARMLESS]


def test_sql_stands_in_store_files():
    wrong = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            may = path.name.endswith(("store.py", "tables.py")) or "migrations/" in name or name in SQL_FILES
            if not may and sql_imports(path):
                wrong.append(f"{name}: {', '.join(sql_imports(path))}")

    assert wrong == []


def test_the_files_allowed_to_build_sql_are_there():
    assert [name for name in sorted(SQL_FILES) if not (ROOT / name).exists()] == []


def test_a_session_is_not_queried_outside_the_store_files():
    """`session.query(…)` is SQL without an import."""
    wrong = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if path.name.endswith("store.py") or name in SQL_FILES:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                is_query = isinstance(node, ast.Attribute) and node.attr in {"query", "exec_driver_sql"}
                if is_query and ast.unparse(node.value) in {"session", "connection"}:
                    wrong.append(f"{name}:{node.lineno}")

    assert wrong == []


def test_nobody_else_claims_our_package_names():
    owners = packages_distributions()

    assert {name: set(owners.get(name, [])) for name in PACKAGES} == {name: {"cloudctl"} for name in PACKAGES}


def test_every_module_says_what_it_owns():
    silent = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


def test_only_the_clock_asks_the_machine_for_the_time():
    """Time is injected; only the system clock, and a last log's file name, read the machine's."""
    wrong = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if name in {"cloudctl/core/clock.py", "cloudctl/cli/failure_log.py"}:
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called in {"datetime.now", "datetime.utcnow", "date.today", "datetime.today", "time.time"}:
                    wrong.append(f"{name}:{node.lineno}: {called}")

    assert wrong == []
