"""A run that is killed, stopped or cut by a full disk ends with the bits of one that was left alone."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training import Recipe, feed, files, train
from headstart.training.stopping import Stopped

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}

# Warms up once and forks a process for each life of the run, so that twenty kills take seconds.
KILLER = """
import json, os, random, signal, sys, time, traceback
from pathlib import Path
import torch
from headstart.training import Recipe, train
from headstart.training.build import build_dataset

torch.set_num_threads(1)
recipe, out, wanted = Recipe(**json.loads(sys.argv[1])), Path(sys.argv[2]), int(sys.argv[3])
dataset, moments = build_dataset(recipe), random.Random(4)

def live(folder, seconds=None):
    process = os.fork()
    if process == 0:
        try:
            train(recipe, folder, dataset=dataset, save_every=0.0)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

train(recipe.override(["passes=1"]), out / "warm", dataset=dataset)  # imports what every life needs
began = time.monotonic()
assert live(out / "whole") == 0
whole = (out / "whole/model.safetensors").read_bytes()
length, kills, runs = time.monotonic() - began, 0, 0
while kills < wanted:
    folder, runs, status = out / f"cut-{runs}", runs + 1, None
    while status != 0:
        status = live(folder, moments.uniform(0, 0.7 * length) if kills < wanted else None)
        assert status in (0, -signal.SIGKILL), status
        kills += status != 0
    assert (folder / "model.safetensors").read_bytes() == whole, folder
    rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert [row["pass"] for row in rows] == list(range(1, recipe.passes + 1))
print(json.dumps({"kills": kills, "runs": runs, "length": length}))
"""


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_run_killed_at_twenty_random_moments_ends_with_the_same_bits(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["passes=6"]).model_dump_json()
    done = subprocess.run(
        [sys.executable, "-c", KILLER, recipe, str(tmp_path), "20"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] == 20


class Cut(BaseException):
    """What a kill looks like from inside."""


def test_a_kill_before_any_touch_of_the_disk_loses_nothing(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tiny.override(["passes=2", "batch_size=180"])
    train(short, tmp_path / "whole", save_every=0.0)
    originals: dict[str, Callable[..., Any]] = {name: getattr(os, name) for name in ("replace", "fsync", "unlink")}
    touches = 0

    def watch(name: str, last: int) -> Callable[..., Any]:
        def touch(*args: Any, **kwargs: Any) -> Any:
            nonlocal touches
            touches += 1
            if touches == last:
                raise Cut
            return originals[name](*args, **kwargs)

        return touch

    for last in range(1, 1000):
        touches = 0
        with monkeypatch.context() as patch:
            for name in originals:
                patch.setattr(os, name, watch(name, last))
            try:
                train(short, tmp_path / f"cut-{last}", save_every=0.0)
            except Cut:
                pass
            else:
                assert touches < last
                break
        train(short, tmp_path / f"cut-{last}", save_every=0.0)
        assert weights(tmp_path / f"cut-{last}") == weights(tmp_path / "whole")
    assert last > 20


def test_a_full_disk_stops_the_run_and_loses_nothing(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = tiny.override(["passes=2", "batch_size=180"])
    train(short, tmp_path / "whole", save_every=0.0)
    stops = 0
    for room in range(0, 14):
        written = 0

        def full(file: int, room: int = room) -> None:
            nonlocal written
            written += 1
            if written > 2 * room:  # each file takes two: its own, and its folder's
                raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(files.os, "fsync", full)
            try:
                train(short, tmp_path / f"cut-{room}", save_every=0.0)
            except HeadstartError as error:
                assert str(error).startswith(f"the disk is full: {tmp_path / f'cut-{room}'}")
                assert not list((tmp_path / f"cut-{room}").glob(".*.tmp"))
                stops += 1
        train(short, tmp_path / f"cut-{room}", save_every=0.0)
        assert weights(tmp_path / f"cut-{room}") == weights(tmp_path / "whole")
    assert stops > 8


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("steps", [1, 4, 6])
def test_a_signal_lets_the_step_finish_and_saves_it(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, steps: int
) -> None:
    train(tiny, tmp_path / "whole")
    original, calls = feed.Augmentation.apply, 0

    def signalled(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == steps:
            os.kill(os.getpid(), number)
        return original(*args, **kwargs)

    monkeypatch.setattr(feed.Augmentation, "apply", signalled)
    with pytest.raises(Stopped) as stopped:
        train(tiny, tmp_path / "cut")
    assert calls == steps
    assert str(stopped.value) == (
        f"Stopped by {number.name} after step {steps} of 12, saved in {tmp_path / 'cut'}; nothing is lost: "
        "the same command goes on from there."
    )
    monkeypatch.undo()
    torch.rand(7)  # the global random state is elsewhere now, and must not matter
    stepped = []
    monkeypatch.setattr(
        feed.Augmentation, "apply", lambda *args, **kwargs: (stepped.append(1), original(*args, **kwargs))[1]
    )
    train(tiny, tmp_path / "cut")
    assert len(stepped) == 12 - steps
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    whole, cut = (
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("whole", "cut")
    )
    for row, other in zip(whole, cut, strict=True):
        assert all(row[key] == other[key] for key in ("pass", "train_loss", "train_accuracy", "lr", "val_accuracy"))


@pytest.mark.skipif(os.name != "posix", reason="signals of other processes")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_stops_with_the_signals_code_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    settings = ["limit=200", "patch_size=2", "width=24", "depth=1", "passes=2000", "batch_size=50"]
    command = [sys.executable, "-c", "from headstart.cli import main; main()", "train", "digits", "--init", "default"]
    command += [word for setting in settings for word in ("--set", setting)]
    process = subprocess.Popen(
        [*command, "--out", str(tmp_path / "run")], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, env=ENVIRONMENT
    )
    while not (tmp_path / "run/history.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert f"Stopped by {number.name} after " in errors.decode()
    assert "nothing is lost: the same command goes on from there." in errors.decode()
    assert not (tmp_path / "run/.lock").exists()


def test_a_run_of_a_version_without_checksums_goes_on(tiny: Recipe, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    train(tiny, tmp_path / "whole")
    train(tiny, tmp_path / "old")
    for name in ("model.safetensors", "result.json", "checkpoint.safetensors", "best.safetensors"):
        (tmp_path / "old" / name).unlink()
    before = tmp_path / "old/checkpoint-previous.safetensors"
    tensors = {name: tensor for name, tensor in load_file(before).items() if not name.startswith("random.")}
    rows = [json.loads(line) for line in (tmp_path / "old/history.jsonl").read_text().splitlines()][:2]
    before.unlink()
    save_file(tensors, tmp_path / "old/checkpoint.safetensors", metadata={"headstart": json.dumps({"history": rows})})
    train(tiny, tmp_path / "old")
    assert weights(tmp_path / "old") == weights(tmp_path / "whole")


def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_goes_on(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path / "whole")
    train(tiny, tmp_path / "cut")
    for name in ("model.safetensors", "result.json", "best.safetensors"):
        (tmp_path / "cut" / name).unlink()
    last = tmp_path / "cut/checkpoint.safetensors"
    raw = bytearray(last.read_bytes())
    raw[-5] ^= 1
    last.write_bytes(raw)
    message = r"checkpoint.safetensors is refused: .* The one before it, checkpoint-previous.safetensors \(2 passes"
    with pytest.raises(HeadstartError, match=message):
        train(tiny, tmp_path / "cut")
    last.unlink()
    train(tiny, tmp_path / "cut")
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
