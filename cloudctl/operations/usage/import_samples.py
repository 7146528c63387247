"""Imports recorded usage: files of samples that somebody else measured, whole or not at all, as often as one likes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros, to_micros
from cloudctl.core.errors import InvalidInput, Message, NotFound, Problem, Refused, problem
from cloudctl.core.identity import Role
from cloudctl.operations.context import Context
from cloudctl.operations.usage.home_samples import sample_store
from cloudctl.operations.usage.sweep_recovery import adopt_orphans
from metering.allocations import AllocationSpan, spans_between
from metering.samples.files import file_hash
from metering.samples.formats import SourceFile, describe_file, read_candidates
from metering.samples.intake import Intake, Known, Verdict
from metering.samples.store import SampleStore, Staged, connected, writable
from metering.store import ReportedSize, keep_import, keep_reported_sizes, newest_source, seals
from provisioning.store import vms

# The ledger's whole time, as far as allocations go.
EVER = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
# How often an import is judged anew because samples of its time were added meanwhile.
ATTEMPTS = 3
IMPORT = "import"
# Of the file that was read: anybody can compute it anywhere, and processors have it built in.
ALGORITHM = "sha256"
# So many wrong lines of a file an error lists.
TOLD = 100
# A file is judged as one: more memory spares it the way over the disk.
MEMORY_LIMIT = "1500MB"


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What came of one file."""

    file: Path
    format: str
    verdict: Verdict

    def as_row(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "file": str(self.file),
            "format": self.format,
            "rows": verdict.rows,
            "accepted": verdict.accepted,
            "already_there": verdict.known,
            "repeated": verdict.repeated,
            "contradicting": verdict.contradicting,
            "trimmed": verdict.trimmed,
            "rejected": verdict.rejected_rows,
            "reasons": dict(verdict.rejected),
            "lines": [
                {"line": unused.line, "reason": unused.reason}
                | ({"machine": unused.machine} if unused.machine else {})
                for unused in verdict.listed
            ],
        }


def import_samples(
    ctx: Context,
    paths: Sequence[Path],
    *,
    format: str | None = None,
    strict: bool = False,
    dry_run: bool = False,
    on_file: Callable[[Path], None] | None = None,
) -> list[ImportedFile]:
    """Takes what is new in the files into the store, all files in one transaction.

    NotFound, nothing changed: files that are not there. InvalidInput, nothing changed: a file that can't be read, a
    file of which nothing is right, and with `strict` any row that is wrong or contradicts. Rows that the
    store has already are counted, so importing twice changes nothing.
    """
    ctx.actor.require(Role.OPERATOR)
    if missing := [str(path) for path in paths if not path.exists()]:
        raise NotFound("There is no file {path}.", path=", ".join(missing))
    files = [describe_file(path, format) for path in paths]
    store = sample_store(ctx)
    with ctx.writing() as session:
        adopt_orphans(session, store, ctx.clock.now())
    for _ in range(ATTEMPTS):
        with writable(), _judged(ctx, store, files, on_file) as batch:
            _refuse_wrong(batch.files, strict=strict)
            if dry_run or not batch.parts:
                return batch.files
            with ctx.writing() as session:
                if _is_as_judged(session, batch):
                    _enter(ctx, session, store, batch)
                    return batch.files
    raise Refused(
        "Samples of the same time were being added all the while; nothing was imported.",
        hint=Message("Try again."),
    )


@dataclass(frozen=True, slots=True)
class _Batch:
    """Files judged and written, not yet in the manifest; seen, seals and held: what they were held against."""

    files: list[ImportedFile]
    parts: Sequence[Staged]
    window: tuple[datetime, datetime]
    seen: int
    seals: Sequence[Any]
    held: Sequence[AllocationSpan]
    reported: Mapping[int, ReportedSize]


@contextmanager
def _judged(
    ctx: Context, store: SampleStore, files: Sequence[SourceFile], on_file: Callable[[Path], None] | None
) -> Iterator[_Batch]:
    with store.holding_files(), ctx.reading() as session, connected(store.folder, MEMORY_LIMIT) as connection:
        closed, held = seals(session), spans_between(session, *EVER)
        intake = Intake(
            connection,
            Known(
                {row.name: row.id for row in vms(session)},
                held,
                [(to_micros(seal.start), to_micros(seal.end)) for seal in closed],
                to_micros(ctx.clock.now()),
            ),
        )
        taken, bounds = [], []
        for file in files:
            if on_file:
                on_file(file.path)
            read_candidates(connection, file)
            start, end = map(from_micros, intake.place() or (0, 0))
            bounds += [start, end]
            store.attach(connection, session, start, end)
            taken.append(ImportedFile(file.path, file.format, intake.take()))
        window = (min(bounds), max(bounds))
        seen = newest_source(session, *window)
        reported = {row[0]: ReportedSize(from_micros(row[1]), *row[2:]) for row in intake.reported()}
        session.rollback()
        with store.staged(connection, "SELECT * FROM accepted") as parts:
            yield _Batch(taken, parts, window, seen, closed, held, reported)


def _is_as_judged(session: Session, batch: _Batch) -> bool:
    """Whether samples, sealed periods and allocations still are what the files were held against."""
    return (
        newest_source(session, *batch.window) == batch.seen
        and seals(session) == batch.seals
        and spans_between(session, *EVER) == batch.held
    )


def _refuse_wrong(files: Sequence[ImportedFile], *, strict: bool) -> None:
    """All files that are refused, at once, with their lines."""
    problems = [reason for item in files if _is_refused(item.verdict, strict) for reason in _problems(item)]
    if problems:
        raise InvalidInput(problems)


def _is_refused(verdict: Verdict, strict: bool) -> bool:
    wrong = verdict.rejected_rows + (verdict.contradicting if strict else 0)
    return bool(wrong) and (strict or verdict.rejected_rows == verdict.rows)


def _problems(item: ImportedFile) -> list[Problem]:
    verdict = item.verdict
    told = [
        Problem(f"{item.file}:{unused.line}:1", REASONS[unused.reason](unused.machine))
        for unused in verdict.listed[:TOLD]
    ]
    more = verdict.rejected_rows + verdict.contradicting - len(told)
    return [
        *told,
        *([problem(str(item.file), "… and {count} more line(s).", count=more)] if more > 0 else []),
    ]


def _enter(ctx: Context, session: Session, store: SampleStore, batch: _Batch) -> None:
    for part in batch.parts:
        store.enter_staged(session, part, IMPORT)
    keep_reported_sizes(session, batch.reported)
    for item in batch.files:
        if not item.verdict.accepted:
            continue
        row = keep_import(
            session,
            file=item.file.name,
            format=item.format,
            algorithm=ALGORITHM,
            hash=file_hash(item.file, ALGORITHM),
            imported_at=ctx.clock.now(),
            actor=ctx.actor.login,
            accepted=item.verdict.accepted,
            known=item.verdict.known,
            contradicting=item.verdict.contradicting,
            rejected=item.verdict.rejected_rows,
        )
        ctx.record(
            session,
            "samples.import",
            item.file.name,
            number=row.id,
            format=item.format,
            algorithm=ALGORITHM,
            hash=row.hash,
            accepted=row.accepted,
            known=row.known,
            contradicting=row.contradicting,
            rejected=row.rejected,
        )


REASONS: Mapping[str, Callable[[str | None], Message]] = {
    "columns": lambda _: Message("The line has another number of columns than the header."),
    "machine_missing": lambda _: Message("The line names no machine."),
    "time": lambda _: Message("The end is no time with an offset, nor epoch seconds."),
    "number": lambda _: Message("A value is not a finite number."),
    "negative": lambda _: Message("A value is negative."),
    "interval": lambda _: Message("The interval is missing, or not between 0 and 86,400 seconds."),
    "state": lambda _: Message("The state is not one of running, paused, off, unknown."),
    "off_but_used": lambda _: Message("The machine is off and yet used CPU or memory."),
    "machine": lambda name: Message("Nobody knows a machine “{name}”.", {"name": name}),
    "future": lambda _: Message("The interval ends in the future."),
    "outside_allocation": lambda _: Message("The machine held nothing at that time."),
    "closed_period": lambda _: Message("The interval lies in a closed period."),
    "overlap": lambda _: Message("The interval overlaps another one of the machine."),
    "contradicting": lambda _: Message("The interval is known with other values, which stay."),
}
