"""Which resizes of a running machine cost it a power cycle, so that a plan says so before anybody agrees to it."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from cloudctl.core.quantity import Size
from provisioning.model import Capability, LiveRange, Machine, MachineState, Step, StepKind
from provisioning.steps import wanted_size

RUNNING = (MachineState.RUNNING, MachineState.PAUSED)


def with_cycles(
    steps: Sequence[Step], machines: Sequence[Machine], capabilities: Collection[Capability]
) -> list[Step]:
    """The steps, those resizes not live that the cloud can't do while the machine runs."""
    seen = {machine.vm_id: machine for machine in machines}
    return [
        replace(step, is_live=False)
        if step.kind == StepKind.RESIZE and costs_cycle(wanted_size(step), seen.get(step.vm_id), capabilities)
        else step
        for step in steps
    ]


def costs_cycle(size: Size, machine: Machine | None, capabilities: Collection[Capability]) -> bool:
    """Whether the machine, as its cloud shows it, is switched off and on again to get that size."""
    if machine is None or machine.state not in RUNNING:
        return False
    if Capability.LIVE_RESIZE not in capabilities:
        return True
    return machine.live is not None and not _fits(size, machine.live)


def _fits(size: Size, live: LiveRange) -> bool:
    return live.least_vcpus <= size.vcpus <= live.most_vcpus and size.memory_mib <= live.most_memory_mib
