"""Addresses come from what a cloud knows; its guests are asked for the rest, and only those that run."""

from cloudctl.core.quantity import Size
from provisioning.driver import Addressed, addresses_of
from provisioning.model import Machine, MachineState


def machine(vm_id, state=MachineState.RUNNING, addresses=()):
    return Machine(f"uuid-{vm_id}", f"m{vm_id}", vm_id, "a", state, Size(1, 512), addresses=addresses)


class Cloud:
    def __init__(self):
        self.asked = []

    def addresses(self, vm_ids):
        self.asked.append(list(vm_ids))
        return {3: ("10.0.0.3",)}


def test_guests_are_asked_only_for_what_the_cloud_does_not_know():
    cloud = Cloud()
    machines = [
        machine(1, addresses=("10.0.0.1",)),
        machine(2, MachineState.OFF),
        machine(3),
        machine(4),
        machine(None),
    ]
    assert addresses_of(cloud, machines) == {1: ("10.0.0.1",), 3: ("10.0.0.3",)}
    assert cloud.asked == [[3, 4]]


def test_where_everything_is_known_or_nobody_can_be_asked_nobody_is():
    cloud = Cloud()
    assert addresses_of(cloud, [machine(1, addresses=("10.0.0.1",))]) == {1: ("10.0.0.1",)}
    assert cloud.asked == [] and not isinstance(object(), Addressed)
    assert addresses_of(object(), [machine(1)]) == {}
