"""Why a machine may be left out of review."""

from enum import StrEnum


class ExemptionKind(StrEnum):
    """RECENT_DECISION is never entered by hand: a decided case exempts its machine for a while by itself."""

    STANDBY = "standby"
    DISASTER_RECOVERY = "disaster_recovery"
    SEASONAL = "seasonal"
    OTHER = "other"
    RECENT_DECISION = "recent_decision"


BY_HAND = tuple(kind for kind in ExemptionKind if kind is not ExemptionKind.RECENT_DECISION)
