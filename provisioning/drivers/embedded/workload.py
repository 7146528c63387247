"""What simulated machines want: CPU, memory, storage and traffic per slot, by profile, in exact integers.

Demand is absolute (millionths of a core, bytes), set by the size a machine was born with: a smaller machine
is therefore busier, and one that is too small takes all it has. Most of a city's machines idle along: the mix
below gives a mean CPU utilisation of some 20 %, and a fifth of the machines are well used in every respect.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from provisioning.drivers.embedded.chance import Ints, Keys, between, chance

SLOT_US = 300_000_000
SLOTS_A_DAY = 288
SLOTS_A_WEEK = 7 * SLOTS_A_DAY
# The workday runs by the one clock of the country this is made for, UTC+8; the epoch was a Thursday.
WEEK_OFFSET = 3 * SLOTS_A_DAY + 8 * 12
GIB = 1 << 30
MIB = 1 << 20


class Profile(NamedTuple):
    """share: of a thousand machines. low, high: per mille of the size born with, each a range to draw from.

    day: the rhythm, per cent of the way from low to high by hour. weekend: per cent of it left on Saturday
    and Sunday. traffic: bytes a second at full load.
    """

    name: str
    share: int
    low: tuple[int, int]
    high: tuple[int, int]
    day: tuple[int, ...]
    weekend: int
    noise: int
    traffic: int


_OFFICE = (4, 3, 3, 2, 3, 4, 9, 28, 78, 100, 96, 84, 52, 70, 96, 100, 90, 66, 36, 22, 16, 11, 8, 5)
_PUBLIC = (8, 5, 4, 4, 5, 8, 16, 38, 70, 92, 100, 90, 66, 74, 88, 92, 86, 74, 60, 56, 58, 46, 28, 14)
_NIGHT = (70, 95, 100, 100, 88, 52, 14, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 6, 12, 38)
_FLAT = (50,) * 24
_NONE = (0,) * 24

PROFILES = (
    Profile("idle", 60, (3, 9), (4, 10), _NONE, 100, 15, 0),
    Profile("office", 310, (20, 60), (100, 420), _OFFICE, 18, 22, 2_500_000),
    Profile("public", 110, (30, 80), (160, 520), _PUBLIC, 60, 20, 6_000_000),
    Profile("steady", 120, (40, 180), (60, 260), _FLAT, 96, 12, 1_500_000),
    Profile("bursty", 90, (20, 50), (50, 110), _PUBLIC, 70, 25, 4_000_000),
    Profile("night", 60, (15, 40), (450, 850), _NIGHT, 85, 12, 8_000_000),
    Profile("growing", 40, (60, 110), (200, 320), _OFFICE, 35, 18, 3_000_000),
    Profile("busy", 200, (470, 580), (680, 800), _PUBLIC, 90, 12, 9_000_000),
    Profile("starved", 10, (500, 640), (1000, 1500), _PUBLIC, 85, 10, 9_000_000),
)
NAMES = tuple(profile.name for profile in PROFILES)


class Demand(NamedTuple):
    """Per machine and slot: millionths of a core; bytes of memory; bytes a second written and moved."""

    cpu: Ints
    memory: Ints
    disk: Ints
    network: Ints


@dataclass(frozen=True, slots=True)
class Workloads:
    """The machines' habits as columns: arrays of shape (n, 1), drawn once from their keys."""

    keys: Keys
    profile: Ints
    cores: Ints
    memory: Ints
    storage: Ints
    born_slot: Ints
    low: Ints
    high: Ints
    noise: Ints
    shift: Ints

    @classmethod
    def of(cls, keys: Keys, cores: Ints, memory: Ints, storage: Ints, born_slot: Ints) -> "Workloads":
        """cores: millionths born with; memory, storage: bytes born with; all of shape (n,)."""
        keys = keys.reshape(-1, 1)
        shares = np.cumsum([profile.share for profile in PROFILES])
        profile = np.searchsorted(
            shares, chance(keys, 1, np.zeros(1, np.int64), int(shares[-1])), side="right"
        )
        profile = profile.astype(np.int64)
        low, high = (_drawn(keys, stream, profile, field) for stream, field in ((2, "low"), (3, "high")))
        return cls(
            keys,
            profile,
            cores.reshape(-1, 1),
            memory.reshape(-1, 1),
            storage.reshape(-1, 1),
            born_slot.reshape(-1, 1),
            low,
            np.maximum(high, low),
            _field("noise")[profile],
            between(keys, 4, -12, 13),
        )

    def names(self) -> list[str]:
        return [NAMES[index] for index in self.profile.ravel()]

    def _is(self, name: str) -> NDArray[np.bool_]:
        matches: NDArray[np.bool_] = self.profile == NAMES.index(name)
        return matches

    def demand(self, slots: Ints) -> Demand:
        """What they want in each of `slots`: arrays of shape (n, k)."""
        level = self._level(slots)
        return Demand(
            self.cores * level // 1_000_000, self._memory(slots, level), *self._traffic(slots, level)
        )

    def _level(self, slots: Ints) -> Ints:
        """CPU wanted, in millionths of the size born with."""
        rhythm = _WEEK[self.profile, (slots + WEEK_OFFSET + self.shift) % SLOTS_A_WEEK]
        level = (self.low + (self._high(slots) - self.low) * rhythm // 1000) * 1000
        level = np.where(self._bursts(slots), 1000 * between(self.keys, 5, 550, 980), level)
        hourly = chance(self.keys, 6, slots // 12, 2001) - 1000
        quick = chance(self.keys, 7, slots, 1001) + chance(self.keys, 8, slots, 1001) - 1000
        return np.maximum(level + level * self.noise * (hourly + quick) // 200_000, 1500)

    def _high(self, slots: Ints) -> Ints:
        """The level of a full day; a growing system's rises by 2 to 5 per mille a day, to 900 at most."""
        age = np.maximum(slots - self.born_slot, 0)
        grown = self.high + between(self.keys, 9, 2000, 5000) * age // (1000 * SLOTS_A_DAY)
        return np.where(self._is("growing"), np.minimum(grown, 900), self.high)

    def _bursts(self, slots: Ints) -> NDArray[np.bool_]:
        """A bursty machine runs hot for 15 minutes at a time, some one and a half per cent of them."""
        hot: NDArray[np.bool_] = np.less(chance(self.keys, 10, slots // 3, 1000), 15)
        hot &= np.equal(self.profile, NAMES.index("bursty"))
        return hot

    def _memory(self, slots: Ints, level: Ints) -> Ints:
        """A standing share that drifts over weeks, a little of the load on top, in bytes."""
        kind = chance(self.keys, 11, np.zeros(1, np.int64), 100)
        standing = np.where(
            kind < 62,
            between(self.keys, 12, 120, 420),
            np.where(kind < 91, between(self.keys, 13, 420, 720), between(self.keys, 14, 720, 930)),
        )
        standing = np.where(self._is("idle"), between(self.keys, 15, 60, 140), standing)
        standing = np.where(self._is("busy"), between(self.keys, 27, 540, 740), standing)
        period = between(self.keys, 16, 9 * SLOTS_A_DAY, 31 * SLOTS_A_DAY)
        phase = (slots + between(self.keys, 17, 0, 10_000_000)) % period
        drift = np.abs(2000 * phase // period - 1000) * between(self.keys, 18, 10, 60) // 1000
        jitter = chance(self.keys, 19, slots, 8001)
        share = standing * 1000 + drift * 1000 + level * 6 // 100 + jitter
        used: Ints = self.memory // 1_000_000 * share
        return used

    def _traffic(self, slots: Ints, level: Ints) -> tuple[Ints, Ints]:
        """Bytes a second written to disk and moved over the network; none at all for an idle machine."""
        full = _field("traffic")[self.profile] * between(self.keys, 20, 200, 1800) // 1000
        spread = 500 + chance(self.keys, 21, slots, 1001)
        network = full * level // 1_000_000 * spread // 1000
        disk = network * between(self.keys, 22, 100, 900) // 1000
        return disk, network

    def storage_used(self, slots: Ints) -> Ints:
        """Bytes on disk, shape (n, k): a start, growth by the day, a week's logs that are rotated."""
        age = np.maximum(slots - self.born_slot, 0)
        growth = np.where(self._is("idle"), 0, between(self.keys, 23, 0, 1000))
        logs = (
            (slots + between(self.keys, 24, 0, SLOTS_A_WEEK)) % SLOTS_A_WEEK * between(self.keys, 25, 0, 9000)
        )
        start = np.where(
            self._is("busy"),
            between(self.keys, 28, 520_000, 720_000),
            between(self.keys, 26, 80_000, 620_000),
        )
        share = start + growth * age // SLOTS_A_DAY + logs // SLOTS_A_WEEK
        used: Ints = self.storage // 1_000_000 * share
        return used


def _drawn(keys: Keys, stream: int, profile: Ints, field: str) -> Ints:
    ranges = np.array([getattr(each, field) for each in PROFILES], np.int64)
    return between(keys, stream, ranges[profile, 0], ranges[profile, 1])


def _field(name: str) -> Ints:
    return np.array([getattr(profile, name) for profile in PROFILES], np.int64)


def _week(profile: Profile) -> Ints:
    """A week of slots from Monday 0:00, per mille, straight lines between the hours."""
    hours = np.array([*profile.day, profile.day[0]], np.int64)
    slots = np.arange(SLOTS_A_DAY)
    hour, part = slots // 12, slots % 12
    day = (hours[hour] * (12 - part) + hours[hour + 1] * part) * 10 // 12
    return np.concatenate([day] * 5 + [day * profile.weekend // 100] * 2)


_WEEK = np.stack([_week(profile) for profile in PROFILES])
