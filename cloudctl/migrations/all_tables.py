"""Every table of every package, imported here so that they can be compared with what the migrations make."""

import cloudctl.core.tables
import metering.settlement.tables
import metering.tables
import policies.funding_tables
import policies.requests.tables
import policies.tables
import provisioning.tables
from cloudctl.core.database import Base

__all__ = ["TABLE_MODULES", "metadata"]

TABLE_MODULES = (
    cloudctl.core.tables,
    provisioning.tables,
    metering.tables,
    metering.settlement.tables,
    policies.tables,
    policies.funding_tables,
    policies.requests.tables,
)
metadata = Base.metadata
