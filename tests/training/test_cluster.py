"""Jobs on this machine."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare, train
from headstart.training.cluster import Cluster
from headstart.training.queues import LocalQueue
from headstart.training.run_folder import claim

from .finished_jobs import wait_for, weights

pytest.importorskip("submitit")
pytestmark = pytest.mark.usefixtures("environment")


def without_times(results: dict[str, Any]) -> dict[str, Any]:
    for arm in results["arms"]:
        for row in [row for run in arm["runs"] for row in (run, *run["history"])]:
            del row["seconds"], row["images_per_second"]
    return results


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


def test_each_job_sees_one_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert LocalQueue(tmp_path, {}).devices == ["0", "1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    queue = LocalQueue(tmp_path, {"jobs": 3})
    assert queue.devices == ["3", "GPU-5"]
    assert len(queue.running) == 3


def test_what_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HeadstartError, match="no queue that goes on alone; leave out --no-wait"):
        Cluster("local", wait=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(HeadstartError, match="--cluster slurm needs sbatch, which is not here: run it on a login node"):
        Cluster("slurm")
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(HeadstartError, match=r'needs submitit; pip install "headstart\[cluster\]"'):
        Cluster("local")
