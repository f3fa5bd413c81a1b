"""SIGTERM and SIGINT: the step is finished and saved before the run stops."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType

__all__ = ["StopSignals", "Stopped", "stopped"]


class Stopped(KeyboardInterrupt):
    """A run that was asked to stop and did, with nothing lost; the message says how to go on.

    A KeyboardInterrupt, so that no ``except Exception`` on its way takes it for a failure.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as a shell has it: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.number


def stopped(number: int, where: str) -> Stopped:
    """What to raise after signal ``number`` when the state at ``where`` is saved."""
    name = signal.Signals(number).name
    return Stopped(number, f"Stopped by {name} {where}; nothing is lost: the same command goes on from there.")


class StopSignals:
    """Inside, a first signal only sets :attr:`asked`; a second one stops at once, as a kill would.

    Only the main thread can be told of signals: in another one this does nothing.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        self.before: dict[int, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self.before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self.before.items():
            # None is a handler that was not set from Python, and can't be set again from here.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # type: ignore[arg-type]

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            raise Stopped(number, "Stopped at once; the same command goes on from the last checkpoint.")
        self.asked = number
