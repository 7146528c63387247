"""The NoCloud seed: a small ISO from which cloud-init reads hostname, SSH keys and network on first boot."""

from collections.abc import Sequence
from io import BytesIO

import yaml


def seed_iso(instance: str, hostname: str, user: str, ssh_keys: Sequence[str], mac: str | None) -> bytes:
    """instance: a new one makes cloud-init begin anew. mac: of the machine's port; None: it has none.

    Every file is YAML written by a YAML library.
    """
    meta = {"instance-id": instance, "local-hostname": hostname}
    login = {
        "name": user,
        "sudo": "ALL=(ALL) NOPASSWD:ALL",
        "shell": "/bin/bash",
        "lock_passwd": True,
        "ssh_authorized_keys": list(ssh_keys),
    }
    users = {"hostname": hostname, "users": [login] if ssh_keys else [], "ssh_pwauth": False}
    # By its address: what guests call a port differs, and not all of them can match a pattern of names.
    port = {"match": {"macaddress": mac}, "set-name": "eth0", "dhcp4": True}
    network = {"version": 2, "ethernets": {"eth0": port} if mac else {}}
    return _iso(
        {
            "meta-data": _yaml(meta),
            "user-data": b"#cloud-config\n" + _yaml(users),
            "network-config": _yaml(network),
        }
    )


def _yaml(document: object) -> bytes:
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()


def _iso(files: dict[str, bytes]) -> bytes:
    """Rock Ridge and Joliet, for the names have dashes; the label is what cloud-init looks for."""
    import pycdlib

    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, content) in enumerate(files.items(), 1):
        iso.add_fp(BytesIO(content), len(content), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    image = BytesIO()
    iso.write_fp(image)
    iso.close()
    return image.getvalue()
