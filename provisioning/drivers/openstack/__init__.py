"""The driver of an OpenStack cloud, known by its name in clouds.yaml."""

from cloudctl.core.errors import Refused

try:
    from provisioning.drivers.openstack.driver import OpenStackDriver
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("openstack", "keystoneauth1"):
        raise
    raise Refused("This install lacks openstacksdk, which pools on OpenStack need.") from None

__all__ = ["OpenStackDriver"]
