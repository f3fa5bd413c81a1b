import os
import signal
import threading

import pytest

from headstart.training.stopping import Stopped, StopSignals, stopped


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_first_signal_asks_and_a_second_stops_at_once(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Stopped, match="at once; the same command goes on from the last checkpoint"), StopSignals() as s:
        assert s.asked is None
        os.kill(os.getpid(), number)
        assert s.asked == number
        told = stopped(number, "after step 3")
        assert str(told) == (
            f"Stopped by {number.name} after step 3; nothing is lost: the same command goes on from there."
        )
        assert told.exit_code == code
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_another_thread_can_not_be_told_and_is_left_alone() -> None:
    seen = []

    def use() -> None:
        with StopSignals() as signals:
            seen.append(signals.asked)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert seen == [None]
