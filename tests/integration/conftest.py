"""The lab of the libvirt suites; suites of other clouds, and of other hosts, have a fixture `lab` of their own."""

import pytest

from tests.integration.labs.libvirt_lab import libvirt_lab, require_lab


@pytest.fixture(scope="module")
def lab():
    """Two hosts a and b that share their storage."""
    require_lab()
    with libvirt_lab("ab") as lab:
        yield lab
