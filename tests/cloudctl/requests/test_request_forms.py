"""The form of a request: made with drop-downs, filled in, taken in whole or refused with every place."""

from datetime import date, datetime

import openpyxl
import pytest

from tests.cloudctl.requests.asking import caller, fill
from tests.provisioning.estate import declared_vm

HEAD = {4: "new", 5: "tax Tax", 6: "Filing", 7: 2, 8: "200 users", 9: date(2026, 12, 1)}
LINE = ("web", 2, "lab Lab", 4, 8, "ssd", 100)


@pytest.fixture
def call(estate, home, run_cli):
    typed = caller(home, run_cli, "request")
    return lambda *args, login="wang", **more: typed(login, *args, **more)


@pytest.fixture
def form(call, tmp_path):
    path = tmp_path / "form.xlsx"
    call("form", path)
    return path


def filled(path, head=HEAD, lines=(LINE,), edit=None):
    return fill(path, head, lines, path.with_name("filled.xlsx"), edit)


def test_a_filled_form_becomes_a_request(call, form):
    path = filled(form)
    told = call("import", path, "--yes")

    assert "Request 1 is handed in." in told.stderr
    row = call("show", 1, "-o", "json")
    assert (row["kind"], row["system"], row["needed_by"], row["source"]) == (
        "new",
        "tax",
        "2026-12-01",
        "filled.xlsx",
    )
    (item,) = row["asked_items"]
    assert (item["name"], item["count"], item["pool"]) == ("web", 2, "lab")
    assert item["size"] == {"vcpus": 4, "memory_mib": 8192, "storage_gib": {"ssd": 100}}


def test_the_same_form_comes_in_once(call, form):
    path = filled(form)
    call("import", path, "--yes")
    again = filled(form, edit=lambda book: setattr(book.properties, "title", "saved again"))

    assert "nothing to do" in call("import", path, "--yes").stderr
    assert "nothing to do" in call("import", again, "--yes").stderr
    assert len(call("list", "-o", "json")) == 1


def test_a_dry_run_keeps_nothing(call, form):
    call("import", filled(form), "--dry-run")
    call("import", filled(form), code=5)
    assert call("list", "-o", "json") == []


def test_the_chinese_form_is_read_like_the_english(call, tmp_path):
    path = tmp_path / "申请.xlsx"
    call("form", path, lang="zh_CN")
    book = openpyxl.load_workbook(path)
    assert [sheet.title for sheet in book.worksheets][:2] == ["云资源申请表", "申请的虚拟机"]
    call("import", filled(path, HEAD | {4: "新增"}), "--yes")
    assert call("show", 1, "-o", "json")["kind"] == "new"


def test_a_form_has_drop_downs_and_shows_a_unit_its_own(form):
    book = openpyxl.load_workbook(form)
    head, table, hidden = book.worksheets

    assert hidden.sheet_state == "veryHidden"
    lists = {
        next(iter(check.sqref.ranges)).coord
        for check in head.data_validations.dataValidation
        if check.type == "list"
    }
    assert lists == {"B4", "B5"}
    assert sum(check.type == "list" for check in table.data_validations.dataValidation) == 5
    systems = {cell.value for cell in hidden["C"] if cell.value}
    assert systems == {"tax Tax"}


def hide(row):
    return lambda book: setattr(book.worksheets[1].row_dimensions[row], "hidden", True)


def on_table(cell, value):
    return lambda book: book.worksheets[1].__setitem__(cell, value)


def on_head(cell, value):
    return lambda book: book.worksheets[0].__setitem__(cell, value)


@pytest.mark.parametrize(
    ("edit", "place", "words"),
    [
        (on_table("D2", "=2+2"), "Machines asked for!D2", "A formula stands here"),
        (on_head("B6", '=HYPERLINK("x")'), "Request for cloud resources!B6", "A formula stands here"),
        (hide(3), "Machines asked for!A3", "Row 3 is hidden"),
        (lambda book: book.worksheets[1].column_dimensions.group("C", "E", hidden=True), "!C1", "Column C–E is hidden"),
        (lambda book: setattr(book.worksheets[1].column_dimensions["E"], "hidden", True), "!E1", "Column E is hidden"),
        (lambda book: book.worksheets[1].merge_cells("A2:B2"), "Machines asked for!A2", "are merged"),
        (on_table("D2", "four"), "Machines asked for!D2", "a whole number is wanted, not “four”"),
        (on_table("D2", 2.5), "Machines asked for!D2", "a whole number is wanted, not “2.5”"),
        (on_table("D2", True), "Machines asked for!D2", "a whole number is wanted"),
        (on_table("D2", 0), "Machines asked for!D2", "from 1 to 4096"),
        (on_table("A2", 12), "Machines asked for!A2", "text is wanted, not “12”"),
        (on_table("A2", None), "Machines asked for!A2", "needs an answer"),
        (on_table("G2", None), "Machines asked for!G2", "belong together"),
        (on_head("B9", "1 December"), "Request for cloud resources!B9", "a day is wanted"),
        (on_head("B9", datetime(2026, 12, 1, 8)), "Request for cloud resources!B9", "a day is wanted"),
        (on_head("B6", "Filing\u202etxt"), "Request for cloud resources!B6", "cannot be shown: U+202E"),
        (on_head("B7", 6), "Request for cloud resources!B7", "from 1 to 5"),
        (on_head("B4", "newish"), "Request for cloud resources!B4", "Choose one of the list"),
        (on_head("B5", "nope Nope"), "Request for cloud resources!B5", "There is no system “nope”"),
        (on_head("B11", "a；b"), "Request for cloud resources!B11", "There is no equipment “b”"),
        (on_table("D2", "4" * 30_000 + "x"), "Machines asked for!D2", "not “" + "4" * 59 + "…”"),
        (on_table("A2", "w" * 501), "Machines asked for!A2", "a text of at most 500 characters"),
        (on_table("L2", "z" * 30_000), "Machines asked for!L2", "the form: “" + "z" * 59 + "…”"),
        (on_head("F30", "by the way"), "Request for cloud resources!F30", "beyond the form"),
        (on_table("A500", "web"), "Machines asked for!A500", "room for 100 lines; 1 more stand below"),
        (on_table("D2", "4"), "Machines asked for!D2", "“4” is written as text; make it a number"),
        (on_head("B9", "2026-12-01"), "Request for cloud resources!B9", "written as text; make it a date"),
        (on_table("XFD1048576", 1), "Machines asked for!XFD1048576", "beyond the form"),
        (on_table("B1", "Price"), "Machines asked for!B1", "leave it so"),
        (on_head("A5", None), "Request for cloud resources!A5", "leave it so"),
        (on_table("C2", "nope"), "Machines asked for!C2", "There is no pool “nope”"),
        (on_table("J2", "win"), "Machines asked for!J2", "no image “win”"),
        (lambda book: setattr(book.worksheets[0], "sheet_state", "hidden"), "cloud resources!A1", "sheet is hidden"),
        (lambda book: book.create_sheet("Notes").__setitem__("A1", "x"), "Notes!A1", "not of the form"),
        (lambda book: book.remove(book.worksheets[1]), "filled.xlsx", "lost a sheet"),
        (lambda book: book.worksheets[2].__setitem__("A3", 99), "filled.xlsx", "of version 99"),
        (lambda book: book.worksheets[2].__setitem__("A4", "0" * 16), "filled.xlsx", "another home"),
        (lambda book: book.worksheets[2].__setitem__("A2", "survey"), "filled.xlsx", "of another kind"),
        (lambda book: book.remove(book.worksheets[2]), "filled.xlsx", "no form of cloudctl"),
    ],
)  # fmt: skip
def test_what_a_form_should_not_hold_is_named_at_its_place(call, form, edit, place, words):
    told = call("import", filled(form, edit=edit), "--yes", code=3).stderr

    assert any(place in line and words in line for line in told.splitlines()), told
    assert call("list", "-o", "json") == []


def test_everything_that_is_wrong_is_told_at_once_in_all_files(call, form, tmp_path):
    def spoil(book):
        book.worksheets[0]["B5"] = "nope"
        book.worksheets[1]["D2"] = "=1"
        book.worksheets[1]["E2"] = "much"

    bad = filled(form, edit=spoil).rename(tmp_path / "bad.xlsx")
    good, junk = filled(form), tmp_path / "junk.xlsx"
    junk.write_text("not a workbook")
    told = call("import", good, bad, junk, "--yes", code=3).stderr

    for words in ("bad.xlsx:Request for cloud resources!B5", "!D2", "!E2", "junk.xlsx", "no .xlsx workbook"):
        assert words in told
    assert call("list", "-o", "json") == []
    call("import", tmp_path / "gone.xlsx", "--yes", code=4)


def test_what_else_is_wrong_is_told_without_the_day_too(call, form):
    head = {row: value for row, value in HEAD.items() if row != 9}
    told = call("import", filled(form, head, [(*LINE[:2], "nope", *LINE[3:])]), "--yes", code=3).stderr
    assert "cloud resources!B9: This needs an answer." in told
    assert "asked for!C2: There is no pool “nope”." in told


def test_a_unit_hands_in_its_own_forms_alone(call, form, ctx):
    call("import", filled(form), "--yes", login="nan", code=5)
    assert call("list", "-o", "json", login="olga") == []


def test_a_resize_leaves_empty_what_stays(call, form, ctx, estate):
    declared_vm(ctx, "p", estate)
    path = filled(form, HEAD | {4: "resize"}, [("p", None, None, 8)])
    call("import", path, "--yes")
    (item,) = call("show", 1, "-o", "json")["asked_items"]
    assert item["size"] == {"vcpus": 8, "memory_mib": 8192, "storage_gib": {"ssd": 100}}
    wrong = filled(form, HEAD | {4: "resize"}, [("p", 3, "lab Lab", 8)])
    told = call("import", wrong, "--yes", code=3).stderr
    assert told.count("leaves this empty") == 2


def test_a_form_is_not_written_over(call, form):
    form.unlink()
    call("form", form, "--dry-run")
    assert not form.exists()
    call("form", form)
    call("form", form, code=5)
    call("form", form, "--overwrite")
    call("form", "/dev/null/form.xlsx", code=6)


def test_the_order_of_the_sheets_does_not_matter(call, form):
    call("import", filled(form, edit=lambda book: book.move_sheet(book.worksheets[1], -1)), "--yes")
    assert call("show", 1, "-o", "json")["asked_items"][0]["name"] == "web"


def test_empty_lines_in_between_are_no_lines(call, form):
    lines = [LINE, *[(None,)] * 57, ("app", *LINE[1:]), *[(None,)] * 40, ("job", *LINE[1:])]
    call("import", filled(form, lines=lines), "--yes")
    assert [item["name"] for item in call("show", 1, "-o", "json")["asked_items"]] == ["web", "app", "job"]


def test_ten_thousand_lines_and_a_column_of_remarks_are_two_mistakes(call, form):
    def remark(book):
        for row in range(2, 102):
            book.worksheets[1].cell(row, 12, "see above")

    lines = [(f"web-{number}", *LINE[1:]) for number in range(10_000)]
    told = call("import", filled(form, lines=lines, edit=remark), "--yes", code=3).stderr

    assert "Machines asked for!A102: The form has room for 100 lines; 9900 more stand below it." in told
    assert "Machines asked for!L2: This cell lies beyond the form: “see above”." in told
    assert "80 more cells lie beyond the form." in told
    assert len(told.splitlines()) < 30
