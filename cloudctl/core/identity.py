"""Who acts, in which role, through which door."""

from dataclasses import dataclass
from enum import StrEnum

from cloudctl.core.errors import Message, Refused


class Role(StrEnum):
    OPERATOR = "operator"
    FINANCE = "finance"
    PANEL = "panel"
    UNIT = "unit"
    SYSADMIN = "sysadmin"
    SECADMIN = "secadmin"
    AUDITOR = "auditor"
    APPROVER = "approver"


@dataclass(frozen=True, slots=True)
class Actor:
    """The acting person (or job): login, owning unit's code, roles, and the door he came through."""

    login: str
    unit: str | None
    roles: frozenset[Role]
    origin: str

    def has(self, *roles: Role) -> bool:
        return not self.roles.isdisjoint(roles)

    def require(self, *roles: Role) -> None:
        """Refused unless the actor has one of the roles."""
        if not self.has(*roles):
            raise Refused(
                "{login} has none of the roles this needs: {roles}.",
                login=self.login,
                roles=", ".join(roles),
                hint=Message("Name another person with --as, or grant the role in the inventory."),
            )


def job_actor(job: str) -> Actor:
    """The daemon acting by itself; it may operate, never decide, sign or approve."""
    return Actor(f"job:{job}", None, frozenset({Role.OPERATOR}), "daemon")
