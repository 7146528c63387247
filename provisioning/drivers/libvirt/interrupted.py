"""What a live move leaves whose commander died: a guest that never arrived, or one that was never let go.

A guest on its way runs at its old place and waits at the new one, where libvirt has no lasting definition of it yet
and lets it go by itself once nobody commands the move. Where it has started at the new place, but the old one was
not told, the old one keeps it halted for good: what runs is the machine then.
"""

from time import monotonic, sleep
from typing import Any

from provisioning.driver import StillAtWork
from provisioning.drivers.libvirt.failures import is_missing
from provisioning.drivers.libvirt.sdk import sdk

# How long libvirt is given to let a guest go that never arrived.
LETTING_GO_SECONDS = 30.0


# How much speaks for a machine's standing there, where nothing else tells two places apart.
IS_OFF, IS_LEAVING, IS_RUNNING = range(3)


def presence(domain: Any) -> int:
    """One of the words above."""
    if is_leaving(domain):
        return IS_LEAVING
    return IS_RUNNING if domain.isActive() else IS_OFF


def is_leaving(domain: Any) -> bool:
    """Halted by a move that did not end."""
    libvirt = sdk()
    state, reason = domain.state()
    return bool(state == libvirt.VIR_DOMAIN_PAUSED and reason == libvirt.VIR_DOMAIN_PAUSED_MIGRATION)


def is_arriving(domain: Any) -> bool:
    """On its way here, or what is left of that: it is not this host's yet."""
    return not domain.isPersistent()


def await_letting_go(domain: Any, name: str, host: str) -> None:
    """Until a guest that never arrived is gone. StillAtWork when somebody moves it on, or libvirt takes too long."""
    end = monotonic() + LETTING_GO_SECONDS
    while _is_there(domain):
        if monotonic() >= end:
            raise StillAtWork("{name} is still on its way to host {host}.", name=name, host=host)
        sleep(0.2)


def _is_there(domain: Any) -> bool:
    try:
        return is_arriving(domain)
    except sdk().libvirtError as error:
        if is_missing(error):
            return False
        raise
