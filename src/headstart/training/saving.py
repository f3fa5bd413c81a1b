"""When a run is saved: after so many seconds, and when a signal asks it to stop; in all processes at the same step."""

from __future__ import annotations

import time

from headstart.training.processes import Processes
from headstart.training.stopping import StopSignals, stopped

__all__ = ["Saving"]

# Steps between two agreements. Agreeing takes the hosts a tenth of a millisecond, and lets none of them run ahead.
EVERY = 8


class Saving:
    """The moments at which a run is saved.

    Args:
        processes: all save at the same step, by the first one's clock.
        signals: asked in any process, all stop.
        seconds: between two saved moments inside a pass.
    """

    def __init__(self, processes: Processes, signals: StopSignals, seconds: float) -> None:
        self.processes, self.signals, self.seconds = processes, signals, seconds
        self.saved = time.monotonic()
        self.asked: int | None = None  # the signal that all processes know of

    def due(self, step: int) -> bool:
        """Whether to save after ``step``; the same answer in all processes."""
        if self.processes.count > 1 and step % EVERY:
            return False
        late = self.processes.first and time.monotonic() - self.saved >= self.seconds
        return bool(self.agree(late)) or self.asked is not None

    def agree(self, number: int = 0) -> int:
        """The largest ``number`` over the processes; what any of them was asked is then known to all."""
        asked, largest = self.processes.largest(self.signals.asked or 0, number)
        self.asked = asked or None
        return largest

    def done(self) -> None:
        """Saved just now."""
        self.saved = time.monotonic()

    def stop_if_asked(self, where: str) -> None:
        """Raise :class:`~headstart.training.stopping.Stopped` when a signal has asked for it: ``where`` is saved."""
        if self.asked is not None:
            self.processes.wait()  # until the first has written: the others' end would end it too
            raise stopped(self.asked, where)
