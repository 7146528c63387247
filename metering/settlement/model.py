"""What a settled month is made of, as frozen values: period, statements, lines, disputes, signatures."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction


class StatementState(StrEnum):
    """superseded: a later revision of the same number stands in its place."""

    DRAFTED = "drafted"
    ISSUED = "issued"
    CONFIRMED = "confirmed"
    DISPUTED = "disputed"
    DEEMED = "deemed"
    APPROVED = "approved"
    CLOSED = "closed"
    SUPERSEDED = "superseded"


class PeriodState(StrEnum):
    """open: not drafted yet. While its statements are being answered a period shows the state they are in."""

    OPEN = "open"
    DRAFTED = "drafted"
    ISSUED = "issued"
    DISPUTED = "disputed"
    CONFIRMED = "confirmed"
    DEEMED = "deemed"
    APPROVED = "approved"
    CLOSED = "closed"


class Act(StrEnum):
    """What a signature signs."""

    DRAFT = "draft"
    ISSUE = "issue"
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    DEEM = "deem"
    CORRECT = "correct"
    UPHOLD = "uphold"
    APPROVE = "approve"
    CLOSE = "close"


class LineKind(StrEnum):
    """reversal and correction: the two lines of an adjustment to a closed month."""

    CHARGE = "charge"
    REVERSAL = "reversal"
    CORRECTION = "correction"


@dataclass(frozen=True, slots=True)
class Line:
    """One charge of a statement: one item of one machine in [start, end) at one price.

    position: its number in the statement, from 1; None before it has a place there.
    item: vcpu, memory_gib, storage_gib, machine. tier: of the storage, None for other items and for all tiers together.
    basis: held, used or greater. per: hour, month or once (then start = end). quantity: what is charged, in the
    item's unit; held_quantity what was held; used_quantity the mean of what was measured, None where nothing was.
    slice_from, slice_to: the part of the quantity a graduated tier takes, (from, to]; None without tiers.
    measured_us, missing_us, estimated_us: time with and without a measurement, and how much of the missing time was
    charged at the mean of the measured; microseconds. is_held_back: billed by use on too little evidence; its
    amount is 0 until the gap is filled or waived.
    charge_period: the month it is for; corrects: "NUMBER/POSITION" of the closed line an adjustment speaks of.
    """

    kind: LineKind
    vm: str
    system: str
    item: str
    tier: str | None
    pool: str
    tariff: str
    basis: str
    per: str
    start: datetime
    end: datetime
    quantity: Fraction
    held_quantity: Fraction
    used_quantity: Fraction | None
    unit_price: Decimal
    amount_fen: int
    measured_us: int
    missing_us: int
    estimated_us: int
    charge_period: str
    is_held_back: bool = False
    is_waived: bool = False
    slice_from: Decimal | None = None
    slice_to: Decimal | None = None
    corrects: str | None = None
    reason: str | None = None
    position: int | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """Who did what to a statement (statement None: to the whole period), in which role, on which content."""

    act: Act
    login: str
    name: str
    role: str
    at: datetime
    content_hash: str
    algorithm: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A unit's objection to one line, and the answer to it (None while there is none)."""

    line: int
    reason: str
    raised_by: str
    raised_at: datetime
    answer: str | None
    answer_reason: str | None
    answered_by: str | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A funding hold that was in force on the unit when it was read: since when, and on what grounds."""

    ground: str
    reason: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class Statement:
    """What one unit owes one provider for one month. number: None until it is issued for the first time."""

    id: int
    period: str
    number: str | None
    revision: int
    unit: str
    unit_name: str
    provider: str
    state: StatementState
    total_fen: int
    content_hash: str
    issued_at: datetime | None
    deadline: datetime | None
    lines: tuple[Line, ...]
    disputes: tuple[Dispute, ...] = ()
    signatures: tuple[Signature, ...] = ()

    @property
    def held_back(self) -> tuple[Line, ...]:
        return tuple(line for line in self.lines if line.is_held_back)


@dataclass(frozen=True, slots=True)
class Period:
    """A month of the site, [starts, ends), with its current statements in the order of provider and unit."""

    period: str
    state: PeriodState
    starts: datetime
    ends: datetime
    total_fen: int
    statements: tuple[Statement, ...]
    signatures: tuple[Signature, ...] = ()
    seal_hash: str | None = None
    seal_algorithm: str | None = None
    closed_at: datetime | None = None
