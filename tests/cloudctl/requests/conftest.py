"""People who ask, check, decide and carry out, in a city of one simulated pool; their commands in a line."""

import pytest

from cloudctl.operations.settlement.apply_tariffs import apply_tariffs
from tests.cloudctl.requests.asking import NEW, WEB, caller
from tests.cloudctl.reviewed_city import TARIFFS
from tests.provisioning.estate import build_estate


@pytest.fixture
def estate(ctx, as_person):
    """Finance asks for system tax; olga and otto operate, pan and pip judge, pfin judges and is of finance."""
    built = build_estate(ctx)
    for login, roles, unit in (
        ("olga", ["operator"], None),
        ("otto", ["operator"], None),
        ("wang", ["unit"], "fin"),
        ("nan", ["unit"], "nat"),
        ("pan", ["panel"], None),
        ("pfin", ["panel"], "fin"),
        ("both", ["operator", "approver"], None),
        ("zhao", ["finance"], None),
    ):
        as_person(ctx, login, *roles, unit=unit)
    path = ctx.home / "tariffs.yaml"
    path.write_text(TARIFFS)
    apply_tariffs(as_person(ctx, "zhao"), path)
    return built


@pytest.fixture
def call(estate, home, run_cli):
    """call(login, "submit", …): as `caller` says."""
    return caller(home, run_cli, "request")


@pytest.fixture
def ask(call):
    """ask("new", …): the number of the request of system tax; ask(…, login="olga")."""

    def submit(kind, *args, login="wang"):
        words = ["submit", kind, "--system", "tax", *NEW, *args, "--yes", "-o", "json"]
        return call(login, *words)[0]["request"]

    return submit


@pytest.fixture
def grant(call, ask):
    """grant("new", …): the number of a request that was checked and granted in full."""

    def granted(*args):
        number = ask(*args)
        call("olga", "check", number, "--yes")
        call("pan", "approve", number, "--yes")
        return number

    return granted


@pytest.fixture
def asked(ask):
    return ask("new", "--machine", WEB)


@pytest.fixture
def checked(call, asked):
    call("olga", "check", asked, "--yes")
    return asked


@pytest.fixture
def granted(call, checked):
    call("pan", "approve", checked, "--grant", "web,vcpus=2", "--reason", "Half will do", "--yes")
    return checked
