"""Fixtures for all tests: a ready home, its context, other people's contexts, and the command line in-process."""

import io
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from cloudctl.core.clock import DrivenClock, FileClock
from cloudctl.core.i18n import Catalogue
from cloudctl.core.identity import Role
from cloudctl.core.settings import FILE_NAME
from cloudctl.core.tables import PersonRow, UnitRow
from cloudctl.operations.context import CLOCK_FILE, Context, find_actor, open_context
from cloudctl.operations.home.initialise import initialise
from tests import ledgers

# 2026-10-01T00:00+08:00, where every test home's clock begins.
START = datetime(2026, 9, 30, 16, tzinfo=UTC)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="Write golden files afresh from what tests make."
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where a server keeps the ledgers, tests that open a ledger's file have nothing to open."""
    if ledgers.server():
        for item in items:
            if item.get_closest_marker("sqlite_file"):
                item.add_marker(pytest.mark.skip(reason="opens the ledger's SQLite file"))


# Timings of a shared machine are no property of the code.
hypothesis_settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("house")


class HomeClock(DrivenClock):
    """A driven clock that writes its home's clock file too, so that the command line sees the same time."""

    def __init__(self, home: Path) -> None:
        self._file = FileClock(home / CLOCK_FILE)
        super().__init__(self._file.now())

    def move_to(self, instant: datetime) -> None:
        super().move_to(instant)
        self._file.move_to(instant)


@dataclass(frozen=True, slots=True)
class Result:
    """What a call of the command line left behind."""

    exit_code: int
    stdout: str
    stderr: str


# What makes rich and click colour or cut what they write into a pipe.
TERMINAL = ("COLUMNS", "LINES", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")


@pytest.fixture(autouse=True, scope="session")
def _plain_environment() -> Iterator[None]:
    """No setting of the machine that runs the tests reaches them."""
    ours = [name for name in os.environ if name.startswith("CLOUDCTL_") and name != "CLOUDCTL_TRACES"]
    with pytest.MonkeyPatch.context() as patch:
        for name in (*ours, *TERMINAL):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def _every_text_has_its_chinese(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fails a test in which a text was shown that the Chinese catalogue lacks: headings made of keys, for instance."""
    plain, lacking = Catalogue.text, set[str]()

    def text(self: Catalogue, template: str, **values: Any) -> str:
        if not self.has_text(template):
            lacking.add(template)
        return plain(self, template, **values)

    monkeypatch.setattr(Catalogue, "text", text)
    yield
    if not request.node.get_closest_marker("made_up_texts"):
        assert not lacking, f"no Chinese for {sorted(lacking)}"


@pytest.fixture(scope="session")
def template_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home migrated once per session; tests get copies."""
    home = tmp_path_factory.mktemp("template") / "home"
    home.mkdir()
    (home / FILE_NAME).write_text('[clock]\nmode = "driven"\n')
    if ledgers.server():
        ledgers.keep_ledger_in(home, ledgers.new_database())
    FileClock(home / CLOCK_FILE).move_to(START)
    initialise(home, language="en")
    return home


@pytest.fixture
def home(template_home: Path, tmp_path: Path) -> Iterator[Path]:
    """An initialised home with English texts, no inventory, its clock at 2026-10-01T00:00+08:00."""
    target = tmp_path / "home"
    shutil.copytree(template_home, target)
    if not ledgers.server():
        yield target
        return
    url = ledgers.new_database(like=ledgers.ledger_of(template_home))
    ledgers.keep_ledger_in(target, url)
    yield target
    ledgers.drop_database(url)


@pytest.fixture
def ctx(home: Path) -> Iterator[Context]:
    """The founder's context (operator, sysadmin). Its clock is driven: ctx.clock.move_to(…), ctx.clock.advance(…)."""
    with open_context(home) as context:
        yield replace(context, clock=HomeClock(home))


@pytest.fixture
def as_person() -> Callable[..., Context]:
    """as_person(ctx, login): the same context for another person of the ledger.

    as_person(ctx, login, "panel", …, unit="fin") records him first, with these roles (and his unit's code).
    """

    def switch(context: Context, login: str, *roles: str, unit: str | None = None) -> Context:
        if roles:
            _record_person(context, login, roles, unit)
        with context.reading() as session:
            return context.acting_as(find_actor(session, context.settings, login, "cli"))

    return switch


def _record_person(context: Context, login: str, roles: tuple[str, ...], unit: str | None) -> None:
    with context.writing() as session:
        row = session.query(PersonRow).filter_by(login=login).one_or_none()
        if row is None:
            row = PersonRow(login=login, name=login, roles=[], is_founder=False)
            session.add(row)
        row.roles = [str(Role(role)) for role in roles]
        row.unit_id = session.query(UnitRow).filter_by(code=unit).one().id if unit else None


@pytest.fixture
def run_cli(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """run_cli(home, *args, login=None, lang="en", stdin=""): the command in this process, without a terminal."""

    def run(
        home: Path, *args: Any, login: str | None = None, lang: str | None = "en", stdin: str = ""
    ) -> Result:
        from cloudctl.cli.failures import run_guarded
        from cloudctl.cli.main import cli

        options = [*(["--lang", lang] if lang else []), *(["--as", login] if login else [])]
        streams = {name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for name in ("stdout", "stderr")}
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdin", io.StringIO(stdin))
            for name, stream in streams.items():
                patch.setattr(sys, name, stream)
            code = run_guarded(cli, ["--home", str(home), *options, *map(str, args)])
            out, err = (_written(stream) for stream in streams.values())
        return Result(code, out, err)

    return run


def _written(stream: io.TextIOWrapper) -> str:
    if stream.closed:
        return ""
    stream.flush()
    data = stream.buffer
    assert isinstance(data, io.BytesIO)
    return data.getvalue().decode()
