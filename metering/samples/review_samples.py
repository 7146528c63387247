"""The samples of one review's window, opened once for all that is asked of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
from sqlalchemy.orm import Session

from cloudctl.core.database import from_micros
from metering.samples.review_figures import review_figures
from metering.samples.review_model import Figures, Limit, MachineQuestion, ReviewWindow, Series
from metering.samples.review_series import review_series
from metering.samples.store import SampleStore


@dataclass(frozen=True, slots=True)
class ReviewSamples:
    """What can be asked of a window."""

    window: ReviewWindow
    _connection: duckdb.DuckDBPyConnection

    def figures(self, machines: Sequence[MachineQuestion]) -> dict[int, Figures]:
        return review_figures(self._connection, self.window, machines)

    def series(self, limits: Sequence[Limit], tight: float) -> dict[int, Series]:
        return review_series(self._connection, self.window, limits, tight)


@contextmanager
def opened_samples(store: SampleStore, session: Session, window: ReviewWindow) -> Iterator[ReviewSamples]:
    """The window's samples. Unreachable when a file cannot be read."""
    with store.opened(session, from_micros(window.start_us), from_micros(window.end_us)) as connection:
        yield ReviewSamples(window, connection)
