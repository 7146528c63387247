"""Image files of a pool's folder: checked against the sum that was meant, their format told by their content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cloudctl.core.errors import Refused

# Where in a file a format writes its name, and what Glance calls that format.
SIGNATURES = (
    (0, b"QFI\xfb", "qcow2"),
    (0, b"KDMV", "vmdk"),
    (0, b"conectix", "vhd"),
    (0, b"vhdxfile", "vhdx"),
    (64, b"\x7f\x10\xda\xbe", "vdi"),
    (0x8001, b"CD001", "iso"),
)
HEAD_BYTES = 0x8006
GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image file that is what it should be. sums: hex digests by algorithm; disk_format: in Glance's words."""

    path: Path
    sums: Mapping[str, str]
    disk_format: str
    length: int
    min_disk_gib: int


def checked_file(code: str, source: str, sha256: object, folder: Path) -> ImageFile | None:
    """folder: what a relative source lies in. None: there is no such file. Refused when it is not the one meant."""
    path = folder / source
    try:
        head, sums, length = _read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Refused(
            "Image {code}: {path} cannot be read: {reason}",
            code=code,
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from None
    if sha256 and sums["sha256"] != sha256:
        raise Refused(
            "Image {code}: {path} has the SHA-256 {found}, not {wanted}.",
            code=code,
            path=str(path),
            found=sums["sha256"],
            wanted=sha256,
        )
    disk_format = format_of(head)
    return ImageFile(path, sums, disk_format, length, -(-_disk_bytes(head, disk_format, length) // GIB))


def format_of(head: bytes) -> str:
    """raw: what bears no other format's name."""
    named = (name for at, magic, name in SIGNATURES if head[at : at + len(magic)] == magic)
    return next(named, "raw")


def _disk_bytes(head: bytes, disk_format: str, length: int) -> int:
    """Of the disk the image holds, where it is known: qcow2 says it."""
    return int.from_bytes(head[24:32], "big") if disk_format == "qcow2" else length


def _read(path: Path) -> tuple[bytes, dict[str, str], int]:
    """Its head, its sums and its length, in one pass; Glance keeps SHA-512 unless told otherwise."""
    digests = {name: hashlib.new(name) for name in ("sha256", "sha512")}
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        block = head
        while block:
            for digest in digests.values():
                digest.update(block)
            block = file.read(1 << 20)
        return head, {name: digest.hexdigest() for name, digest in digests.items()}, file.tell()
