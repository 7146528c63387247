"""The demonstration's people at work: each acts in his own name, at the hour the story has come to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time

from cloudctl.core.errors import Message
from cloudctl.operations.context import Context, find_actor
from cloudctl.operations.demo.city import City
from cloudctl.operations.demo.people import Cast
from cloudctl.operations.usage.drive_sweeps import drive_sweeps

# Told what has happened at an hour of the story, and how much of the whole work is behind: 0 to 1.
Told = Callable[[datetime, Message, float], None]


@dataclass(slots=True)
class Troupe:
    """The stage's home as its founder sees it, the city that plays, and who plays whom."""

    founder: Context
    city: City
    cast: Cast
    tell: Told
    _known: dict[str, Context] = field(default_factory=dict)

    def acting(self, login: str) -> Context:
        """The context of a person of the city, with the rights the inventory gave him."""
        if login not in self._known:
            with self.founder.reading() as session:
                actor = find_actor(session, self.founder.settings, login, self.founder.actor.origin)
            self._known[login] = self.founder.acting_as(actor)
        return self._known[login]

    def unit_member(self, unit: str) -> Context:
        return self.acting(self.cast.members[unit])

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """An hour on the city's wall clock."""
        return datetime.combine(day, time(hour, minute), self.founder.site.zone)

    def meter_until(self, instant: datetime) -> None:
        """Time passes, and every machine is measured on the grid until then."""
        if instant > self.founder.clock.now():
            drive_sweeps(self.acting(self.cast.operators[0]), instant)
