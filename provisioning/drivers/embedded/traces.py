"""Recorded workloads replayed: NAME.csv per machine, `cpu_percent,memory_percent` of the size born with.

One row per five minutes from the machine's birth on; after the last row it begins anew. Pool option `traces`
names the folder (absolute, or relative to the pool's state folder). Machines without a file keep the
generated workload; storage and traffic are always generated.
"""

import csv
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np

from cloudctl.core.errors import InvalidInput, Problem, problem
from provisioning.drivers.embedded.chance import Ints
from provisioning.drivers.embedded.store import MachineRecord
from provisioning.drivers.embedded.workload import MIB, SLOT_US, Demand

COLUMNS = ["cpu_percent", "memory_percent"]


class Traces:
    """The recorded workloads of one pool; a file is read when its machine is first metered."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, Ints | None] = {}

    def replayed(self, demand: Demand, slots: Ints, machines: Sequence[MachineRecord]) -> Demand:
        """The demand with the rows of recorded machines put in place of the generated ones."""
        for row, machine in enumerate(machines if self._folder else ()):
            trace = self._trace(machine.name)
            if trace is not None:
                # Millionths of the born size by slot of its life.
                shares = trace[(slots - machine.born_us // SLOT_US) % len(trace)]
                demand.cpu[row] = shares[:, 0] * machine.born_vcpus
                demand.memory[row] = shares[:, 1] * (machine.born_memory_mib * MIB // 1_000_000)
        return demand

    def _trace(self, name: str) -> Ints | None:
        if name not in self._read:
            assert self._folder is not None
            path = self._folder / f"{name}.csv"
            self._read[name] = read_trace(path) if path.exists() else None
        return self._read[name]


def read_trace(path: Path) -> Ints:
    """Rows of (CPU, memory) in millionths. InvalidInput with every wrong row."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    if not rows or rows[0] != COLUMNS or len(rows) < 2:
        raise InvalidInput(
            [
                problem(
                    f"{path}:1:1",
                    "A recorded workload begins with “{header}” and has rows.",
                    header=",".join(COLUMNS),
                )
            ]
        )
    problems: list[Problem] = []
    values = [_share(row, f"{path}:{line}:1", problems) for line, row in enumerate(rows[1:], 2)]
    if problems:
        raise InvalidInput(problems)
    return np.array(values, np.int64)


def _share(row: list[str], place: str, problems: list[Problem]) -> tuple[int, int]:
    try:
        cpu, memory = (Decimal(cell) * 10_000 for cell in row)
        if not (0 <= cpu <= 100_000_000 and 0 <= memory <= 100_000_000):
            raise ValueError
        return int(cpu), int(memory)
    except (InvalidOperation, ValueError):
        problems.append(problem(place, "Two numbers of per cent are needed: {row}", row=",".join(row)))
        return 0, 0
