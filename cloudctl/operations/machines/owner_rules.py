"""A site's own rules of who owns a machine, from a file: patterns of names, projects and metadata, a system each."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cloudctl.core.errors import InvalidInput, Problem, problem
from cloudctl.core.estate import systems
from cloudctl.core.yaml_problems import Marks
from cloudctl.core.yaml_source import YamlModel, load_document
from cloudctl.operations.context import Context
from provisioning.ownership import SiteRule
from provisioning.store import pools


class RuleEntry(YamlModel):
    """Whatever is stated must hold; a pattern knows * and ? and [abc]."""

    system: str
    name: str | None = None
    project: str | None = None
    metadata: Mapping[str, str] = {}
    pool: str | None = None

    def rule(self) -> SiteRule:
        return SiteRule(self.system, self.name, self.project, self.metadata, self.pool)


class RuleFile(YamlModel):
    rules: tuple[RuleEntry, ...]


def read_owner_rules(ctx: Context, path: Path) -> tuple[SiteRule, ...]:
    """In the file's order: the first that matches speaks. InvalidInput for every fault; NotFound without the file."""
    document, marks = load_document(path, RuleFile)
    with ctx.reading() as session:
        known = {row.code for row in systems(session)}, {row.code for row in pools(session)}
    problems = list(_faults(document, marks, *known))
    if problems:
        raise InvalidInput(problems)
    return tuple(entry.rule() for entry in document.rules)


def _faults(
    document: RuleFile, marks: Marks, known_systems: set[str], known_pools: set[str]
) -> Iterator[Problem]:
    if not document.rules:
        yield problem(marks.place(("rules",)), "At least one entry is needed here.")
    for index, entry in enumerate(document.rules):
        if entry.system not in known_systems:
            place = marks.place(("rules", index, "system"))
            yield problem(place, "There is no system “{code}”.", code=entry.system)
        if entry.pool is not None and entry.pool not in known_pools:
            place = marks.place(("rules", index, "pool"))
            yield problem(place, "There is no pool “{code}”.", code=entry.pool)
        if not (entry.name or entry.project or entry.metadata):
            yield problem(
                marks.place(("rules", index)), "A rule says what it goes by: name, project or metadata."
            )
