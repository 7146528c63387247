"""A closed month: its rows refuse to change, and whatever is changed all the same is found and named."""

import json
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from tests.cloudctl.settled_city import City, at, close_month

pytestmark = pytest.mark.sqlite_file

STANDARD_AND_USED = """
tariffs:
  - code: std
    pool: [gov]
    valid_from: 2026-01-01
    items:
      - {item: vcpu, per: month, price: "46.00", basis: used}
      - {item: memory_gib, per: month, price: "17.00"}
"""


@pytest.fixture
def city(ctx, as_person, tmp_path) -> City:
    city = City(ctx, as_person, tmp_path).found()
    city.machine("tax-1", "fin", Size(2, 4096), at(9, 1))
    city.machine("edu-1", "edu", Size(8, 16384), at(9, 1))
    city.tariffs(STANDARD_AND_USED)
    for name in ("tax-1", "edu-1"):
        city.samples(name, at(10, 1), at(11, 1), step=3_600_000_000)
    city.until(at(11, 2))
    close_month(city)
    return city


def verified(run_cli, city):
    result = run_cli(city.ctx.home, "settle", "verify", "2026-10", "-o", "json", login="op")
    return result.exit_code, json.loads(result.stdout)


def named(document):
    return {(finding["kind"], finding["subject"], finding["problem"]) for finding in document["findings"]}


def test_an_untouched_month_verifies(city, run_cli):
    code, document = verified(run_cli, city)

    assert (code, document["ok"], document["findings"]) == (0, True, [])
    assert (document["statements"], document["lines"]) == (2, 4)
    assert document["evidence"] >= 2 + 2 + 1 + 1


CLOSED_ROWS = (
    "settlement_period",
    "statement",
    "statement_line",
    "settlement_signature",
    "settlement_evidence",
    "tariff",
    "allocation",
)


@pytest.mark.parametrize("table", CLOSED_ROWS)
def test_closed_rows_refuse_update_and_delete(city, table):
    column = "vcpus" if table == "allocation" else "id"
    for statement in (f'UPDATE "{table}" SET {column} = {column} + 1', f'DELETE FROM "{table}"'):
        with pytest.raises(IntegrityError), city.ctx.writing() as session:
            session.execute(text("PRAGMA defer_foreign_keys = ON"))
            session.execute(text(statement))


def test_an_allocation_of_a_closed_month_takes_no_neighbour_and_no_earlier_end(city):
    with pytest.raises(Refused, match="closed"):
        city.retire("tax-1", at(10, 20))
    with pytest.raises(IntegrityError), city.ctx.writing() as session:
        session.execute(
            text(
                'INSERT INTO allocation SELECT id + 100, vm_id, system_id, unit_id, pool_id, start + 1, "end", '
                "vcpus, memory_mib, storage_gib, reason FROM allocation WHERE id = 1"
            )
        )


def test_life_goes_on_after_a_closed_month(city, run_cli):
    city.resize("tax-1", "fin", Size(1, 2048), at(11, 3))
    city.retire("edu-1", at(11, 5))

    assert verified(run_cli, city)[0] == 0


def test_names_may_change_after_a_month_is_closed(city, run_cli):
    with city.ctx.writing() as session:
        session.execute(text("UPDATE pool SET provider = '华为'"))
        session.execute(text("UPDATE unit SET name = '改名'"))

    assert verified(run_cli, city)[0] == 0


def tamper(city: City, *statements: str) -> None:
    """What somebody with the file can do: triggers dropped, rows changed."""
    with sqlite3.connect(city.ctx.home / "ledger.sqlite") as connection:
        triggers = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in triggers:
            connection.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
    connection.close()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "UPDATE statement_line SET amount_fen = amount_fen + 1 WHERE id = (SELECT max(id) FROM statement_line)",
            ("line", "浪潮-2026-0002/2", "changed"),
        ),
        (
            "UPDATE statement SET total_fen = total_fen - 1 WHERE id = 1",
            ("total", "浪潮-2026-0001", "changed"),
        ),
        (
            "UPDATE statement SET unit_name = '别处' WHERE id = 1",
            ("statement", "浪潮-2026-0001 r1", "changed"),
        ),
        (
            "DELETE FROM statement_line WHERE id = (SELECT max(id) FROM statement_line)",
            ("line", "浪潮-2026-0002/2", "missing"),
        ),
        ("UPDATE allocation SET vcpus = 1 WHERE id = 1", ("allocations", "tax-1", "changed")),
        ('UPDATE allocation SET "end" = start + 1 WHERE id = 2', ("allocations", "edu-1", "missing")),
        (
            "UPDATE tariff SET document = replace(document, '46.00', '45.00')",
            ("tariff", "std v1 2026-01-01", "changed"),
        ),
        (
            "UPDATE settlement_signature SET login = 'nobody' WHERE act = 'approve'",
            ("signatures", "2026-10", "changed"),
        ),
        (
            "UPDATE settlement_period SET terms = replace(terms, '0.95', '0.5')",
            ("terms", "2026-10", "changed"),
        ),
        ("UPDATE settlement_evidence SET hash = '00' WHERE kind = 'tariff'", ("seal", "2026-10", "changed")),
        ("UPDATE settlement_period SET seal_hash = '00'", ("seal", "2026-10", "changed")),
        ("UPDATE settlement_period SET state = 'approved'", ("period", "2026-10", "changed")),
        ("UPDATE statement_line SET quantity = 'rubbish' WHERE id = 1", ("line", "2026-10", "changed")),
        ("DELETE FROM settlement_evidence WHERE kind = 'samples'", ("seal", "2026-10", "changed")),
        (
            "UPDATE audit_entry SET detail = '{}' WHERE action = 'settle.close'",
            ("seal", "2026-10", "changed"),
        ),
    ],
)
def test_an_edited_row_is_found_and_named(city, run_cli, statement, finding):
    tamper(city, statement)
    code, document = verified(run_cli, city)

    assert code == 7
    assert finding in named(document)


def test_a_cover_up_that_leaves_the_rows_consistent_is_found(city, run_cli):
    """One fen off in a line, with the total, the hash of the statement and its evidence made to fit."""
    tamper(
        city,
        "UPDATE statement_line SET amount_fen = amount_fen + 1 WHERE id = 1",
        "UPDATE statement SET total_fen = total_fen + 1 WHERE id = 1",
    )
    code, document = verified(run_cli, city)

    assert code == 7
    assert ("line", "浪潮-2026-0001/1", "changed") in named(document)
    found = next(f for f in document["findings"] if f["kind"] == "line")
    assert float(found["stored"]) - float(found["computed"]) == pytest.approx(0.01)


def sample_files(city: City):
    return sorted((city.ctx.home / "samples").rglob("*.parquet"))


@pytest.mark.parametrize("place", [0.01, 0.3, 0.5, 0.8, 0.999])
def test_one_changed_byte_in_a_sealed_sample_file_is_found_and_named(city, run_cli, place):
    path = sample_files(city)[5]
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x01
    path.write_bytes(data)
    code, document = verified(run_cli, city)

    assert code == 7
    assert ("samples", str(path.relative_to(city.ctx.home / "samples")), "changed") in named(document)


def test_a_sealed_sample_file_that_is_gone_is_named(city, run_cli):
    path = sample_files(city)[5]
    path.unlink()
    code, document = verified(run_cli, city)

    assert code == 7
    assert ("samples", str(path.relative_to(city.ctx.home / "samples")), "missing") in named(document)


def test_a_month_not_closed_is_not_verified(city, run_cli):
    assert run_cli(city.ctx.home, "settle", "verify", "2026-11", login="op").exit_code == 4


def test_a_tariff_that_would_move_a_closed_month_is_refused_and_a_later_one_is_not(city, run_cli, tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text(STANDARD_AND_USED.replace("46.00", "45.00"))
    refused = run_cli(city.ctx.home, "tariff", "apply", path, "--yes", login="op")
    split = STANDARD_AND_USED.replace(
        "valid_from: 2026-01-01", "valid_from: 2026-01-01\n    valid_to: 2026-11-15"
    )
    later = (
        STANDARD_AND_USED.replace("2026-01-01", "2026-11-15")
        .replace("46.00", "45.00")
        .replace("tariffs:", "")
    )
    path.write_text(split + later)
    applied = run_cli(city.ctx.home, "tariff", "apply", path, "--yes", login="op")

    assert refused.exit_code == 5 and "2026-10" in refused.stderr
    assert applied.exit_code == 0, applied.stderr
    assert verified(run_cli, city)[0] == 0


def test_the_zone_and_currency_of_a_closed_month_stay(city, run_cli, tmp_path):
    moved = tmp_path / "moved.yaml"
    moved.write_text("version: 1\nsite: {name: 市, timezone: Asia/Urumqi, currency: HKD, language: zh_CN}\n")

    result = run_cli(city.ctx.home, "inventory", "apply", moved, "--yes")

    assert result.exit_code == 3
    assert "moved.yaml:2:" in result.stderr and "2026-10" in result.stderr
    assert result.stderr.count("cannot change") == 2
    assert verified(run_cli, city)[0] == 0
