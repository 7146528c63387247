"""Draws one group's use over time, a chart per meter, as one SVG page part each."""

from datetime import datetime

from cloudctl.operations.context import Context
from cloudctl.operations.usage.show_usage import usage_curve
from reports.charts.draw import draw
from reports.charts.model import LineChart, Mark, Series

HALF = Mark("50 %", 0.5)


def draw_usage(
    ctx: Context, by: str, code: str, meter: str, window: tuple[datetime | None, datetime | None]
) -> str:
    """The SVG of one meter. NotFound for a code that held nothing in the window."""
    curve = usage_curve(ctx, by, code, window)
    name = ctx.texts.label("meter", meter)
    chart = LineChart(
        name=f"usage-{meter}",
        title=ctx.texts.text("{code}: {meter} utilisation", code=code, meter=name),
        description=ctx.texts.text("Means over equal spans of time; a gap is a time nothing was measured."),
        measure="percent",
        axis=ctx.texts.text("% of what was held"),
        times=curve.times,
        series=(Series(ctx.texts.text("mean"), curve.meters[meter]),),
        marks=(HALF,),
        empty=ctx.texts.text("Nothing was measured."),
    )
    return draw(chart, ctx.site.zone)
