import errno
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from headstart import training
from headstart.cli import app
from headstart.cli.speaking import console
from headstart.training import comparison
from headstart.training.stopping import Stopped

QUICK = ["--set", "width=24", "--set", "depth=1", "--set", "patch_size=2", "--set", "passes=1"]
QUICK += ["--set", "batch_size=50", "--limit", "200"]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})


def test_alone_it_shows_help_with_examples() -> None:
    result = call()
    assert "headstart compare cifar10 --init default,mimetic,impulse --seeds 5" in result.output
    for command in ("demo", "compare", "train", "inspect"):
        assert command in result.output


def test_version() -> None:
    result = call("--version")
    assert result.exit_code == 0
    assert result.output.startswith("headstart ")


def test_train_then_inspect(tmp_path: Path) -> None:
    result = call("train", "digits", "--init", "mimetic", "--seed", 3, "--out", tmp_path / "run", *QUICK)
    assert result.exit_code == 0, result.output
    assert "mimetic seed 3 · pass 1/1 · loss" in result.output
    assert " images to train, " in result.output and " to validate, 359 to test; batches of " in result.output
    assert "test accuracy" in result.output
    assert str(tmp_path / "run/heads.png") in result.output
    config = json.loads((tmp_path / "run/config.json").read_text())["config"]
    assert (config["init"], config["seed"], config["limit"]) == ("mimetic", 3, 200)

    result = call("inspect", tmp_path / "run", "--images", 2, "--query", 0, 1)
    assert result.exit_code == 0, result.output
    for name in ("attention.png", "heads-trained.png"):
        assert str(tmp_path / "run" / name) in result.output
        assert (tmp_path / "run" / name).exists()


def test_compare_ends_with_the_table_and_the_pictures(tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = call("compare", "digits", "--init", "default, mimetic", "--seeds", 2, "--out", out, *QUICK)
    assert result.exit_code == 0, result.output
    assert "difference to default" in result.output
    assert "Warning" not in result.output
    for name in ("results.json", "curves.png", "heads-default.png", "heads-mimetic.png"):
        assert str(out / name) in result.output
        assert (out / name).exists()
    again = call("compare", "digits", "--init", "default, mimetic", "--seeds", 2, "--out", out, *QUICK)
    assert "pass 1/1" not in again.output
    assert " images to train, " in result.output and " images to train, " not in again.output
    assert "difference to default" in again.output
    refused = call("inspect", out)
    assert refused.exit_code == 1
    assert "name one of its runs: default/seed-0, default/seed-1, mimetic/seed-0" in refused.stderr


def test_another_model_and_permuted_patches_have_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folders: list[str] = []

    def stop(recipe: training.Recipe, *given: Any, **_: object) -> None:
        folders.append(given[-1].as_posix())
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison, "train", stop)
    monkeypatch.setattr(training, "compare", stop)
    for words in (
        ("train", "--init", "default"),
        ("train", "--init", "default", "--set", "model=edgevit_xxs:mlp_ratio=1"),
        ("train", "--init", "default", "--set", "model=timm/resnet18"),
        ("train", "--permute-patches"),
        ("train", "--set", "permute_patches=2"),
        ("compare", "--permute-patches"),
        ("compare", "--set", "model=small"),
    ):
        assert call(words[0], "digits", *words[1:]).exit_code == 130
    assert folders == [
        "runs/digits-default",
        "runs/digits-default-edgevit_xxs,mlp_ratio=1",
        "runs/digits-default-timm-resnet18",
        "runs/digits-impulse-permuted",
        "runs/digits-impulse-permuted2",
        "runs/compare-digits-permuted",
        "runs/compare-digits-small",
    ]


def test_demo_is_the_digits_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def stop(recipe: training.Recipe, arms: list[str], seeds: list[int], out: Path, **_: object) -> None:
        asked.update(recipe=recipe, arms=arms, seeds=seeds, out=out)
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "compare", stop)
    result = call("demo", "--out", tmp_path)
    assert result.exit_code == 130
    assert "the same command goes on" in result.stderr
    assert asked["recipe"] == training.named_recipe("digits")
    assert asked["arms"] == ["default", "mimetic", "impulse"]
    assert asked["seeds"] == [0, 1, 2]


@pytest.mark.parametrize("command", ["train", "compare"])
def test_checkpoints_are_as_far_apart_as_asked_and_a_stop_gives_the_signals_code(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {}

    def stop(*_: object, **options: object) -> None:
        asked.update(options)
        raise Stopped(15, "Stopped by SIGTERM after step 3 of 9.")

    monkeypatch.setattr(comparison if command == "train" else training, command, stop)
    result = call(command, "digits", "--save-every", 7.5, "--out", tmp_path)
    assert result.exit_code == 143
    assert result.stderr == "Stopped by SIGTERM after step 3 of 9.\n"
    assert asked["save_every"] == 7.5
    assert call(command, "digits", "--save-every", -1).exit_code == 2


def test_sigterm_before_training_is_told_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(comparison, "train", lambda *_, **__: os.kill(os.getpid(), signal.SIGTERM))
    result = call("train", "digits", "--out", tmp_path)
    assert result.exit_code == 143
    assert "the same command goes on from there" in result.stderr
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_full_disk_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "heads.png")

    monkeypatch.setattr(comparison, "train", full)
    result = call("train", "digits", "--out", tmp_path)
    assert result.exit_code == 1
    assert result.stderr == "Error: the disk is full (heads.png); make room and run the same command again.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "digit"], "unknown dataset 'digit': did you mean 'digits'"),
        (["train", "digits", "--init", "impulze"], "did you mean 'impulse'"),
        (["compare", "digits", "--init", "default,mimetc"], "did you mean 'mimetic'"),
        (["train", "digits", "--set", "passes"], "--set expects key=value, got 'passes'"),
        (["train", "digits", "--set", "epochs=3"], "unknown recipe key 'epochs'"),
        (["train", "digits", "--recipe", "digit"], "unknown recipe 'digit': did you mean 'digits'"),
        (["train", "digits", "--limit", "0"], "recipe key 'limit': expected greater than or equal to 1"),
        (["inspect", "nowhere"], "there is no run folder nowhere"),
    ],
)
def test_errors_are_one_message_and_code_1(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    call("train", "digits", "--init", "default", "--out", tmp_path, *QUICK)
    result = call("train", "digits", "--init", "default", "--out", tmp_path, *QUICK, "--set", "lr=0.5")
    assert result.exit_code == 1
    assert "another config: lr (0.002 there, 0.5 asked); choose another --out or delete it." in result.stderr


def test_an_empty_folder_is_no_run(tmp_path: Path) -> None:
    result = call("inspect", tmp_path)
    assert result.exit_code == 1
    assert "there is no config.json in" in result.stderr


def test_runs_can_be_trained_at_once_and_tracked_one_by_one(tmp_path: Path) -> None:
    result = call(
        "compare", "digits", "--init", "default,mimetic", "--seeds", 1, "--out", tmp_path, "--together", 2, *QUICK
    )
    assert result.exit_code == 0, result.output
    assert "2 runs at once · pass 1/1 · loss" in result.output
    assert json.loads((tmp_path / "mimetic/seed-0/result.json").read_text())["together"] == 2
    for options, message, code in (
        (["--together", 2, "--track", "tensorboard"], "trackers show one run at a time", 1),
        (["--together", 2, "--cluster", "local"], "choose one", 2),
        (["--track", "wanb"], "did you mean 'wandb'?", 1),
    ):
        result = call("compare", "digits", "--out", tmp_path / "other", *options, *QUICK)
        assert result.exit_code == code
        assert message in " ".join(result.stderr.split())


def test_under_torchrun_the_first_process_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not console().quiet
    monkeypatch.setenv("RANK", "1")
    assert console().quiet
