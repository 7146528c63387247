"""Pools of libvirt hosts: any number of them by URI, each with a thread and a connection of its own."""

from provisioning.drivers.libvirt.driver import LibvirtDriver

__all__ = ["LibvirtDriver"]
