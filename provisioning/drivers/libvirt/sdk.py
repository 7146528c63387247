"""Loads libvirt-python where it is installed, silences its own printing, and keeps its event loop turning."""

from functools import cache
from importlib import import_module
from threading import Thread
from typing import Any

from cloudctl.core.errors import Message, Refused


def require_sdk(pool: str) -> None:
    """Refused when libvirt-python is not installed: that is this pool's affair alone."""
    try:
        _loaded()
    except ImportError:
        raise Refused(
            "Pool {pool} needs libvirt-python, which is not installed.",
            pool=pool,
            hint=Message("Install cloudctl with its extra [libvirt]."),
        ) from None


def sdk() -> Any:
    """The module `libvirt`, its event loop running, which keepalive needs."""
    return _loaded()


@cache
def _loaded() -> Any:
    libvirt = import_module("libvirt")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    libvirt.virEventRegisterDefaultImpl()
    Thread(target=_turn, args=(libvirt,), name="libvirt events", daemon=True).start()
    return libvirt


def _turn(libvirt: Any) -> None:
    while True:
        libvirt.virEventRunDefaultImpl()
