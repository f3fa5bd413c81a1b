import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.models.vit import VisionTransformer
from headstart.training import Recipe, engine, feed, start, step, train
from headstart.training.build import build_dataset, build_model
from headstart.training.checkpoint import read_meta
from headstart.training.locking import locked


def recorded_batches(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """Every augmented training batch, as the loop sees it."""
    seen: list[Tensor] = []
    original = feed.Augmentation.apply

    def record(*args: Any, **kwargs: Any) -> Tensor:
        seen.append(original(*args, **kwargs))
        return seen[-1]

    monkeypatch.setattr(feed.Augmentation, "apply", record)
    return seen


def test_a_run_folder_holds_everything(tiny: Recipe, tmp_path: Path) -> None:
    result = train(tiny, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    files = "config.json init.json history.jsonl model.safetensors result.json best.safetensors checkpoint.safetensors"
    assert names == {*files.split(), "checkpoint-previous.safetensors"}
    assert json.loads((tmp_path / "run/result.json").read_text()) == result
    rows = [json.loads(line) for line in (tmp_path / "run/history.jsonl").read_text().splitlines()]
    assert [row["pass"] for row in rows] == [1, 2, 3]
    assert result["val_accuracy"] == rows[-1]["val_accuracy"]
    assert rows[-1]["lr"] == pytest.approx(tiny.lr * tiny.min_lr)
    model = build_model(tiny, build_dataset(tiny))
    assert result["parameters"] == sum(p.numel() for p in model.parameters())
    init = json.loads((tmp_path / "run/init.json").read_text())
    assert len(init["on_images"]["heads"]) == 3


def test_training_learns(tiny: Recipe, tmp_path: Path) -> None:
    longer = tiny.override(["passes=25", "lr=0.02", "position=sincos", "crop=0", "drop_path=0"])
    assert train(longer, tmp_path)["test_accuracy"] > 0.4  # chance is 0.1


def test_arms_at_equal_seed_see_the_same_images(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {}
    for arm, seed in (("default", 0), ("mimetic", 0), ("default", 1)):
        runs[arm, seed] = recorded_batches(monkeypatch)
        train(tiny.model_copy(update={"init": arm, "seed": seed}), tmp_path / f"{arm}-{seed}")
        monkeypatch.undo()
    first = torch.stack(runs["default", 0])
    assert len(first) == 3 * 4
    assert torch.equal(first, torch.stack(runs["mimetic", 0]))
    assert not torch.equal(first, torch.stack(runs["default", 1]))
    assert not torch.equal(first[0], first[4])  # another order in the next pass


def test_the_test_set_is_read_once_after_the_last_pass(
    tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = build_dataset(tiny)
    names = {split.labels.data_ptr(): name for name, split in vars(dataset).items() if name in ("train", "val", "test")}
    read: list[str] = []
    original = engine.fetch

    def record(split: Any, *args: Any, **kwargs: Any) -> Any:
        read.append(names[split.labels.data_ptr()])
        return original(split, *args, **kwargs)

    monkeypatch.setattr(engine, "fetch", record)
    monkeypatch.setattr(feed, "fetch", record)
    train(tiny, tmp_path, dataset=dataset)
    assert read == ["train", "val"] * 3 + ["test"]
    train(tiny, tmp_path, dataset=dataset)
    assert len(read) == 7  # a finished run is not evaluated again


def test_validation_may_be_rarer_and_changes_nothing_else(tiny: Recipe, tmp_path: Path) -> None:
    rare = tiny.override(["val_every=2"])
    assert rare.config_hash != tiny.config_hash and "val_every" not in tiny.portable()
    often, seldom = train(tiny, tmp_path / "often"), train(rare, tmp_path / "seldom")
    assert seldom["test_accuracy"] == often["test_accuracy"] and seldom["val_accuracy"] == often["val_accuracy"]
    rows = [
        [json.loads(line) for line in (tmp_path / name / "history.jsonl").read_text().splitlines()]
        for name in ("often", "seldom")
    ]
    assert ["val_accuracy" in row for row in rows[1]] == [False, True, True]  # the last pass always
    for one, other in zip(*rows, strict=True):
        assert one["train_loss"] == other["train_loss"]
        assert other.get("val_accuracy", one["val_accuracy"]) == one["val_accuracy"]
    best = read_meta(tmp_path / "seldom" / "best.safetensors")
    assert best is not None and "val_accuracy" in best["history"][-1]


def test_the_global_random_state_stays(tiny: Recipe, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    train(tiny, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_foreign_folder_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny, tmp_path)
    with pytest.raises(HeadstartError, match=r"another config: lr \(0.001 there, 0.01 asked\); choose another --out"):
        train(tiny.override(["lr=0.01"]), tmp_path)


def test_a_diverging_loss_stops_the_run(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step.F, "cross_entropy", lambda logits, *_, **__: logits.sum() * float("nan"))
    with pytest.raises(HeadstartError) as error:
        train(tiny, tmp_path)
    assert str(error.value) == (
        "training went wrong at step 1 of 12 (pass 1, learning rate 0.001): the loss is nan. The last good checkpoint "
        f"is {tmp_path / 'checkpoint.safetensors'} (0 passes done). Try --set lr=0.0003 with another --out; "
        "--set step_back=3 there goes back and lowers it by itself."
    )


def test_a_learning_rate_out_of_all_reason_is_divergence(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"at step \d+ of 80 \(pass \d+, .*: the loss diverges: its mean over 20"):
        train(tiny.override(["lr=5", "clip=none", "passes=20"]), tmp_path)


def test_out_of_memory_names_the_batch_that_fits(tiny: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = VisionTransformer.forward
    most = {True: 20, False: 20}  # while training, and while evaluating

    def forward(model: VisionTransformer, images: Tensor, draws: Tensor | None = None) -> Tensor:
        if len(images) > most[model.training]:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(model, images, draws)

    monkeypatch.setattr(start, "MEASURED_IMAGES", 8)
    monkeypatch.setattr(VisionTransformer, "forward", forward)
    with pytest.raises(
        HeadstartError, match=r"^batch_size 50 .* 19 fits: --set batch_size=19, or --set accumulate=5 for"
    ):
        train(tiny, tmp_path / "a")
    most[False] = 10
    with pytest.raises(HeadstartError, match=r"^eval_batch 512 does not fit in memory; 10 fits: --set eval_batch=10,"):
        train(tiny.override(["batch_size=20"]), tmp_path / "b")
    train(tiny.override(["batch_size=20", "eval_batch=10"]), tmp_path / "b2")


def test_the_second_process_in_a_folder_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(HeadstartError, match=r"in use by process \d+ on .*; wait until it is done"):
        train(tiny, tmp_path)
    train(tiny, tmp_path)
    with locked(tmp_path):
        train(tiny, tmp_path)  # a finished run is only read


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("init=impulze", "did you mean 'impulse'"),
        ("dataset=digit", "did you mean 'digits'"),
        ("heads=5", "not divisible by 5 heads"),
        ("patch_size=3", "choose a patch size"),
        ("flip=true", "use --set flip=false"),
        ("val_fraction=1e-9", "leaves no validation image"),
        ("init=impulse:kernel=9", "kernel"),
    ],
)
def test_what_does_not_fit_leaves_nothing_behind(tiny: Recipe, tmp_path: Path, change: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        train(tiny.override([change]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="bfloat16 is welcome on a GPU")
def test_bfloat16_needs_a_gpu(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="'bfloat16' needs a CUDA GPU; use --set precision=auto"):
        train(tiny.override(["precision=bfloat16"]), tmp_path)
