"""What a case file and the panel's agenda say."""

from dataclasses import dataclass
from datetime import datetime

from cloudctl.core.quantity import Size
from reports.datasets.shared import Curve, Imprint, Named


@dataclass(frozen=True, slots=True)
class MeterEvidence:
    """One meter of the frozen evidence, in vCPUs, MiB or GiB; shares are fractions.

    load_p95, load_max: use and steal since the last resize. present, proposed: the amounts of the two sizes
    (proposed None: nothing is proposed). expected_p95, expected_max: that load over the proposed amount.
    """

    meter: str
    is_marked: bool
    verdict: str | None
    held: float | None
    used: float | None
    mean: float | None
    p95: float | None
    max: float | None
    coverage: float | None
    load_p95: float | None
    load_max: float | None
    present: int
    proposed: int | None
    expected_p95: float | None
    expected_max: float | None
    curve: Curve


@dataclass(frozen=True, slots=True)
class RuleShown:
    """The rule the case was opened by, as its file has it."""

    version: int
    hash: str
    window_days: int
    mean_below: str
    coverage_at_least: str
    p95_at_most: str
    max_below: str


@dataclass(frozen=True, slots=True)
class Ballot:
    """One vote. voter and reason are None where ballots are secret."""

    round: int
    voter: str | None
    choice: str
    reason: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class HistoryStep:
    at: datetime
    actor: str
    step: str
    state: str
    text: str


@dataclass(frozen=True, slots=True)
class CaseReport:
    """One case file whole. over_share: of the time the old load would have exceeded the proposed size;
    tight_share: the target's share of it."""

    imprint: Imprint
    case: int
    kind: str
    state: str
    vm: str
    system: Named
    unit: Named
    pool: Named
    start: datetime
    end: datetime
    rule: RuleShown
    size: Size
    target: Size | None
    remedy: str | None
    outcome: str | None
    lack: str | None
    exemption: str | None
    resized_at: datetime | None
    monthly_fen: int | None
    monthly_saving_fen: int | None
    over_share: float | None
    tight_share: float | None
    steal_share: float | None
    memory_coarse_share: float | None
    network_bytes_per_s: float | None
    disk_written_bytes_per_s: float | None
    meters: tuple[MeterEvidence, ...]
    opened_by: str
    opened_at: datetime
    notified_at: datetime | None
    answer_by: datetime | None
    answer: str | None
    answer_text: str | None
    round: int
    quorum: int
    is_secret: bool
    ballots: tuple[Ballot, ...]
    tally: dict[str, int]
    to_vote: tuple[str, ...]
    recused: tuple[str, ...]
    decision: str | None
    decided_at: datetime | None
    appealed_at: datetime | None
    scheduled_for: datetime | None
    executed_at: datetime | None
    executed_by: str | None
    before_size: Size | None
    watch_until: datetime | None
    rollback_proposed_at: datetime | None
    rolled_back_at: datetime | None
    history: tuple[HistoryStep, ...]
    evidence_algorithm: str
    evidence_hash: str


@dataclass(frozen=True, slots=True)
class PanelMember:
    login: str
    name: str
    unit: Named | None


@dataclass(frozen=True, slots=True)
class AgendaReport:
    """What the panel has before it. votes: cases it may vote on; accepted: those whose unit agreed without a vote."""

    imprint: Imprint
    at: datetime
    quorum: int
    members: tuple[PanelMember, ...]
    votes: tuple[CaseReport, ...]
    accepted: tuple[CaseReport, ...]
