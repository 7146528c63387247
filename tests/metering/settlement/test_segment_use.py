"""What the samples say of a segment agrees with a reckoning by hand, whatever crosses which edge."""

import itertools
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudctl.core.database import from_micros, to_micros
from metering.samples.model import Sample
from metering.samples.segment_model import Span
from metering.samples.segment_use import segment_use
from metering.samples.store import FOLDER, SampleStore

BASE = to_micros(datetime(2026, 10, 1, tzinfo=UTC))
MINUTE = 60 * 10**6


def sample(allocation: int, start: int, end: int, use: int | None, state: str = "running") -> Sample:
    return Sample(
        vm=allocation,
        allocation=allocation,
        start_us=BASE + start * MINUTE,
        end_us=BASE + end * MINUTE,
        state=state,
        vcpus=4,
        cpu_ns=use,
        steal_ns=None,
        memory_mib=1024,
        memory_used_bytes=None if use is None else use * 3,
        storage_gib=10,
        storage_used_bytes=None,
        disk_written_bytes=None,
        network_bytes=None,
        cpu_quality="measured",
        memory_quality="measured",
        storage_quality="unknown",
    )


def by_hand(samples, span):
    """(seen, measured, cpu, memory) of a span, sample by sample."""
    seen, measured, cpu, memory = 0, 0, Fraction(0), Fraction(0)
    for item in samples:
        inside = min(item.end_us, span.end_us) - max(item.start_us, span.start_us)
        if item.allocation != span.allocation or inside <= 0:
            continue
        seen += inside if item.state != "unknown" else 0
        if item.cpu_ns is not None:
            measured += inside
            cpu += Fraction(item.cpu_ns * inside, item.end_us - item.start_us)
            memory += item.memory_used_bytes * inside
    return seen, measured, cpu, memory


@st.composite
def stories(draw):
    """Samples of three allocations one after another, spans cut at some edges, not all inside their allocation."""
    edges = sorted(draw(st.sets(st.integers(1, 119), min_size=0, max_size=3)))
    samples, spans = [], []
    for allocation in (1, 2, 3):
        at = draw(st.integers(-10, 10))
        while at < 125:
            length = draw(st.integers(1, 30))
            use = draw(st.one_of(st.none(), st.integers(0, 2**50)))
            samples.append(
                sample(allocation, at, at + length, use, draw(st.sampled_from(["running", "off", "unknown"])))
            )
            at += length + draw(st.sampled_from([0, 0, 7]))
        low, high = sorted(draw(st.sets(st.integers(0, 120), min_size=2, max_size=2)))
        points = [low, *(edge for edge in edges if low < edge < high), high]
        spans += [
            Span(allocation, BASE + a * MINUTE, BASE + b * MINUTE) for a, b in itertools.pairwise(points)
        ]
    return samples, spans, [0, *edges, 120]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(stories())
def test_sums_are_exact_whatever_crosses_an_edge(ctx, story):
    samples, spans, edges = story
    store = SampleStore(ctx.home / FOLDER, ctx.clock)
    cuts = [from_micros(BASE + edge * MINUTE) for edge in edges]
    with ctx.database._session("IMMEDIATE") as session:
        store.append(session, samples)
        answers = segment_use(store, session, spans, cuts)
        session.rollback()

    for span in spans:
        use = answers[span]
        found = (use.seen_us, use.measured_us["cpu"], use.used["cpu"], use.used["memory"])
        assert found == by_hand(samples, span)
        assert use.measured_us["storage"] == 0


def test_no_samples_is_nothing_measured(ctx):
    store = SampleStore(ctx.home / FOLDER, ctx.clock)
    span = Span(1, BASE, BASE + MINUTE)
    start = from_micros(BASE)
    with ctx.reading() as session:
        use = segment_use(store, session, [span], [start, start + timedelta(minutes=1)])[span]

    assert (use.seen_us, use.measured_us["cpu"], use.used["cpu"]) == (0, 0, 0)


def test_nothing_asked_opens_nothing(ctx):
    assert segment_use(SampleStore(ctx.home / "nowhere", ctx.clock), None, [], []) == {}


def test_huge_sums_stay_exact(ctx):
    big = [replace_use(sample(1, n, n + 1, 2**60)) for n in range(60)]
    store = SampleStore(ctx.home / FOLDER, ctx.clock)
    span = Span(1, BASE, BASE + 60 * MINUTE)
    with ctx.writing() as session:
        store.append(session, big)
        use = segment_use(store, session, [span], [from_micros(BASE), from_micros(BASE + 60 * MINUTE)])[span]

    assert use.used["cpu"] == 60 * 2**60
    assert use.used["memory"] == 60 * (2**61 - 1) * MINUTE


def replace_use(item: Sample) -> Sample:
    return item._replace(memory_used_bytes=2**61 - 1)


def test_use_is_taken_away_as_it_was_added():
    from metering.samples.segment_model import Use

    use, part = (
        Use(),
        Use(
            5,
            {"cpu": 3, "memory": 2, "storage": 1},
            dict.fromkeys(("cpu", "memory", "storage"), Fraction(7, 3)),
        ),
    )
    use.add(part)
    use.add(part, -1)

    assert use == Use()
