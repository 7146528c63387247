"""What every driver keeps, kept by libvirt: the contract suite on real QEMU guests, emulated."""

import pytest

from tests.contracts.drivers import LABS, end_libvirt_lab
from tests.contracts.test_driver_contract import *  # noqa: F403


@pytest.fixture(scope="module", autouse=True)
def _lab_ends():
    yield
    end_libvirt_lab()


@pytest.fixture
def bench(tmp_path):
    with LABS["libvirt"](tmp_path) as bench:
        yield bench
