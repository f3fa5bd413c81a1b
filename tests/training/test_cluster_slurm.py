"""Jobs on a Slurm of a few lines that has the commands of the real one."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from headstart.cli import app
from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, train
from headstart.training.cluster import Cluster, Submitted
from headstart.training.locking import locked
from headstart.training.queues import SlurmQueue

from .finished_jobs import wait_for, weights
from .small_slurm import SLURM

pytest.importorskip("submitit")
pytestmark = pytest.mark.usefixtures("environment")


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster in a folder."""
    tools = tmp_path / "slurm/bin"
    tools.mkdir(parents=True)
    (tools / "sbatch").write_text(f"#!{sys.executable}\n{SLURM}")
    (tools / "sbatch").chmod(0o755)
    for name in ("slurmctld", "srun", "squeue", "scontrol"):
        os.link(tools / "sbatch", tools / name)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(SlurmQueue, "poll", 0.2)
    return tools.parent


def test_slurm_is_told_what_was_asked_and_a_second_command_attaches(tmp_path: Path, slurm: Path) -> None:
    (slurm / "full").touch()  # jobs stay in the queue
    command = ["compare", "digits", "--init", "default,mimetic", "--seeds", "1", "--out", str(tmp_path / "out")]
    asked = ["partition=gpu", "slurm_account=lab", "time=120", "cpus=1", "mem_gb=1.5", "jobs=2", "sbatch.nice=5"]
    asked += ["setup=module load cuda", "setup=ulimit -n 4096"]
    settings = [word for setting in asked for word in ("--cluster-set", setting)]
    for words in ("0 under way, 2 submitted", "2 under way, 0 submitted"):
        result = CliRunner().invoke(app, [*command, "--cluster", "slurm", *settings, "--no-wait"])
        assert result.exit_code == 0, result.output
        assert f"2 runs: 0 finished, {words}. The same command without --no-wait waits" in result.output
    script = (slurm / "script-100").read_text()
    for option in (
        "partition=gpu", "account=lab", "time=120", "cpus-per-task=1", "mem=1536MB", "array=0-1%2", "nice=5",
        "gpus-per-node=1", "job-name=headstart", "requeue", "signal=USR2@90", "open-mode=append",
    ):  # fmt: skip
        assert f"#SBATCH --{option}\n" in script
    assert "\nmodule load cuda\nulimit -n 4096\n" in script
    assert "--cpus-per-task=1" in script.split("srun", 1)[1]
    assert [path.stat().st_size < 5000 for path in tmp_path.glob("out/jobs/*.pkl")] == [True, True]
    alone = CliRunner().invoke(app, [*command, "--no-wait"])
    assert alone.exit_code == 2
    assert "--cluster-set and --no-wait need --cluster slurm or --cluster local." in alone.stderr


@pytest.mark.slow
def test_a_job_that_makes_room_goes_on_and_a_killed_one_is_submitted_again(
    long: Recipe, tmp_path: Path, slurm: Path
) -> None:
    out, arms = tmp_path / "out", ["default", "mimetic"]

    def make_room() -> None:
        wait_for(lambda: (out / "default/seed-0/history.jsonl").exists())
        # What Slurm does to a job in the way of another: SIGTERM, then what --signal names.
        for number in (signal.SIGTERM, signal.SIGUSR2):
            os.kill(int((slurm / "pid-100_0").read_text()), number)

    def kill() -> None:
        wait_for(lambda: (out / "mimetic/seed-0/history.jsonl").exists())
        os.kill(int((slurm / "pid-100_1").read_text()), signal.SIGKILL)
        (slurm / "down").touch()  # squeue fails for a while
        time.sleep(0.5)
        (slurm / "down").unlink()

    threads = [threading.Thread(target=target) for target in (make_room, kill)]
    for thread in threads:
        thread.start()
    waiting = Cluster("slurm", ["cpus=1", "jobs=2"])
    with pytest.raises(HeadstartError, match=r"1 of 2 runs failed; .*\n  mimetic seed 0: ended without a") as told:
        compare(long, arms, [0], out, save_every=0.1, runner=waiting)
    for thread in threads:
        thread.join()
    log = out / "jobs/100_1_0_log.err"
    assert f"(log: {log})" in str(told.value)
    assert log.exists()
    assert "Requeued job 100_0" in (out / "jobs/100_0_0_log.out").read_text()
    console = Console(record=True, width=200)
    compare(long, arms, [0], out, console=console, save_every=0.1, runner=waiting)
    assert "2 runs: 1 finished, 0 under way, 1 submitted" in console.export_text()
    for arm in arms:
        train(long.override([f"init={arm}"]), tmp_path / arm)
        assert weights(out / arm / "seed-0") == weights(tmp_path / arm)


def test_a_run_that_somebody_trains_is_not_submitted(
    tiny: Recipe, tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitted: list[str] = []
    monkeypatch.setattr(SlurmQueue, "submit", lambda self, jobs: submitted.extend(jobs))
    with locked(tmp_path / "mimetic/seed-0"), pytest.raises(Submitted, match="1 under way, 3 submitted"):
        compare(tiny, ["default", "mimetic"], [0, 1], tmp_path, runner=Cluster("slurm", wait=False))
    assert submitted == ["default/seed-0", "default/seed-1", "mimetic/seed-1"]


def test_ctrl_c_leaves_the_jobs_of_slurm_alone(tiny: Recipe, tmp_path: Path, slurm: Path) -> None:
    queue = SlurmQueue(tmp_path, {})
    queue.ids = {"a": "100_0", "b": "100_1", "c": "7", "d": "8", "e": "9"}
    for job, state in {"100_1": "PENDING", "7": "REQUEUE_HOLD", "8": "OUT_OF_MEMORY", "5": "RUNNING"}.items():
        (slurm / f"job-{job}").write_text(state)
    assert queue.states() == {"b": "queued", "c": "running"}
    assert "The same command waits for them again and gathers; `scancel 100 7` ends them." in queue.stop()


def test_without_an_answer_of_squeue_nothing_is_submitted(tiny: Recipe, tmp_path: Path, slurm: Path) -> None:
    (slurm / "down").touch()
    with pytest.raises(HeadstartError, match="squeue could not say which jobs there are: slurm_load_jobs error"):
        compare(tiny, ["default"], [0], tmp_path / "out", runner=Cluster("slurm"))
    assert not (slurm / "script-100").exists()


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("slurn", [], "unknown --cluster 'slurn': did you mean 'slurm'"),
        ("slurm", ["partitoin=gpu"], "unknown --cluster-set key for slurm 'partitoin': did you mean 'partition'"),
        ("slurm", ["nodes=2"], "unknown --cluster-set key for slurm 'nodes'"),
        ("slurm", ["time=2h"], "--cluster-set time: expected a whole number of minutes, 1 or more, got '2h'"),
        ("slurm", ["partition"], "--cluster-set expects KEY=VALUE, got 'partition'"),
        ("local", ["partition=gpu"], "for local 'partition': Known: cpus, cpus_per_task, jobs."),
        ("local", ["jobs=0"], "--cluster-set jobs: expected a whole number, 1 or more, got '0'"),
        ("slurm", ["mem_gb=-1"], "--cluster-set mem_gb: expected a number, 0 or more, got '-1'"),
    ],
)
def test_bad_settings_are_told(slurm: Path, kind: str, settings: list[str], message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        Cluster(kind, settings)
    assert message in str(told.value)
