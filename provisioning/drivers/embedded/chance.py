"""Chance without state: a figure is a hash of (seed, machine, stream, slot), the same on every platform.

Integers alone, because sums and transcendental functions of floats differ in the last bit between processors.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_STREAM = np.uint64(0xD1B54A32D192ED03)


def machine_key(seed: int, name: str) -> int:
    """64 bits that belong to one machine of one simulated cloud."""
    return int.from_bytes(hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=8).digest(), "little")


def chance(keys: Keys, stream: int, slots: Ints, below: int) -> Ints:
    """Integers in [0, below), one per (machine, slot), by SplitMix64 (Steele, Lea, Flood 2014) on a counter.

    keys and slots broadcast. below stays under 2**31, so that the multiply-and-shift cannot overflow.
    """
    with np.errstate(over="ignore"):
        bits = keys + np.uint64(stream) * _STREAM + slots.astype(np.uint64) * _GOLDEN
        bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        bits ^= bits >> np.uint64(31)
    spread: Ints = (((bits >> np.uint64(32)) * np.uint64(below)) >> np.uint64(32)).astype(np.int64)
    return spread


def between(keys: Keys, stream: int, low: Ints | int, high: Ints | int) -> Ints:
    """One integer in [low, high) per machine, for good."""
    share = chance(keys, stream, np.zeros(1, np.int64), 1_000_000)
    picked: Ints = low + (np.asarray(high, np.int64) - low) * share // 1_000_000
    return picked
