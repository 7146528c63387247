"""What an inventory may say to the libvirt driver, for a pool, a host, an image and a network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioning.placement import Overcommit


@dataclass(frozen=True, slots=True)
class Boot:
    """A kernel that QEMU loads itself, from files on the host; without one the first disk boots."""

    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Boot":
        return cls(options.get("kernel"), options.get("initrd"), options.get("cmdline"))


@dataclass(frozen=True, slots=True)
class Settings:
    """A pool's settings.

    tiers: storage tier -> libvirt storage pool. boot_tier: where the system disk of a machine lies that holds any
    there; else on its first tier. clone: overlay or
    full. headroom_*: how many times its size a machine may grow while it runs. shared_storage: all hosts see the same
    storage. stop_seconds: how long a guest is given to shut down; power_off: what follows when it does not.
    answer_seconds: how long a host may take to answer a question, step_seconds to carry out a step.
    """

    tiers: Mapping[str, str] = field(default_factory=dict)
    boot_tier: str | None = None
    overcommit: Overcommit = field(default_factory=Overcommit)
    ssh_keys: tuple[str, ...] = ()
    boot: Boot = field(default_factory=Boot)
    clone: str = "overlay"
    user: str = "cloud"
    headroom_vcpus: int = 2
    headroom_memory: int = 1
    shared_storage: bool = False
    stop_seconds: float = 120
    power_off: bool = False
    balloon_seconds: float = 60
    stats_seconds: int = 10
    answer_seconds: float = 30
    step_seconds: float = 3600

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Settings":
        """Of a pool's options; what belongs to libvirt alone stands under `libvirt`."""
        own = {key: value for key, value in (options.get("libvirt") or {}).items() if key in _PLAIN}
        return cls(
            tiers=dict(options.get("tiers") or {}),
            boot_tier=options.get("boot_tier"),
            overcommit=Overcommit.of(options),
            ssh_keys=tuple(options.get("ssh_keys") or ()),
            boot=Boot.of(options.get("libvirt") or {}),
            **own,
        )


_PLAIN = frozenset(
    {
        "clone",
        "user",
        "headroom_vcpus",
        "headroom_memory",
        "shared_storage",
        "stop_seconds",
        "power_off",
        "balloon_seconds",
        "stats_seconds",
        "answer_seconds",
        "step_seconds",
    }
)


@dataclass(frozen=True, slots=True)
class HostSettings:
    """domain_type: kvm or qemu (emulated). migrate_uri: where guests that come here are sent."""

    uri: str
    domain_type: str = "kvm"
    migrate_uri: str | None = None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "HostSettings":
        return cls(
            str(options.get("uri") or ""),
            str(options.get("domain_type") or "kvm"),
            options.get("migrate_uri"),
        )


@dataclass(frozen=True, slots=True)
class Image:
    """A disk image of the pool's catalogue; sha256 None: not pinned."""

    code: str
    source: str
    sha256: str | None
    boot: Boot

    @classmethod
    def of(cls, code: str, options: Mapping[str, Any]) -> "Image":
        return cls(code, str(options.get("source") or ""), options.get("sha256"), Boot.of(options))


@dataclass(frozen=True, slots=True)
class Nic:
    """Where a machine is plugged in: a libvirt network, or a bridge; vlan: the tag on an Open vSwitch bridge."""

    network: str | None
    bridge: str | None
    vlan: int | None

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Nic":
        return cls(options.get("network"), options.get("bridge"), options.get("vlan"))
