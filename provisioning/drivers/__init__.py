"""Adapters to clouds; only here may libvirt or openstack be imported."""
