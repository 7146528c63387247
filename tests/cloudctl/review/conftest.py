"""A small city with one machine that is used at a fifth, and its case."""

import pytest

from tests.cloudctl.reviewed_city import City, at


@pytest.fixture
def city(ctx, as_person):
    """One machine of system tax (unit fin) used at a fifth, its case opened on 1 November by olga."""
    city = City(ctx, as_person).found()
    city.machine("tax-1")
    city.october("tax-1", cpu=0.2, memory=0.3)
    ctx.clock.move_to(at(11, 1, 1))
    city.case = city.open().cases[0]["case"]
    return city
