"""What befalls the simulated clouds: a host that does not answer for some hours, a machine that hangs for a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from cloudctl.operations.demo.troupe import Troupe
from provisioning.drivers.embedded.faults import Faults, write_faults

CLOUDS = "clouds"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something of one pool out of sight from an hour of a day on, for so long."""

    pool: str
    hosts: tuple[str, ...]
    machines: tuple[str, ...]
    day: date
    hour: int
    lasts: timedelta


def failures(troupe: Troupe) -> tuple[Failure, ...]:
    """The two of this story; which machine hangs is a matter of the city."""
    machines = troupe.city.machines_at_first()
    hung = next((machine for machine in machines if machine.pool == "ded"), machines[0])
    return (
        Failure("gov", ("gov-n02",), (), date(2026, 10, 12), 14, timedelta(hours=5, minutes=20)),
        Failure(hung.pool, (), (hung.name,), date(2026, 10, 20), 9, timedelta(hours=26)),
    )


def live_until(troupe: Troupe, day: date, hour: int, coming: Sequence[Failure]) -> None:
    """Time passes, metered, through whatever of `coming` begins before then."""
    until = troupe.at(day, hour)
    for failure in coming:
        begins = troupe.at(failure.day, failure.hour)
        if troupe.founder.clock.now() <= begins < until:
            troupe.meter_until(begins)
            folder = troupe.founder.home / CLOUDS / failure.pool
            write_faults(folder, Faults(hosts_down=failure.hosts, stuck=failure.machines))
            troupe.meter_until(begins + failure.lasts)
            write_faults(folder, Faults())
    troupe.meter_until(until)
