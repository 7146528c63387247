"""Who may log in first: the pool's SSH keys, as a keypair and in the machine's user data."""

import base64
import hashlib
import json
from collections.abc import Sequence

from provisioning.drivers.openstack.cloud import Cloud
from provisioning.drivers.openstack.failures import Rejected


def ensured_keypair(cloud: Cloud, keys: Sequence[str]) -> str | None:
    """The name of a keypair of the first key; it belongs to our user, whatever the project."""
    if not keys:
        return None
    name = "cloudctl-" + hashlib.sha256(keys[0].encode()).hexdigest()[:16]
    if cloud.compute.find(f"/os-keypairs/{name}") is None:
        try:
            cloud.compute.post(
                "/os-keypairs", {"keypair": {"name": name, "type": "ssh", "public_key": keys[0]}}
            )
        except Rejected as refusal:
            if refusal.status != 409:
                raise
    return name


def user_data(keys: Sequence[str]) -> str | None:
    """All keys for cloud-init, where there is more than a keypair can carry."""
    if len(keys) < 2:
        return None
    # JSON is YAML, and quotes whatever a key's comment may hold.
    document = "#cloud-config\n" + json.dumps({"ssh_authorized_keys": list(keys)}) + "\n"
    return base64.b64encode(document.encode()).decode()
