"""What the tests of requests ask for, and what they look at afterwards."""

import json

import openpyxl

WEB = "web,count=2,pool=lab,vcpus=4,memory-gib=8,storage=ssd:100"
NEW = ["--purpose", "Filing", "--load", "200 users", "--needed-by", "2026-12-01"]


def shown(call, number):
    return call("olga", "show", number, "-o", "json")


def machines(home, run_cli, *args):
    return json.loads(run_cli(home, "vm", "list", *args, "-o", "json", login="olga").stdout)


def caller(home, run_cli, *group):
    """call(login, …): a command of the group; stdout as JSON where asked for; AssertionError for another code."""

    def call(login, *args, code=0, lang="en"):
        result = run_cli(home, *group, *args, login=login, lang=lang)
        assert result.exit_code == code, result.stderr
        return json.loads(result.stdout) if "json" in args and code == 0 else result

    return call


def fill(path, head, lines, target=None, edit=None):
    """Writes answers into a form: head by row, lines by column. `edit` does to the workbook what people do."""
    book = openpyxl.load_workbook(path)
    for row, value in head.items():
        book.worksheets[0].cell(row, 2, value)
    for row, line in enumerate(lines, 2):
        for column, value in enumerate(line, 1):
            book.worksheets[1].cell(row, column, value)
    if edit:
        edit(book)
    book.save(target or path)
    return target or path
