import signal

import pytest

from headstart.training import saving as module
from headstart.training.processes import Processes
from headstart.training.saving import EVERY, Saving
from headstart.training.stopping import Stopped, StopSignals


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_saving_is_due_after_so_many_seconds_and_on_a_signal(clock: list[float]) -> None:
    signals = StopSignals()
    saving = Saving(Processes("float32"), signals, 10.0)
    assert not saving.due(1)
    clock[0] = 10.0
    assert saving.due(2)
    saving.done()
    assert not saving.due(3)
    saving.stop_if_asked("nowhere")
    signals.asked = signal.SIGTERM
    assert saving.due(4)
    with pytest.raises(Stopped, match="Stopped by SIGTERM after step 4; nothing is lost"):
        saving.stop_if_asked("after step 4")


def test_processes_agree_at_some_steps_only_and_on_what_any_of_them_was_asked(clock: list[float]) -> None:
    processes, signals = Processes("float32"), StopSignals()
    processes.count = 2
    asked: list[tuple[int, ...]] = []

    def largest(*numbers: int) -> list[int]:
        asked.append(numbers)
        return [signal.SIGINT, numbers[1]]  # the other process was asked

    processes.largest = largest  # type: ignore[method-assign]
    saving = Saving(processes, signals, 10.0)
    assert [saving.due(step) for step in range(1, EVERY)] == [False] * (EVERY - 1)
    assert not asked
    assert saving.due(EVERY)
    assert asked == [(0, False)]
    assert saving.asked == signal.SIGINT


def test_a_signal_that_comes_while_they_agree_is_kept_for_the_next_time(clock: list[float]) -> None:
    processes, signals = Processes("float32"), StopSignals()
    saving, plain = Saving(processes, signals, 10.0), processes.largest

    def largest(*numbers: int) -> list[int]:
        signals.asked = signal.SIGINT  # after the question
        return plain(*numbers)

    processes.largest = largest  # type: ignore[method-assign]
    assert not saving.due(1)
    assert saving.due(2)
