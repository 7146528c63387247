"""What every driver keeps, kept by OpenStack: the contract suite on a real control plane with fake computes."""

import pytest

from tests.contracts.drivers import LABS
from tests.contracts.test_driver_contract import *  # noqa: F403


@pytest.fixture
def bench(tmp_path):
    with LABS["openstack"](tmp_path) as bench:
        yield bench
