"""What the tests of a case's course do with it in a line, and what they look at."""

from contextlib import closing

from cloudctl.core.outbox import notices
from cloudctl.operations.review.answer_case import answer_case
from cloudctl.operations.review.decide_case import decide_cases
from cloudctl.operations.review.execute_case import execute_case
from cloudctl.operations.review.notify_case import notify_cases
from cloudctl.operations.review.schedule_case import schedule_case
from cloudctl.operations.review.show_cases import show_case
from metering.allocations import current_allocation, size_of
from policies.panel import Answer
from provisioning.store import get_pool, get_vm, open_pool_driver
from tests.cloudctl.reviewed_city import at

SATURDAY = at(11, 7, 22)


def state(city):
    return show_case(city.ctx, city.case)["state"]


def held(city, name="tax-1"):
    with city.ctx.reading() as session:
        row = current_allocation(session, city.ids[name])
        return row and size_of(row)


def seen(city, name):
    """What the cloud itself has."""
    with city.ctx.reading() as session:
        pool = get_pool(session, get_vm(session, city.ids[name]).pool_id)
        driver = open_pool_driver(session, pool, city.ctx.home, city.ctx.clock)
    with closing(driver):
        return next(m.size for m in driver.observe().machines if m.name == name)


def letters(city):
    with city.ctx.reading() as session:
        return [(row.recipient, row.subject) for row in notices(session, f"case:{city.case}")]


def accepted(city):
    notify_cases(city.operator, [city.case])
    answer_case(city.unit_fin, city.case, Answer.ACCEPT)
    decide_cases(city.operator, [city.case])


def watched(city):
    accepted(city)
    schedule_case(city.operator, city.case)
    city.ctx.clock.move_to(SATURDAY)
    execute_case(city.other_operator, city.case)
