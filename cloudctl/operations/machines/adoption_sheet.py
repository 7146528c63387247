"""The sheet of decisions on machines without an owner: written for people, and read back strictly."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from cloudctl.core.errors import InvalidInput, Message, Problem, Refused, Unreachable, problem
from cloudctl.core.estate import systems
from cloudctl.core.i18n import LANGUAGES, Catalogue
from cloudctl.core.sheet_reader import Sheet, Value, quoted, read_workbook
from cloudctl.operations.context import Context
from cloudctl.operations.machines.adopt_machines import Adoption, objections
from cloudctl.operations.machines.list_orphans import Orphan, list_orphans
from cloudctl.operations.machines.unasked_pools import require_answers
from provisioning.ownership import SiteRule
from reports.forms.adoption_sheet import COLUMNS, FIRST_ROW, LIST_SHEET, column_of, write_adoption_sheet

# What stands in a row must still be what the cloud says: a sheet may be weeks old.
FACTS = ("vm", "vcpus", "memory_mib")


def make_adoption_sheet(
    ctx: Context,
    path: Path,
    pool: str | None = None,
    rules: Sequence[SiteRule] = (),
    *,
    dry_run: bool = False,
) -> int:
    """Writes the sheet, unless dry_run; the number of its machines. Refused where the file is there; Unreachable."""
    if path.exists():
        raise Refused("There is a file {path} already.", path=str(path))
    orphans = list_orphans(ctx, pool, rules)
    require_answers(orphans.unreachable)
    with ctx.reading() as session:
        codes = sorted(row.code for row in systems(session))
    content = write_adoption_sheet([each.row() for each in orphans.found], codes, ctx.texts)
    if dry_run:
        return len(orphans.found)
    try:
        path.write_bytes(content)
    except OSError as failure:
        raise Unreachable(
            "The form cannot be written to {path}: {reason}", path=str(path), reason=failure.strerror
        ) from None
    return len(orphans.found)


def read_adoption_sheet(ctx: Context, path: Path) -> list[Adoption]:
    """What is to be adopted, in the sheet's order. InvalidInput with every problem of the sheet, each with its cell.

    Unreachable when a pool of the sheet does not answer.
    """
    pages = [page for page in read_workbook(path, hidden=[LIST_SHEET]) if page.title != LIST_SHEET]
    if not pages:
        raise InvalidInput([problem(str(path), "The form has lost a sheet.")])
    sheet = pages[0]
    problems = [fault for page in pages for fault in page.problems]
    problems += [
        problem(page.place(1, 1), "This sheet is not of the form.") for page in pages[1:] if page.cells
    ]
    problems += list(_headings(sheet))
    if not problems:
        orphans = list_orphans(ctx)
        named = {str(value) for (_, column), value in sheet.cells.items() if column == column_of("pool")}
        require_answers({code: why for code, why in orphans.unreachable.items() if code in named})
        found = {(each.pool, each.machine.external_id): each for each in orphans.found}
        with ctx.reading() as session:
            codes = {row.code for row in systems(session)}
        reading = _Reading(sheet, found, codes, problems)
        wanted = dict(reading.adoptions())
        with ctx.reading() as session:
            lines = {id(each): line for line, each in wanted.items()}
            for each, why in objections(session, wanted.values()):
                problems.append(Problem(sheet.place(lines[id(each)], column_of("vm")), why))
        if not problems:
            return list(wanted.values())
    raise InvalidInput(problems)


def _headings(sheet: Sheet) -> Iterator[Problem]:
    texts = [Catalogue(language) for language in LANGUAGES]
    for column, (_, heading, _) in enumerate(COLUMNS, 1):
        known = {each.message(heading) for each in texts}
        if sheet.cells.get((1, column)) not in known:
            yield problem(sheet.place(1, column), "Here the heading “{heading}” is wanted.", heading=heading)


class _Reading:
    """The rows of one sheet against what the clouds show now; what is wrong is added to `problems`."""

    def __init__(
        self,
        sheet: Sheet,
        found: Mapping[tuple[str, str], Orphan],
        systems: set[str],
        problems: list[Problem],
    ) -> None:
        self.sheet, self.found, self.systems, self.problems = sheet, found, systems, problems
        words = [Catalogue(language) for language in LANGUAGES]
        self.words = {texts.label("adoption", word): word for texts in words for word in ("adopt", "leave")}

    def adoptions(self) -> Iterator[tuple[int, Adoption]]:
        """(row, adoption) of every row that says so and is right."""
        seen: dict[tuple[str, str], int] = {}
        for line in sorted({row for row, _ in self.sheet.cells if row >= FIRST_ROW}):
            before = len(self.problems)
            decision, system = self._decision(line), self._system(line)
            key = (self._text(line, "pool"), self._text(line, "external_id"))
            if decision == "adopt" and system is None and not self._value(line, "system"):
                self._wrong(line, "system", Message("Say which system takes it over."))
            orphan = self._orphan(line, key) if decision == "adopt" else None
            if decision is not None and seen.setdefault(key, line) != line:
                self._wrong(
                    line, "external_id", Message("Row {row} speaks of this machine too.", {"row": seen[key]})
                )
            if orphan is not None and system is not None and len(self.problems) == before:
                yield line, Adoption(orphan.machine, orphan.pool, system)

    def _decision(self, line: int) -> str | None:
        value = self._value(line, "decision")
        if value is None:
            return None
        word = self.words.get(value) if isinstance(value, str) else None
        if word is None:
            known = ", ".join(self.words)
            self._wrong(
                line,
                "decision",
                Message("“{value}” is no decision: {known}.", {"value": quoted(value), "known": known}),
            )
        return word

    def _system(self, line: int) -> str | None:
        value = self._value(line, "system")
        if value is None:
            return None
        if not isinstance(value, str):
            self._wrong(
                line, "system", Message("Text is wanted here, not {value}.", {"value": quoted(value)})
            )
            return None
        if value not in self.systems:
            self._wrong(line, "system", Message("There is no system “{code}”.", {"code": quoted(value)}))
            return None
        return value

    def _orphan(self, line: int, key: tuple[str, str]) -> Orphan | None:
        orphan = self.found.get(key)
        if orphan is None:
            why = Message("No cloud shows this machine without an owner any more.")
            self._wrong(line, "external_id", why)
            return None
        shown = orphan.row()
        for name in FACTS:
            if self._value(line, name) != shown[name]:
                values = {"value": shown[name]}
                self._wrong(line, name, Message("The cloud says {value} here; make a new sheet.", values))
        return orphan

    def _text(self, line: int, key: str) -> str:
        return str(self._value(line, key) or "")

    def _value(self, line: int, key: str) -> Value:
        return self.sheet.cells.get((line, column_of(key)))

    def _wrong(self, line: int, key: str, why: Message) -> None:
        self.problems.append(Problem(self.sheet.place(line, column_of(key)), why))
