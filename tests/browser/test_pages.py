"""Pages of reports in a real browser: they load nothing, break no rule of their own policy, and print on A4."""

import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from cloudctl.core.i18n import Catalogue
from reports.layouts.wording import Reader
from reports.render import render
from tests.reports.conftest import make_statement

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
A4_POINTS = ((595, 842), (842, 595))


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        reason = f"no browser: none of {', '.join(BROWSERS)} is installed"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(params=["zh_CN", "en"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    reader = Reader(Catalogue(request.param), ZoneInfo("Asia/Shanghai"))
    path = tmp_path / "statement.html"
    path.write_bytes(render(make_statement(), "html", reader))
    return path


def browse(browser: str, page: Path, *options: str) -> str:
    """What the browser complained of."""
    profile = page.parent / "profile"
    common = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        # A container's is small.
        "--disable-dev-shm-usage",
        "--enable-logging=stderr",
        f"--user-data-dir={profile}",
    )
    called = [browser, *common, *options, page.as_uri()]
    done = subprocess.run(called, capture_output=True, text=True, timeout=300, check=True)
    return "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)


def test_a_statement_is_drawn_without_complaint(browser: str, page: Path) -> None:
    picture = page.with_suffix(".png")
    complaints = browse(browser, page, f"--screenshot={picture}", "--window-size=1000,1400")

    assert complaints == ""
    content = picture.read_bytes()
    assert struct.unpack(">II", content[16:24]) == (1000, 1400)
    # An empty page of this size packs into a few kilobytes.
    assert len(content) > 60_000


def test_a_statement_prints_on_a4_upright_and_across(browser: str, page: Path) -> None:
    paper = page.with_suffix(".pdf")
    browse(browser, page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")

    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)\s*\]", paper.read_bytes())
    sizes = {(round(float(width)), round(float(height))) for width, height in boxes}
    assert sizes == set(A4_POINTS)
    assert 5 <= len(boxes) <= 9
