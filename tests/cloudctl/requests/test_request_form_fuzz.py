"""Whatever people type into a form, it is taken in as it stands or every fault is named; nothing else ever happens."""

from datetime import date, datetime, time

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudctl.core.errors import InvalidInput, Refused
from cloudctl.operations.rehearsal import rehearsal
from cloudctl.operations.requests.import_requests import import_requests
from cloudctl.operations.requests.import_survey import import_surveys
from cloudctl.operations.requests.make_form import make_form
from reports.forms.request_form import REQUEST_FORM
from reports.forms.survey_form import SURVEY_FORM
from tests.cloudctl.requests.asking import fill
from tests.provisioning.estate import build_estate, declared_vm

WORDS = [
    "new",
    "resize",
    "retire",
    "extend",
    "tax Tax",
    "tax",
    "lab Lab",
    "pub Public",
    "ssd",
    "p",
    "web",
    "server",
]
TYPED = st.one_of(
    st.none(),
    st.sampled_from(WORDS),
    st.integers(-5, 2**40),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.booleans(),
    st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),
    st.just(time(8, 30)),
    st.sampled_from(
        ["=1+1", "#N/A", " ", "４", "2026-12-01", "=cmd|' /C calc'!A0", "x" * 600, "a\nb", "🙂", "1e3"]
    ),
)
PLACES = st.tuples(st.integers(0, 1), st.integers(1, 16), st.integers(1, 13))
EDITS = st.lists(st.tuples(PLACES, TYPED), max_size=8)
HEAD = {4: "new", 5: "tax Tax", 6: "Filing", 7: 2, 8: "200 users", 9: date(2026, 12, 1)}
LINE = ("web", 2, "lab Lab", 4, 8, "ssd", 100)
SURVEYED = ("tax Tax", "Database server", "server", 2, 16, 64, 500, 100, "lab Lab", "ssd", date(2027, 3, 1))


@pytest.fixture
def forms(ctx, as_person, tmp_path):
    """Both forms filled in rightly, and who hands them in."""
    declared_vm(ctx, "p", build_estate(ctx))
    operator = as_person(ctx, "olga", "operator")
    for name, form, head, line in (
        ("request.xlsx", REQUEST_FORM, HEAD, LINE),
        ("survey.xlsx", SURVEY_FORM, {}, SURVEYED),
    ):
        make_form(operator, form, tmp_path / name)
        fill(tmp_path / name, head, [line])
    return operator, tmp_path


@pytest.mark.parametrize(
    ("name", "take_in"), [("request.xlsx", import_requests), ("survey.xlsx", import_surveys)]
)
def test_a_form_is_taken_in_or_every_fault_is_named(forms, name, take_in):
    operator, folder = forms
    assert take_in(rehearsal(operator), [folder / name])

    @settings(max_examples=40 if name == "request.xlsx" else 12)
    @given(EDITS)
    def check(edits):
        book = openpyxl.load_workbook(folder / name)
        for (sheet, row, column), value in edits:
            book.worksheets[sheet].cell(row, column).value = value
        book.save(folder / f"typed-{name}")
        try:
            assert take_in(rehearsal(operator), [folder / f"typed-{name}"])
        except InvalidInput as failure:
            assert all(problem.place and str(problem.message) for problem in failure.problems)
        except Refused:
            pytest.fail("an operator hands in for everybody")

    check()
