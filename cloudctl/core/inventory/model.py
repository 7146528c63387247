"""The form of inventory.yaml: one class per kind of entry, nothing coerced, unknown keys refused."""

import re
from datetime import date
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, PlainSerializer

from cloudctl.core.identity import Role
from cloudctl.core.inventory.libvirt_settings import DomainType, LibvirtSettings, SshKey, Text
from cloudctl.core.inventory.openstack_settings import OpenStackSettings
from cloudctl.core.maintenance import parse_window
from cloudctl.core.money import yuan_text
from cloudctl.core.quantity import MOST_GIB, MOST_MEMORY_MIB, MOST_VCPUS
from cloudctl.core.yaml_source import AwareInstant, FenText, YamlModel, wrong

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LOGIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def is_code(text: str) -> bool:
    """Whether it could stand as a code in an inventory, a machine's name among them."""
    return _CODE.fullmatch(text) is not None


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise wrong(
            "“{value}” is no code: letters, digits, dot, dash and underscore, at most 63.", value=text
        )
    return text


def _login(text: str) -> str:
    if not _LOGIN.fullmatch(text):
        raise wrong("“{value}” is no login: letters, digits and _ . @ -, at most 64.", value=text)
    return text


def _line(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise wrong("Here one line of text is wanted, of 1 to 200 characters.")
    return text


def _zone(text: str) -> str:
    if text not in available_timezones():
        raise wrong("“{value}” is no time zone (like Asia/Shanghai).", value=text)
    return ZoneInfo(text).key


def _window(text: str) -> str:
    try:
        parse_window(text)
    except ValueError:
        raise wrong("“{value}” is no weekly window (like Sat 22:00-Sun 06:00).", value=text) from None
    return text


def _currency(text: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", text):
        raise wrong("“{value}” is no currency code (like CNY).", value=text)
    return text


def _sha256(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise wrong("“{value}” is no SHA-256: 64 digits 0-9 a-f.", value=text)
    return text


def _cidr(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise wrong("“{value}” is no network (like 10.9.0.0/24).", value=text) from None


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise wrong("“{value}” is no IP address.", value=text) from None


Code = Annotated[str, AfterValidator(_code)]
Login = Annotated[str, AfterValidator(_login)]
Line = Annotated[str, AfterValidator(_line)]
Money = Annotated[FenText, Field(ge=0), PlainSerializer(yuan_text, when_used="json")]
Vcpus = Annotated[int, Field(ge=1, le=MOST_VCPUS)]
MemoryMib = Annotated[int, Field(ge=1, le=MOST_MEMORY_MIB)]
Gib = Annotated[int, Field(ge=1, le=MOST_GIB)]
Ratio = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]

DriverName = Literal["embedded", "external", "libvirt", "openstack"]
# Drivers whose machines have a system disk, made from an image.
MAKES_FROM_IMAGES = ("libvirt", "openstack")
SystemStatus = Literal["planned", "migrating", "live", "standby", "retiring"]
EquipmentKind = Literal["server", "storage", "network", "power", "other"]
Condition = Literal["working", "aged", "failed", "retired"]
CostItem = Literal["equipment", "upkeep", "power", "water", "staff", "room"]


class Site(YamlModel):
    """Keys left out keep what the ledger has."""

    name: Line
    timezone: Annotated[str, AfterValidator(_zone)] | None = None
    currency: Annotated[str, AfterValidator(_currency)] | None = None
    language: Literal["zh_CN", "en"] | None = None


class Unit(YamlModel):
    code: Code
    name: Line
    contact: Line | None = None


class Person(YamlModel):
    """ssh_keys: who has them may log in to machines made for the person's unit."""

    login: Login
    name: Line
    unit: Code | None = None
    roles: tuple[Role, ...] = ()
    ssh_keys: tuple[SshKey, ...] = ()


class System(YamlModel):
    """level: grade of protection; window: weekly maintenance window on the site's wall clock."""

    code: Code
    name: Line
    unit: Code
    level: Annotated[int, Field(ge=1, le=5)] | None = None
    window: Annotated[str, AfterValidator(_window)] | None = None
    status: SystemStatus = "live"


class Overcommit(YamlModel):
    """How many times a host's physical capacity may be promised. storage: where disks are thin; else once."""

    cpu: Ratio = 1.0
    memory: Ratio = 1.0
    storage: Ratio | None = None


class Flavor(YamlModel):
    """A size that a pool offers."""

    name: Code
    vcpus: Vcpus
    memory_mib: MemoryMib


def _first_tier(pool: dict[str, Any]) -> str | None:
    """Where system disks lie unless it is said: a file's tiers have an order, which a ledger does not keep."""
    return next(iter(pool.get("tiers", ())), None) if pool.get("driver") in MAKES_FROM_IMAGES else None


class Pool(YamlModel):
    """tiers: storage tier -> where the cloud keeps it; none named: any tier. boot_tier: where system disks lie, of a
    cloud that makes machines from images. flavors: the sizes on offer; none: any.

    seed, traces: of a simulated cloud, what its workloads are made of. cloud: a clouds.yaml name. ssh_keys: who may
    log in to machines made here. libvirt, openstack: settings of those drivers.
    """

    code: Code
    name: Line
    driver: DriverName
    provider: Line | None = None
    overcommit: Overcommit | None = None
    tiers: dict[Code, Line] = Field(default_factory=dict)
    boot_tier: Code | None = Field(default_factory=_first_tier)
    flavors: tuple[Flavor, ...] = ()
    seed: Annotated[int, Field(ge=0)] | None = None
    traces: Line | None = None
    cloud: Line | None = None
    ssh_keys: tuple[SshKey, ...] = ()
    libvirt: LibvirtSettings | None = None
    openstack: OpenStackSettings | None = None


class Host(YamlModel):
    """Capacity (vcpus, memory_mib, storage_gib) is given for simulated hosts; real ones report it.

    domain_type, migrate_uri: of a libvirt host: how it runs guests, and where those that move here are sent.
    """

    code: Code
    pool: Code
    uri: Line | None = None
    rack: Line | None = None
    domain_type: DomainType | None = None
    migrate_uri: Line | None = None
    vcpus: Vcpus | None = None
    memory_mib: MemoryMib | None = None
    storage_gib: dict[Code, Gib] = Field(default_factory=dict)


class Image(YamlModel):
    """kernel, initrd, cmdline: files on the libvirt hosts that boot it, where it cannot boot itself."""

    code: Code
    pool: Code
    source: Line
    sha256: Annotated[str, AfterValidator(_sha256)] | None = None
    kernel: Text | None = None
    initrd: Text | None = None
    cmdline: Text | None = None


class Network(YamlModel):
    """network: what the cloud itself calls it; else the bridge, and the VLAN on it.

    physical_network, cidr, gateway: of what an OpenStack cloud that lacks the network makes it, with the VLAN.
    """

    code: Code
    pool: Code
    network: Line | None = None
    bridge: Line | None = None
    vlan: Annotated[int, Field(ge=1, le=4094)] | None = None
    physical_network: Text | None = None
    cidr: Annotated[str, AfterValidator(_cidr)] | None = None
    gateway: Annotated[str, AfterValidator(_address)] | None = None


class SizeChange(YamlModel):
    """From `from` on the machine holds this; what is left out stays as before."""

    start: AwareInstant = Field(alias="from")
    vcpus: Vcpus | None = None
    memory_mib: MemoryMib | None = None
    storage_gib: dict[Code, Gib] | None = None


class Vm(YamlModel):
    """A machine: desired state in a pool we control, declared fact in an external one.

    since, until, sizes: when an external machine began to hold its size, when it went, and what it held
    between. Without sizes vcpus, memory_mib and storage_gib hold throughout.
    """

    name: Code
    system: Code
    pool: Code
    vcpus: Vcpus | None = None
    memory_mib: MemoryMib | None = None
    storage_gib: dict[Code, Gib] = Field(default_factory=dict)
    image: Code | None = None
    network: Code | None = None
    since: AwareInstant | None = None
    until: AwareInstant | None = None
    sizes: tuple[SizeChange, ...] = ()


class Equipment(YamlModel):
    """What a unit had before the cloud; yearly_cost in yuan, as text."""

    code: Code
    unit: Code
    kind: EquipmentKind
    condition: Condition
    bought: date | None = None
    yearly_cost: dict[CostItem, Money] = Field(default_factory=dict)


class Inventory(YamlModel):
    """The whole estate. A section that is left out says nothing of its kind: the ledger keeps what it has."""

    version: Literal[1]
    site: Site | None = None
    units: tuple[Unit, ...] | None = None
    people: tuple[Person, ...] | None = None
    systems: tuple[System, ...] | None = None
    pools: tuple[Pool, ...] | None = None
    hosts: tuple[Host, ...] | None = None
    images: tuple[Image, ...] | None = None
    networks: tuple[Network, ...] | None = None
    vms: tuple[Vm, ...] | None = None
    equipment: tuple[Equipment, ...] | None = None


# The sections that are lists, in the order of the file, with the keys that name an entry.
SECTIONS: dict[str, tuple[str, ...]] = {
    "units": ("code",),
    "people": ("login",),
    "systems": ("code",),
    "pools": ("code",),
    "hosts": ("pool", "code"),
    "images": ("pool", "code"),
    "networks": ("pool", "code"),
    "vms": ("name",),
    "equipment": ("code",),
}
