"""Jobs on this machine, and on a Slurm of a few lines that has the commands of the real one."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from headstart.cli import app
from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, train
from headstart.training.cluster import Cluster, Submitted
from headstart.training.locking import locked
from headstart.training.queues import LocalQueue, SlurmQueue
from headstart.training.run_folder import claim

pytest.importorskip("submitit")

# One program under all of Slurm's names. A job is a file with its state; "pid-JOB" is the process of its task.
SLURM = """
import os, re, subprocess, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

place, name, words = Path(__file__).parent.parent, Path(sys.argv[0]).name, sys.argv[1:]

def life(job, script, **more):
    while True:
        (place / f"job-{job}").write_text("RUNNING")
        subprocess.run(["bash", script], env={**os.environ, "SLURM_NTASKS": "1", "SLURM_PROCID": "0", **more})
        try:
            (place / f"requeue-{job}").unlink()
        except FileNotFoundError:
            (place / f"job-{job}").unlink()
            return
        (place / f"job-{job}").write_text("PENDING")

if name == "sbatch":
    main = 100 + len(list(place.glob("script-*")))
    text = Path(words[0]).read_text()
    (place / f"script-{main}").write_text(text)
    array = re.search(r"--array=0-(\\d+)%(\\d+)", text)
    count, at_once = (int(array[1]) + 1, array[2]) if array else (0, "1")
    jobs = [f"{main}_{index}" for index in range(count)] or [f"{main}"]
    for job in jobs:
        (place / f"job-{job}").write_text("PENDING")
    if not (place / "full").exists():
        log = open(place / "log", "a")
        subprocess.Popen([str(place / "bin/slurmctld"), at_once, str(place / f"script-{main}"), *jobs],
                         start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    print(f"Submitted batch job {main}")
elif name == "slurmctld":
    at_once, script, *jobs = words
    with ThreadPoolExecutor(int(at_once)) as pool:
        for job in jobs:
            main, _, index = job.partition("_")
            more = {"SLURM_ARRAY_JOB_ID": main, "SLURM_ARRAY_TASK_ID": index} if index else {}
            pool.submit(life, job, script, SLURM_JOB_ID=main, **more)
elif name == "srun":
    main, index = os.environ["SLURM_JOB_ID"], os.environ.get("SLURM_ARRAY_TASK_ID")
    job = main if index is None else f"{main}_{index}"
    while words[0].startswith("--"):
        option = words.pop(0)
        if option in ("--output", "--error"):
            path = words.pop(0).replace("%A_%a", job).replace("%j", job).replace("%t", "0")
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 1 if option == "--output" else 2)
    (place / f"pid-{job}").write_text(str(os.getpid()))
    os.execvp(words[0], words)
elif name == "squeue":
    if (place / "down").exists():
        sys.exit("slurm_load_jobs error: Unable to contact slurm controller")
    for path in place.glob("job-*"):
        print(path.name[4:], path.read_text() or "RUNNING")
elif name == "scontrol":
    assert words[0] == "requeue"
    (place / f"requeue-{words[1]}").touch()
"""


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


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def long(tiny: Recipe) -> Recipe:
    return tiny.override(["passes=20", "batch_size=10"])  # a second or two, so that it can be cut


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    for arm in results["arms"]:
        for row in [row for run in arm["runs"] for row in (run, *run["history"])]:
            del row["seconds"], row["images_per_second"]
    return results


def weights(run: Path) -> bytes:
    return (run / "model.safetensors").read_bytes()


def wait_for(there: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_jobs_of_this_machine_give_what_one_process_gives(tiny: Recipe, tmp_path: Path) -> None:
    arms, seeds, out = ["default", "mimetic"], [0, 1], tmp_path / "jobs"
    plain = compare(tiny, arms, seeds, tmp_path / "plain")
    console = Console(record=True, width=200)

    def draw(arm: str, report: object) -> None:
        (out / f"{arm}.txt").write_text(str(report))

    runner = Cluster("local", ["jobs=2", "cpus=1"])
    spread = compare(tiny, arms, seeds, out, console=console, on_start=draw, runner=runner)
    assert without_times(spread) == without_times(plain)
    for arm in arms:
        assert weights(out / arm / "seed-1") == weights(tmp_path / "plain" / arm / "seed-1")
        assert arm in (out / f"{arm}.txt").read_text()
    first, *lines = console.export_text().splitlines()
    assert first.startswith("4 runs: 0 finished, 0 under way, 4 submitted; logs in ")
    assert len(lines) == 4
    assert sum(line.startswith("mimetic seed 1 · test ") for line in lines) == 1
    assert lines[-1].endswith("0 running, 0 queued")
    assert all(path.stat().st_size < 5000 for path in out.glob("jobs/*/*_submitted.pkl"))

    # What is finished is only read, and a machine that differs is told.
    note = out / "default/seed-0/machine.json"
    machine = json.loads(note.read_text())
    machine["hardware"]["gpu"] = "a GPU"
    note.write_text(json.dumps(machine))
    results = compare(tiny, arms, seeds, out, console=console, runner=runner)
    assert results["hardware"]["gpu"] == "a GPU, none"
    assert results["hardware"]["threads"] == 1
    assert results["arms"][0]["runs"][0]["hardware"]["gpu"] == "a GPU"
    assert len(console.export_text().splitlines()) == 0
    with pytest.raises(HeadstartError, match="another config"):
        compare(tiny.override(["passes=4"]), arms, seeds, out, runner=runner)


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


def test_an_error_in_one_arm_is_told_and_the_others_finish(tiny: Recipe, tmp_path: Path) -> None:
    claim(tmp_path / "mimetic/seed-0", {"passes": 7})
    with pytest.raises(HeadstartError) as told:
        compare(tiny, ["mimetic", "default"], [0], tmp_path, runner=Cluster("local", ["jobs=2"]))
    first, second = str(told.value).splitlines()
    assert first.startswith("1 of 2 runs failed; the others are finished and kept")
    assert second.startswith(
        f"  mimetic seed 0: {tmp_path}/mimetic/seed-0 holds a run of another config: passes (7 there"
    )
    (log,) = [line for path in tmp_path.glob("jobs/*/*.err") for line in [str(path)] if line in second]
    assert second.endswith(f"(log: {log})")
    assert (tmp_path / "default/seed-0/result.json").exists()
    assert not (tmp_path / "results.json").exists()


@pytest.mark.slow
def test_ctrl_c_stops_the_jobs_of_this_machine_when_they_are_saved(long: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = """
import sys
from headstart.training import Recipe, compare
from headstart.training.cluster import Cluster
try:
    compare(Recipe.model_validate_json(sys.argv[1]), ["default"], [0], sys.argv[2], runner=Cluster("local"))
except KeyboardInterrupt as stop:
    sys.exit(str(stop))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, long.model_dump_json(), str(out)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: (out / "default/seed-0/history.jsonl").exists())
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: everybody gets it
    assert process.communicate(timeout=60)[1] == "Stopped; nothing is lost: the same command goes on from there.\n"
    (log,) = out.glob("jobs/*/*.err")
    assert "Stopped by SIGTERM after" in log.read_text()
    compare(long, ["default"], [0], out)
    train(long, tmp_path / "whole")
    assert weights(out / "default/seed-0") == weights(tmp_path / "whole")


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


def test_each_job_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert LocalQueue(tmp_path, {}).devices == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    queue = LocalQueue(tmp_path, {"jobs": 3})
    assert queue.devices == ["3", "GPU-5"]
    assert len(queue.running) == 3


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


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HeadstartError, match="no queue that goes on alone; leave out --no-wait"):
        Cluster("local", wait=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HeadstartError, match="--cluster slurm needs sbatch, which is not here: run it on a login node"):
        Cluster("slurm")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(HeadstartError, match=r'needs submitit; pip install "headstart\[cluster\]"'):
        Cluster("local")
