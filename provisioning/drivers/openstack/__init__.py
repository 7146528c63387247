"""The driver of an OpenStack cloud, known by its name in clouds.yaml."""

from provisioning.drivers.openstack.driver import OpenStackDriver

__all__ = ["OpenStackDriver"]
