"""The few SVG elements that our charts are made of, with every text escaped and every number written one way."""

import unicodedata
from collections.abc import Mapping, Sequence
from html import escape

from cloudctl.core.spreadsheet import clean_text

WIDTH = 720
FONT = "'Noto Sans CJK SC','Source Han Sans SC','Microsoft YaHei','PingFang SC',Arial,sans-serif"
INK, SOFT_INK, GRID, PAPER = "#1a1a1a", "#555555", "#d9d9d9", "#ffffff"

# Okabe and Ito's palette (jfly.uni-koeln.de/color, 2008): told apart with every kind of colour vision; ordered here
# so that neighbours also differ in lightness and survive a black-and-white printer.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00", "#CC79A7", "#F0E442", "#8c8c8c")


def number(value: float) -> str:
    """A coordinate with at most two places; never "-0"."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def element(name: str, attributes: Mapping[str, object], *children: str) -> str:
    written = "".join(
        f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def words(text: str) -> str:
    """Text content, escaped."""
    return escape(clean_text(text), quote=False)


def line(x1: float, y1: float, x2: float, y2: float, **style: object) -> str:
    return element("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2} | _styled(style))


def box(x: float, y: float, width: float, height: float, *children: str, **style: object) -> str:
    shape = {"x": x, "y": y, "width": max(width, 0), "height": max(height, 0)}
    return element("rect", shape | _styled(style), *children)


def label(x: float, y: float, text: str, **style: object) -> str:
    return element("text", {"x": x, "y": y} | _styled(style), words(text))


def path(points: str, **style: object) -> str:
    return element("path", {"d": points} | _styled(style))


def drawing(name: str, title: str, description: str, height: float, body: Sequence[str]) -> str:
    """A whole picture with its accessible name and description; `name` must be unique on the page."""
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "class": "chart",
        "role": "img",
        "viewBox": f"0 0 {WIDTH} {number(height)}",
        "width": WIDTH,
        "height": height,
        "aria-labelledby": f"{name}-title {name}-desc",
        "font-family": FONT,
        "font-size": 11,
        "fill": INK,
    }
    return element(
        "svg",
        attributes,
        element("title", {"id": f"{name}-title"}, words(title)),
        element("desc", {"id": f"{name}-desc"}, words(description)),
        *body,
    )


def legend(entries: Sequence[tuple[str, str]], y: float, x: float = 0) -> list[str]:
    """Swatches with their names in one row. entries: (name, the swatch drawn in a 14 × 10 field at 0,0)."""
    parts = []
    for name, swatch in entries:
        shown = fit(name, 200)
        parts.append(element("g", {"transform": f"translate({number(x)},{number(y)})"}, swatch))
        parts.append(label(x + 19, y + 9, shown, fill=SOFT_INK))
        x += 19 + text_width(shown) + 18
    return parts


def text_width(text: str, size: float = 11) -> float:
    """An estimate: East Asian characters are an em wide, others 0.56."""
    return sum(1.0 if unicodedata.east_asian_width(c) in "WFA" else 0.56 for c in text) * size


def fit(text: str, width: float, size: float = 11) -> str:
    """The text cut to a width, with an ellipsis where something was cut off."""
    if text_width(text, size) <= width:
        return text
    kept = ""
    for character in text:
        if text_width(kept + character + "…", size) > width:
            break
        kept += character
    return kept.rstrip() + "…"


def _styled(style: Mapping[str, object]) -> dict[str, object]:
    return {key.replace("_", "-"): value for key, value in style.items()}


def _attribute(value: object) -> str:
    return number(value) if isinstance(value, float) else escape(clean_text(str(value)))
