"""Addresses of simulated machines: the same everywhere, one each, and nobody's."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from cloudctl.core.clock import DrivenClock
from provisioning.drivers.embedded.addresses import address_of
from provisioning.steps import delete_step, stop_step
from tests.provisioning.drivers.test_embedded import SIZE, START, populated

RESERVED = ip_network("198.18.0.0/15")


def addresses(driver):
    return {machine.name: machine.addresses for machine in driver.observe().machines}


@given(st.text(min_size=1, max_size=12), st.integers(1, 130_048))
def test_every_address_is_one_of_a_machine_in_the_range_set_aside_for_tests(pool, number):
    address = ip_address(address_of(pool, number))
    assert address in RESERVED
    assert int(address) % 256 not in (0, 255)


def test_a_pools_machines_have_one_address_each():
    assert len({address_of("lab", number) for number in range(1, 130_049)}) == 130_048


def test_a_machine_keeps_its_address_and_nobody_gets_it_after_it(tmp_path):
    clock = DrivenClock(START)
    driver = populated(tmp_path, clock, count=3)
    before = addresses(driver)
    assert all(len(found) == 1 for found in before.values())
    assert addresses(populated(tmp_path / "again", clock, count=3)) == before

    driver.apply(stop_step(1, "m-1"))
    driver.apply(delete_step(3, "m-3", SIZE, "n2"))
    after = addresses(populated(tmp_path, clock, count=4))
    assert after["m-1"] == before["m-1"]
    assert not {after["m-3"], after["m-4"]} & set(before.values())
