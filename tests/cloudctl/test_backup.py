"""Backup, restore, check and upgrade of a home: whole or not at all, nothing lost, damage named."""

import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from cloudctl.core.database import Database, to_micros
from cloudctl.core.process_lock import held_lock
from cloudctl.core.schema import known_revisions
from cloudctl.operations.home.migrate import migrate
from cloudctl.operations.usage.home_samples import sample_store
from metering.samples.model import Sample

pytestmark = pytest.mark.sqlite_file


@pytest.fixture
def sampled(ctx):
    """A home with two sample files in its store."""
    for minutes in (5, 10):
        start = ctx.clock.now()
        ctx.clock.advance(timedelta(minutes=5))
        values = dict.fromkeys(Sample._fields)
        values |= {
            "vm": 1,
            "allocation": 1,
            "start_us": to_micros(start),
            "end_us": to_micros(ctx.clock.now()),
            "state": "running",
            "vcpus": 2,
            "cpu_ns": minutes,
            "memory_mib": 1024,
            "storage_gib": 10,
            "cpu_quality": "measured",
            "memory_quality": "unknown",
            "storage_quality": "unknown",
        }
        with ctx.writing() as session:
            sample_store(ctx).append(session, [Sample(**values)])
    return ctx


def sample_files(home):
    return sorted(path.relative_to(home).as_posix() for path in (home / "samples").rglob("*.parquet"))


def entries(home, run_cli):
    return [row["action"] for row in json.loads(run_cli(home, "audit", "log", "-o", "json").stdout)]


def test_a_sound_home_checks_with_0(sampled, run_cli):
    done = run_cli(sampled.home, "db", "check", "--hashes", "-o", "json")
    answer = json.loads(done.stdout)

    assert done.exit_code == 0 and answer["ok"] is True
    assert (answer["sample_files"], answer["sample_rows"]) == (2, 2)


@pytest.mark.parametrize("harm", ["missing", "longer", "one byte"])
def test_a_harmed_sample_file_is_named(sampled, run_cli, harm):
    name = sample_files(sampled.home)[0]
    path = sampled.home / name
    data = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(data + b"x" if harm == "longer" else data[:10] + bytes([data[10] ^ 1]) + data[11:])
    done = run_cli(sampled.home, "db", "check", "--hashes", "-o", "json")
    answer = json.loads(done.stdout)

    assert done.exit_code == 7
    assert answer["missing_files"] + answer["changed_files"] == [name.removeprefix("samples/")]
    assert run_cli(sampled.home, "doctor").exit_code == (0 if harm == "one byte" else 7)


def test_an_orphaned_row_is_found(home, run_cli):
    with closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        connection.execute("INSERT INTO system (code, name, unit_id, status) VALUES ('x', 'x', 99, 'live')")
        connection.commit()
    done = run_cli(home, "db", "check", "-o", "json")

    assert done.exit_code == 7 and "system" in json.loads(done.stdout)["faults"][0]


def test_a_backup_brings_back_a_lost_home(sampled, run_cli, tmp_path):
    backup, new = tmp_path / "backup", tmp_path / "new"
    assert run_cli(sampled.home, "db", "backup", backup, "--with-samples").exit_code == 0
    done = run_cli(new, "db", "restore", backup, "--yes")

    assert done.exit_code == 0, done.stderr
    assert sample_files(new) == sample_files(sampled.home)
    assert entries(new, run_cli) == ["home.initialise", "ledger.restore"]
    assert run_cli(new, "db", "check", "--hashes").exit_code == 0
    assert (new / "clock").read_text() == (sampled.home / "clock").read_text()


def test_a_restore_moves_the_present_ledger_aside(sampled, run_cli, tmp_path):
    run_cli(sampled.home, "db", "backup", tmp_path / "backup")
    before = entries(sampled.home, run_cli)
    run_cli(sampled.home, "db", "restore", tmp_path / "backup", "--yes")

    assert before == ["home.initialise", "ledger.backup"]
    assert entries(sampled.home, run_cli) == ["home.initialise", "ledger.restore"]
    (aside,) = (sampled.home / "backups").glob("before-restore-*/ledger.sqlite")
    with closing(sqlite3.connect(aside)) as old:
        assert old.execute("SELECT count(*) FROM audit_entry").fetchone() == (2,)


def test_a_restore_asks_and_a_dry_run_only_tells(sampled, run_cli, tmp_path):
    run_cli(sampled.home, "db", "backup", tmp_path / "backup")
    asked = run_cli(sampled.home, "db", "restore", tmp_path / "backup")
    dry = run_cli(sampled.home, "db", "restore", tmp_path / "backup", "--dry-run", "--yes")

    assert (asked.exit_code, dry.exit_code) == (5, 0) and "2 audit entries" in dry.stderr
    assert entries(sampled.home, run_cli) == ["home.initialise", "ledger.backup"]


def test_a_backup_never_goes_over_something(sampled, run_cli, tmp_path):
    (tmp_path / "backup").mkdir()

    assert run_cli(sampled.home, "db", "backup", tmp_path / "backup").exit_code == 5


def test_a_backup_that_fails_leaves_no_half(sampled, run_cli, tmp_path):
    (sampled.home / sample_files(sampled.home)[0]).unlink()
    done = run_cli(sampled.home, "db", "backup", tmp_path / "backup", "--with-samples")

    assert done.exit_code == 4 and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home"]


@pytest.mark.parametrize("part", ["ledger.sqlite", "samples", "backup.json", "path"])
def test_a_damaged_backup_is_refused_and_nothing_is_changed(sampled, run_cli, tmp_path, part):
    backup, new = tmp_path / "backup", tmp_path / "new"
    run_cli(sampled.home, "db", "backup", backup, "--with-samples")
    path = next((backup / "samples").rglob("*.parquet")) if part == "samples" else backup / part
    if part == "path":
        document = json.loads((backup / "backup.json").read_text())
        document["samples"][0]["path"] = "../../escaped.parquet"
        (backup / "backup.json").write_text(json.dumps(document))
    else:
        data = path.read_bytes()
        path.write_bytes(data[:40] + b"\xff" + data[41:])
    done = run_cli(new, "db", "restore", backup, "--yes")

    assert done.exit_code == 3 and "Traceback" not in done.stderr
    assert not new.exists()


def test_a_restore_tells_what_samples_nobody_has(sampled, run_cli, tmp_path):
    run_cli(sampled.home, "db", "backup", tmp_path / "backup")
    done = run_cli(tmp_path / "new", "db", "restore", tmp_path / "backup", "--yes")

    assert done.exit_code == 0
    for name in sample_files(sampled.home):
        assert name.removeprefix("samples/") in done.stderr


def test_no_restore_under_a_running_scheduler(sampled, run_cli, tmp_path):
    run_cli(sampled.home, "db", "backup", tmp_path / "backup")
    with held_lock(sampled.home / "ledger.sqlite.scheduler"):
        done = run_cli(sampled.home, "db", "restore", tmp_path / "backup", "--yes")

    assert done.exit_code == 5 and "scheduler" in done.stderr


def test_a_folder_that_is_no_backup_is_not_found(home, run_cli, tmp_path):
    assert run_cli(home, "db", "restore", tmp_path, "--yes").exit_code == 4


def test_a_person_without_the_right_restores_nothing(sampled, as_person, run_cli, tmp_path):
    as_person(sampled, "wang", "finance")
    run_cli(sampled.home, "db", "backup", tmp_path / "backup")
    done = run_cli(sampled.home, "db", "restore", tmp_path / "backup", "--yes", login="wang")

    assert done.exit_code == 5 and "sysadmin" in done.stderr


def test_an_upgrade_of_a_current_ledger_has_nothing_to_do(home, run_cli):
    done = run_cli(home, "db", "upgrade")

    assert done.exit_code == 0 and not (home / "backups").exists()


def test_an_older_ledger_is_refused_until_upgraded_and_keeps_a_copy(home, run_cli):
    older = home.parent / "older"
    older.mkdir()
    shutil.copy(home / "cloudctl.toml", older)
    shutil.copy(home / "clock", older)
    database = Database(f"sqlite:///{older / 'ledger.sqlite'}")
    migrate(database, known_revisions()[0])
    database.close()
    with closing(sqlite3.connect(home / "ledger.sqlite")) as source:
        rows = {
            table: source.execute(f"SELECT * FROM {table}").fetchall()
            for table in ("site", "person", "audit_entry")
        }
    with closing(sqlite3.connect(older / "ledger.sqlite")) as target:
        for table, values in rows.items():
            target.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(values[0]))})", values)
        target.commit()

    assert run_cli(older, "audit", "log").exit_code == 5
    assert run_cli(older, "doctor").exit_code == 7
    assert run_cli(older, "db", "upgrade").exit_code == 5, "it asks first"
    assert run_cli(older, "db", "upgrade", "--dry-run").exit_code == 0
    assert run_cli(older, "audit", "log").exit_code == 5
    assert run_cli(older, "db", "upgrade", "--yes").exit_code == 0
    assert entries(older, run_cli) == ["home.initialise", "ledger.upgrade"]
    assert len(list((older / "backups").glob("before-upgrade-*.sqlite"))) == 1
    assert run_cli(older, "db", "check").exit_code == 0


def test_doctor_finds_a_home_that_is_none(tmp_path, run_cli):
    done = run_cli(tmp_path / "none", "doctor", "-o", "json")

    assert done.exit_code == 7 and [row["check"] for row in json.loads(done.stdout)] == ["home"]


def test_doctor_tells_of_settings_and_goes_on_no_further(home, run_cli):
    (home / "cloudctl.toml").write_text("[metering]\ninterval_s = 1\nsurplus = 2\n")
    done = run_cli(home, "doctor", "-o", "json")
    bad = [row for row in json.loads(done.stdout) if row["health"] == "bad"]

    assert done.exit_code == 7 and [row["check"] for row in bad] == ["settings", "settings"]
    assert "cloudctl.toml:2" in bad[0]["detail"]


def test_doctor_warns_of_a_clock_before_the_last_entry(ctx, run_cli):
    late = replace(ctx, clock=type(ctx.clock)(ctx.home))
    late.clock.advance(timedelta(days=2))
    with late.writing() as session:
        late.record(session, "test.act", "from the future")
    (ctx.home / "clock").write_text("2026-10-01T00:00:00+00:00\n")
    rows = json.loads(run_cli(ctx.home, "doctor", "-o", "json").stdout)

    assert {row["check"]: row["health"] for row in rows}["clock"] == "bad"
