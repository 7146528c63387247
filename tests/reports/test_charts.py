"""Charts: accessible, escaped, true to their figures, the same bytes each time."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.draw import draw
from reports.charts.model import Chart, Event, LineChart, Mark, PairBars, Series, StackedColumns
from reports.charts.scale import scale_for
from reports.charts.svg import fit, text_width

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 9, 30, 16, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"

LINES = LineChart(
    name="cpu",
    title="CPU",
    description="mean 30 %",
    measure="percent",
    axis="%",
    times=tuple(START + timedelta(hours=hour) for hour in range(72)),
    series=(Series("mean", (*[0.2, 0.3] * 18, *[None] * 12, *[0.4] * 24)),),
    marks=(Mark("50%", 0.5), Mark("P95 51%", 0.51)),
    events=(Event("resized", START + timedelta(hours=30)),),
)
BARS = PairBars("use", "Use", "", "vCPU", "held", "used", "not measured", ("a", "b"), (10, 20), (5, None))
COLUMNS = StackedColumns(
    "months",
    "Months",
    "",
    "money",
    "yuan",
    ("2026-09", "2026-10"),
    (Series("vCPU", (100, 50)), Series("adj", (0, -20))),
)


@pytest.mark.parametrize("chart", [LINES, BARS, COLUMNS], ids=["lines", "bars", "columns"])
def test_a_chart_is_xml_with_a_name_and_a_description(chart: Chart) -> None:
    root = ElementTree.fromstring(draw(chart, ZONE))
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert title.text == chart.title
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    assert draw(chart, ZONE) == draw(chart, ZONE)
    assert "<script" not in draw(chart, ZONE)


@pytest.mark.parametrize("chart", [LINES, BARS, COLUMNS], ids=["lines", "bars", "columns"])
def test_hostile_texts_stay_text(chart: Chart) -> None:
    evil = '</text><script>alert("1")</script>\x0b&'
    drawn = draw(replace(chart, title=evil, description=evil, axis=evil), ZONE)
    assert "<script" not in drawn
    ElementTree.fromstring(drawn)


def test_gaps_are_gaps_and_never_zero() -> None:
    root = ElementTree.fromstring(draw(LINES, ZONE))
    lines = [p for p in root.iter(f"{SVG}path") if p.get("fill") == "none"]
    assert len(lines) == 2
    assert any(box.get("fill") == "url(#cpu-gap)" for box in root.iter(f"{SVG}rect"))


def test_labels_of_near_marks_do_not_cover_each_other() -> None:
    root = ElementTree.fromstring(draw(LINES, ZONE))
    heights = [float(t.attrib["y"]) for t in root.iter(f"{SVG}text") if t.get("font-weight") == "bold"]
    assert len(heights) == 2
    assert abs(heights[0] - heights[1]) >= 12


def test_bars_are_in_proportion_and_unknown_use_is_said() -> None:
    drawn = draw(BARS, ZONE)
    root = ElementTree.fromstring(drawn)
    light = [float(box.attrib["width"]) for box in root.iter(f"{SVG}rect") if box.get("fill") == "#dce9f2"]
    dark = [float(box.attrib["width"]) for box in root.iter(f"{SVG}rect") if box.get("fill") == "#0072B2"]
    assert light[1] == pytest.approx(2 * light[0], abs=0.02)
    assert dark[0] == pytest.approx(light[0] / 2, abs=0.02)
    assert "not measured" in drawn
    assert "50.0%" in drawn


def test_reversals_hang_below_the_axis_and_the_total_is_their_sum() -> None:
    drawn = draw(COLUMNS, ZONE)
    assert re.search(r">30</text>", drawn)
    assert "-" in "".join(re.findall(r">(-?[\d,]+)</text>", drawn))


def test_a_chart_without_figures_says_so() -> None:
    empty = replace(BARS, categories=(), held=(), used=(), empty="nothing held")
    assert "nothing held" in draw(empty, ZONE)


@given(
    st.floats(min_value=0, max_value=1e12, allow_nan=False),
    st.floats(min_value=-1e9, max_value=0, allow_nan=False),
)
def test_a_scale_holds_every_value_in_few_round_steps(highest: float, lowest: float) -> None:
    scale = scale_for(highest, 200, 20, lowest)
    assert scale.bottom <= lowest + scale.step * 1e-6
    assert scale.top >= highest - scale.step * 1e-6
    assert 1 <= len(scale.ticks) <= 9


def test_long_names_are_cut_with_an_ellipsis() -> None:
    assert fit("短", 100) == "短"
    cut = fit("国库集中支付电子化管理系统" * 5, 120)
    assert cut.endswith("…")
    assert text_width(cut) <= 120
