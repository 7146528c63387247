"""Neutron's mechanism driver of the lab: binds every port on every host at once, without agents."""

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api


class FakeMech(api.MechanismDriver):
    connectivity = portbindings.CONNECTIVITY_L2
    supported_vnic_types = (portbindings.VNIC_NORMAL,)

    def initialize(self):
        pass

    def bind_port(self, context):
        for seg in context.segments_to_bind:
            details = {portbindings.CAP_PORT_FILTER: True}
            context.set_binding(
                seg[api.ID], portbindings.VIF_TYPE_OVS, details, status=constants.PORT_STATUS_ACTIVE
            )
            return

    def filter_hosts_with_segment_access(self, context, segments, candidate_hosts, agent_getter):
        return set(candidate_hosts)
