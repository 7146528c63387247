"""Where a simulated machine would be reached: an address that nobody has, the same on every computer."""

from zlib import crc32

# 198.18.0.0/15 is set aside for tests of network equipment (RFC 2544) and routed nowhere.
_BLOCKS, _PER_BLOCK = 512, 254


def address_of(pool: str, number: int) -> str:
    """Of a pool's machine by its number there: one pool's machines have one each, up to 130,048 of them.

    Each pool begins at a place of its own, which its code decides.
    """
    block, host = divmod(crc32(pool.encode()) % _BLOCKS * _PER_BLOCK + number - 1, _PER_BLOCK)
    block %= _BLOCKS
    return f"198.{18 + block // 256}.{block % 256}.{host + 1}"
