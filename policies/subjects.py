"""From what was held to what is asked: a machine's time in the window, its last resize, whether it is old enough."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from metering.allocations import AllocationSpan
from metering.samples.review_model import MachineQuestion, ReviewWindow


@dataclass(frozen=True, slots=True)
class Holding:
    """One machine's question, and what its allocations alone say. is_young: not held since the window's start."""

    question: MachineQuestion
    present: AllocationSpan
    is_young: bool
    is_resized_since: bool

    @property
    def is_resized_within(self) -> bool:
        return not self.is_resized_since and self.question.sized_held_us < self.question.held_us


def holdings(spans: Sequence[AllocationSpan], window: ReviewWindow) -> dict[int, Holding]:
    """Of every machine that held something in the window and still does. `spans` from the window's start until now,
    by machine and start."""
    found: dict[int, Holding] = {}
    for vm_id, group in groupby(spans, key=lambda span: span.vm_id):
        own = list(group)
        if own[-1].end_us is None and own[0].start_us < window.end_us:
            found[vm_id] = _holding(own, window)
    return found


def _holding(own: Sequence[AllocationSpan], window: ReviewWindow) -> Holding:
    run = _last_run(own, lambda span: (span.vcpus, span.memory_mib, span.storage_gib))
    held = _last_run([span for span in own if span.start_us < window.end_us], lambda _: None)
    sized_us, present = run[0].start_us, own[-1]
    return Holding(
        question=MachineQuestion(
            vm_id=present.vm_id,
            held_us=_time(own, window.start_us, window.end_us),
            recent_held_us=_time(own, window.recent_us, window.end_us),
            sized_us=sized_us,
            sized_held_us=_time(own, max(sized_us, window.start_us), window.end_us),
            vcpus=present.vcpus,
            memory_mib=present.memory_mib,
            storage_gib=present.storage_gib,
        ),
        present=present,
        is_young=held[0].start_us > window.start_us,
        is_resized_since=sized_us >= window.end_us,
    )


def _last_run(own: Sequence[AllocationSpan], key: Callable[[AllocationSpan], object]) -> list[AllocationSpan]:
    """The last spans that follow one another without a break and agree in `key`."""
    run = [own[-1]]
    for span in reversed(own[:-1]):
        if span.end_us != run[0].start_us or key(span) != key(run[0]):
            break
        run.insert(0, span)
    return run


def _time(own: Sequence[AllocationSpan], start_us: int, end_us: int) -> int:
    return sum(
        max(0, min(end_us if span.end_us is None else span.end_us, end_us) - max(span.start_us, start_us))
        for span in own
    )
