"""Segments are the longest intervals in which size, owner, pool and price stay the same."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from metering.settlement.charges import Measured, Month, Names, Terms, billed, charges
from metering.settlement.segments import Held, cuts, priced, stretches
from metering.tariffs import Basis, Item, Per, PriceBook, Rate, Step, Tariff

ZONE = ZoneInfo("Asia/Shanghai")
START, END = datetime(2026, 10, 1, tzinfo=ZONE), datetime(2026, 11, 1, tzinfo=ZONE)


def day(number: int) -> datetime:
    return START + timedelta(days=number - 1)


def held(number, start, end, vcpus=2, unit=1, system=1, pool=1, vm=1) -> Held:
    return Held(number, vm, system, unit, pool, start, end, vcpus, 4096, {})


def cut(*parts, first=None):
    found = stretches(parts, START, END, {part.vm_id: first or START for part in parts})
    return [(s.start, s.end, s.size.vcpus, s.unit_id) for s in found]


def rate(price, item=Item.VCPU, per=Per.MONTH, basis=Basis.HELD) -> Rate:
    return Rate(item, None, per, basis, (Step(None, Decimal(price)),))


def tariff(code, since, until, *rates) -> Tariff:
    return Tariff(code, ("gov",), since, until, rates)


def test_a_resize_and_a_transfer_cut_and_the_month_clips():
    before = START - timedelta(days=40)

    assert cut(held(1, before, day(10)), held(2, day(10), day(20), 4), held(3, day(20), None, 4, unit=2)) == [
        (START, day(10), 2, 1),
        (day(10), day(20), 4, 1),
        (day(20), END, 4, 2),
    ]


def test_neighbours_that_say_the_same_are_one_and_a_gap_is_a_gap():
    assert cut(held(1, START, day(5)), held(2, day(5), day(9)), held(3, day(12), None)) == [
        (START, day(9), 2, 1),
        (day(12), END, 2, 1),
    ]


def test_what_lies_outside_of_the_month_is_left_out():
    assert cut(held(1, END, None)) == []


BOOK = PriceBook(
    [
        tariff("a", date(2026, 1, 1), date(2026, 10, 15), rate("46"), rate("17", Item.MEMORY_GIB)),
        tariff("b", date(2026, 10, 15), None, rate("50"), rate("17", Item.MEMORY_GIB)),
    ],
    ZONE,
)


def test_a_price_change_cuts_the_item_it_changes_alone():
    found = [(p.rate.item, p.tariff.code, p.start, p.end) for p in priced(BOOK, "gov", START, END)]

    assert found == [
        (Item.VCPU, "a", START, day(15)),
        (Item.VCPU, "b", day(15), END),
        (Item.MEMORY_GIB, "a", START, END),
    ]
    assert cuts(BOOK, ["gov"], START, END) == [START, day(15), END]


def test_the_book_says_what_no_tariff_covers():
    book = PriceBook([tariff("a", date(2026, 10, 5), date(2026, 10, 9), rate("1"))], ZONE)

    assert list(book.uncovered("gov", START, END)) == [(START, day(5)), (day(9), END)]
    assert list(book.uncovered("other", START, END)) == [(START, END)]
    assert (book.tariff_at("gov", day(9)), book.tariff_at("gov", day(8)).code) == (None, "a")


def month(book) -> Month:
    names = Names({1: "vm"}, {1: "sys"}, {1: "gov"})
    return Month(
        Terms("2026-10", START, END, ZONE, Fraction("0.95"), frozenset(), {}),
        book,
        names,
        {},
        cuts(book, ["gov"], START, END),
    )


INSTANTS = st.integers(1, 31 * 86_400 * 10**6 - 1).map(
    lambda us: START.astimezone(UTC) + timedelta(microseconds=us)
)


@given(st.sets(INSTANTS, max_size=4), st.lists(st.integers(1, 3), min_size=5, max_size=5))
def test_lines_tile_what_was_held_and_their_unrounded_sum_is_what_it_costs(points, sizes):
    edges = [START.astimezone(UTC), *sorted(points), END.astimezone(UTC)]
    parts = [held(n, a, b, vcpus=sizes[n]) for n, (a, b) in enumerate(itertools.pairwise(edges))]
    found = stretches(parts, START, END, {1: START})
    lines = [line for stretch in found for line in charges(month(BOOK), stretch) if line.item == "vcpu"]

    assert [line.start for line in lines[1:]] == [line.end for line in lines[:-1]]
    assert (lines[0].start, lines[-1].end) == (START, END)
    neighbours = list(itertools.pairwise(lines))
    assert all((a.quantity, a.unit_price) != (b.quantity, b.unit_price) for a, b in neighbours)
    seconds = sum(line.quantity * int((line.end - line.start) / timedelta(microseconds=1)) for line in lines)
    assert seconds == sum(
        part.vcpus * int((part.end - part.start) / timedelta(microseconds=1)) for part in parts
    )


@given(st.fractions(0, 100), st.fractions(0, 200), st.integers(0, 100))
def test_the_greater_is_never_less_than_held_nor_than_used(held_quantity, used, measured_us):
    evidence = Measured(100, measured_us, used if measured_us else None)
    greater = billed(Basis.GREATER, held_quantity, evidence, Fraction(1, 2), False)
    plain = billed(Basis.USED, held_quantity, evidence, Fraction(1, 2), False)

    assert greater.quantity == max(held_quantity, plain.quantity)
    assert greater.is_held_back == plain.is_held_back == (measured_us < 50)
    assert billed(Basis.HELD, held_quantity, evidence, Fraction(1, 2), False).quantity == held_quantity
