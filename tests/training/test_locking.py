import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training.locking import locked

HOLD = """
import sys
from pathlib import Path
from headstart.training.locking import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_process_is_refused_until_the_first_is_dead(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    message = rf"run is in use by process {holder.pid} on .*; wait until it is done or stop it, or choose another"
    for _ in range(2):
        with pytest.raises(HeadstartError, match=message), locked(tmp_path / "run"):
            raise AssertionError
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / "run/.lock").exists()  # a dead process clears nothing away, and still does not block
    with locked(tmp_path / "run"):
        assert (tmp_path / "run/.lock").read_text().startswith(f"process {os.getpid()} on ")
    assert not (tmp_path / "run/.lock").exists()


def test_a_process_holds_a_folder_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(HeadstartError, match=r"in use by process"), locked(tmp_path):
        raise AssertionError
    with locked(tmp_path):
        pass


def test_folders_made_for_nothing_go_away_and_others_stay(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a/b"):
        assert (tmp_path / "a/b").is_dir()
        _ = 1 / 0
    assert tmp_path.exists()
    assert not (tmp_path / "a").exists()
    with locked(tmp_path / "a/b"):
        (tmp_path / "a/b/result").touch()
    assert [path.name for path in (tmp_path / "a/b").iterdir()] == ["result"]
