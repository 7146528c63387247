"""A pool that others run: declared, never touched."""

import pytest

from cloudctl.core.clock import SystemClock
from cloudctl.core.errors import Refused
from cloudctl.core.quantity import Size
from provisioning.driver import PoolFacts, open_driver
from provisioning.model import Capability
from provisioning.steps import create_step


def test_it_takes_orders_and_nothing_else(tmp_path):
    driver = open_driver("external", PoolFacts("pub", {}, {}, tmp_path), SystemClock())
    assert driver.capabilities == {Capability.ORDER}
    with pytest.raises(Refused, match="work orders"):
        driver.apply(create_step(1, "m", Size(1, 1024)))
    with pytest.raises(Refused, match="meter import"):
        driver.measure()


def test_a_driver_this_install_does_not_carry_is_refused_with_those_it_does(tmp_path):
    with pytest.raises(Refused, match="no driver “vmware”") as refusal:
        open_driver("vmware", PoolFacts("gov", {}, {}, tmp_path), SystemClock())
    assert "embedded, external" in str(refusal.value.hint)
