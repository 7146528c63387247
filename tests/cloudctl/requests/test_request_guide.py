"""The guide to requests, typed as it stands: every command in it works in its order, in both languages."""

import re
import shlex
from datetime import date
from pathlib import Path

import openpyxl
import pytest

from tests.cloudctl.requests.asking import fill

DOCS = Path(__file__).parents[3] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
ESTATE = """version: 1
site: {name: 试验市, timezone: Asia/Shanghai, currency: CNY}
units: [{code: fin, name: 财政局, contact: fin@example.gov.cn}, {code: edu, name: 教育局}]
people:
- {login: zhao, name: 赵某, unit: fin, roles: [unit]}
- {login: jin, name: 金某, roles: [operator]}
- {login: lei, name: 雷某, unit: edu, roles: [panel]}
- {login: bai, name: 白某, roles: [finance]}
systems: [{code: tax, name: 非税, unit: fin, level: 2}]
pools: [{code: gov, name: 专有云, driver: embedded}]
hosts: [{code: h1, pool: gov, vcpus: 64, memory_mib: 262144, storage_gib: {ssd: 20000, sas: 20000}}]
images: [{code: debian12, pool: gov, source: debian-12.qcow2}]
networks: [{code: office, pool: gov, vlan: 120}]
equipment: [{code: fin-srv-3, unit: fin, kind: server, condition: working}]
vms:
- {name: tax-db-1, system: tax, pool: gov, vcpus: 4, memory_mib: 8192, storage_gib: {ssd: 100}}
- {name: tax-test-1, system: tax, pool: gov, vcpus: 2, memory_mib: 4096, storage_gib: {ssd: 50}}
"""
TARIFFS = """tariffs:
- {code: std, pool: [gov], valid_from: 2026-01-01, items: [{item: vcpu, per: month, price: "46.00"},
   {item: memory_gib, per: month, price: "17.00"}, {item: storage_gib, per: month, price: "0.70"}]}
"""
# Words that change what the ledger holds and so ask first.
ASKING = ("import", "submit", "check", "approve", "refuse", "execute", "apply", "remind")
HEAD = {6: "Year-end filing", 7: 2, 8: "200 users", 9: date(2026, 12, 1)}


class Reader:
    """Somebody who types what the guide says, and fills forms in when he has made one."""

    def __init__(self, home, run_cli, lang):
        self.home, self.run_cli, self.lang = home, run_cli, lang
        self.numbers = []

    def types(self, words):
        """Of the two grants shown the first is only tried; what is refused is another request."""
        if "12" in words:
            words[words.index("12")] = self.numbers["refuse" in words]
        login = words[words.index("--as") + 1] if "--as" in words else None
        words = [word for at, word in enumerate(words) if word != "--as" and words[at - 1] != "--as"]
        is_choice = "approve" in words and "--grant" not in words
        if {*ASKING} & set(words[:3]) and "--dry-run" not in words:
            words.append("--dry-run" if is_choice else "--yes")
        done = self.run_cli(self.home, *words, **({"login": login} if login else {}), lang=self.lang)
        assert done.exit_code == 0, (words, done.stderr)
        if words[:2] == ["request", "form"]:
            self.fills(words[2])
        elif words[1:3] == ["survey", "form"]:
            self.surveys(words[3])
        elif words[1] == "submit":
            self.numbers.append(re.search(r"\d+", done.stderr).group())
        return done

    def fills(self, name):
        lists = openpyxl.load_workbook(name).worksheets[2]
        kind, system, pool = (lists[cell].value for cell in ("B1", "C1", "D1"))
        fill(name, HEAD | {4: kind, 5: system}, [("tax-web-0", 1, pool, 4, 8, "ssd", 100)])

    def surveys(self, name):
        book = openpyxl.load_workbook(name)
        lists = {cell.value: cell for row in book.worksheets[2].iter_rows() for cell in row}
        system, pool = (next(key for key in lists if str(key).startswith(code)) for code in ("tax ", "gov "))
        kind = book.worksheets[2]["H1"].value
        fill(name, {}, [(system, "服务器", kind, 1, 8, 16, 500, 100, pool, "ssd", date(2027, 3, 1))])


@pytest.mark.parametrize(
    ("guide", "lang"), [("guide-requests.md", "en"), ("guide-requests.zh_CN.md", "zh_CN")]
)
def test_the_guide_is_typed_as_it_stands(home, run_cli, tmp_path, monkeypatch, guide, lang):
    monkeypatch.chdir(tmp_path)
    Path("estate.yaml").write_text(ESTATE)
    Path("tariffs.yaml").write_text(TARIFFS)
    reader = Reader(home, run_cli, lang)
    reader.types(["inventory", "apply", "estate.yaml", "--yes"])
    reader.types(["--as", "bai", "tariff", "apply", "tariffs.yaml", "--yes"])
    typed = 0
    for language, text in BLOCK.findall((DOCS / guide).read_text()):
        if language == "yaml":
            Path("quotas.yaml").write_text(text)
            continue
        for line in text.replace("\\\n", " ").splitlines():
            reader.types(shlex.split(line, comments=True)[1:])
            typed += 1
    assert typed > 20
    (sheet,) = Path().glob("**/handover-*.html")
    assert "tax-web-1" in sheet.read_text()
