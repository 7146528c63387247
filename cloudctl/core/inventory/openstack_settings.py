"""What a pool's entry may say to the OpenStack driver alone; for what is left out the driver's own defaults hold."""

from typing import Annotated

from pydantic import Field

from cloudctl.core.inventory.libvirt_settings import Text
from cloudctl.core.yaml_source import YamlModel

Seconds = Annotated[int, Field(ge=10, le=86_400)]


class OpenStackSettings(YamlModel):
    """floating: the network that gives outside addresses. strict_apart: a system's machines never share a host.
    keeps_quotas: quotas of units' projects follow what these hold. project_role: what
    our user is given in a unit's project. deadline_s, measure_s: the longest a step and a sweep may take.
    """

    flavor_prefix: Text | None = None
    security_groups: tuple[Text, ...] | None = None
    floating: Text | None = None
    project_prefix: Text | None = None
    project_domain: Text | None = None
    project_role: Text | None = None
    keeps_quotas: bool | None = None
    strict_apart: bool | None = None
    deadline_s: Seconds | None = None
    measure_s: Seconds | None = None
