"""Disk images: checked against their SHA-256, and uploaded once per storage pool."""

import hashlib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cloudctl.core.errors import Refused
from provisioning.drivers.libvirt.domain_xml import volume_xml
from provisioning.drivers.libvirt.options import Image
from provisioning.drivers.libvirt.storage import (
    fill,
    find_volume,
    refresh,
    remove_volume,
    require_free_space,
    storage_pool,
    write_raw,
)
from provisioning.drivers.libvirt.workplace import Workplace

QCOW2 = b"QFI\xfb"


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """An image file that is what it should be. kind: qcow2 or raw; capacity: of the disk it holds."""

    path: Path
    sha256: str
    kind: str
    length: int
    capacity_bytes: int


@dataclass(frozen=True, slots=True)
class Base:
    """An image as it lies in a storage pool, never written to again."""

    volume: Any
    path: str
    image: CheckedImage


def checked_image(image: Image, folder: Path) -> CheckedImage:
    """folder: what a relative source lies in. Refused when it is missing or not the one that was meant."""
    path = folder / image.source
    try:
        with path.open("rb") as file:
            head = file.read(32)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            length = file.tell()
    except OSError as error:
        raise Refused(
            "Image {code}: {path} cannot be read: {reason}",
            code=image.code,
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ) from None
    if image.sha256 is not None and digest != image.sha256:
        raise Refused(
            "Image {code}: {path} has the SHA-256 {found}, not {wanted}.",
            code=image.code,
            path=str(path),
            found=digest,
            wanted=image.sha256,
        )
    if head[:4] != QCOW2:
        return CheckedImage(path, digest, "raw", length, length)
    _require_plain(image, path, head)
    return CheckedImage(path, digest, "qcow2", length, int.from_bytes(head[24:32], "big"))


def _require_plain(image: Image, path: Path, head: bytes) -> None:
    """qcow2 of version 3 (compat 1.1), and with no backing file: that would name a file of the host."""
    version, backing = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:16], "big")
    if version != 3:
        raise Refused(
            "Image {code}: {path} is qcow2 of an old version; convert it with qemu-img, compat=1.1.",
            code=image.code,
            path=str(path),
        )
    if backing:
        raise Refused("Image {code}: {path} has a backing file.", code=image.code, path=str(path))


def ensure_base(place: Workplace, pool_name: str, image: CheckedImage) -> Base:
    """The image in that storage pool, uploaded if it is not there yet.

    A small volume beside it is written last and says that the upload was whole: one that was cut off is begun anew.
    So of the hosts that share a storage pool one uploads at a time, and the others find it done.
    """
    storage = pool_name if place.settings.shared_storage else f"{place.host}.{pool_name}"
    with place.archive.uploading(storage):
        return _uploaded_once(place.connection, pool_name, place.host, image)


def _uploaded_once(connection: Any, pool_name: str, host: str, image: CheckedImage) -> Base:
    pool = storage_pool(connection, pool_name, host)
    name = f"base-{image.sha256[:32]}.{image.kind}"
    whole = f"{name}.whole"
    refresh(pool, host)
    volume = find_volume(pool, name)
    if volume is None or not (find_volume(pool, whole) or _is_built_upon(pool, volume.path())):
        remove_volume(pool, name)
        require_free_space(pool, image.length, host)
        volume = pool.createXML(volume_xml(name, image.length, "raw"), 0)
        if _sent(connection, volume, image) != image.sha256:
            remove_volume(pool, name)
            raise Refused("{path} changed while it was uploaded.", path=str(image.path))
        write_raw(connection, pool, whole, image.sha256.encode())
        refresh(pool, host)
        volume = find_volume(pool, name)
    return Base(volume, volume.path(), image)


def _sent(connection: Any, volume: Any, image: CheckedImage) -> str:
    """The SHA-256 of what really went over the line."""
    with image.path.open("rb") as file:
        source = _Watched(file)
        fill(connection, volume, source, image.length)
    return source.digest.hexdigest()


class _Watched:
    def __init__(self, file: BinaryIO) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, length: int) -> bytes:
        chunk = self._file.read(length)
        self.digest.update(chunk)
        return chunk


def _is_built_upon(pool: Any, path: str) -> bool:
    """Whether a machine's disk lies over it: then it was whole, whoever tidied the note of that away."""
    volumes = (ET.fromstring(volume.XMLDesc()) for volume in pool.listAllVolumes())
    return any(volume.findtext("backingStore/path") == path for volume in volumes)
