"""What only a GPU can show: mixed precision, compilation, no waiting inside the loop, images that stay on the host."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.training import Recipe, compare, train
from headstart.training.build import build_dataset
from headstart.training.feed import Feed
from headstart.training.one_pass import one_pass
from headstart.training.optimization import optimizers
from headstart.training.processes import Processes
from headstart.training.state import RunState
from headstart.training.step import TrainingStep
from headstart.training.together import Together
from headstart.training.trainee import build_trainee

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
STRONG = ["augment=randaugment", "erase=0.25", "mixup=0.8", "cutmix=1", "ema=0.9"]


@pytest.fixture
def waits_are_errors() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    yield
    torch.cuda.set_sync_debug_mode(before)


@pytest.mark.parametrize(
    "changes",
    [
        [],
        STRONG,
        ["optimizer=muon"],
        ["graph=false"],
        ["accumulate=2"],
        ["methods=bootstrap"],
        ["methods=smoothing"],
        ["model=edgevit_xxs", "ema=0.9"],
        *(
            pytest.param(changes, marks=pytest.mark.slow)  # compiling takes a minute
            for changes in (
                ["compile=true", *STRONG],
                ["methods=bootstrap:mode=shared", "compile=true"],
                ["model=edgevit_xxs", "compile=true"],
            )
        ),
    ],
    ids=" ".join,
)
def test_a_run_in_bfloat16_learns_and_goes_on(tiny: Recipe, tmp_path: Path, changes: list[str]) -> None:
    recipe = tiny.override(["passes=4", "precision=bfloat16", "drop_path=0.1", *changes])
    result = train(recipe, tmp_path, save_every=0.0)
    assert result["val_accuracy"] >= 0
    assert train(recipe, tmp_path) == result


@pytest.mark.parametrize("changes", [[], STRONG], ids=["plain", "strong"])
def test_nothing_inside_the_loop_waits_for_the_device(tiny: Recipe, waits_are_errors: None, changes: list[str]) -> None:
    recipe, processes = tiny.override(["drop_path=0.1", *changes]), Processes("auto")
    dataset = build_dataset(recipe).to(processes.device)
    trainee = build_trainee(recipe, dataset).to(processes.device)
    feed = Feed(recipe, dataset, processes, trainee.depth)
    trained = optimizers([trainee.model], recipe, recorded=processes.records(recipe))
    state = RunState(trainee.model, trained, recipe, feed.steps_per_pass, processes)
    taken = TrainingStep(state, trainee, processes.prepare(trainee), processes)
    seen = []

    def after_step(_loss: torch.Tensor) -> None:
        seen.append(state.step)
        # The first steps make the optimizer's moments, load kernels and are recorded; the last is over before the pass.
        torch.cuda.set_sync_debug_mode("error" if 4 < len(seen) < feed.steps_per_pass else "default")

    one_pass(state, feed, taken, after_step)
    assert len(seen) == feed.steps_per_pass


def test_images_on_the_host_give_the_run_of_images_on_the_device(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["precision=float32"])
    for resident in (True, False):
        train(recipe, tmp_path / str(resident), resident=resident)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("True", "False"))
    assert max((one[name] - other[name]).abs().max().item() for name in one) < 1e-3


def test_runs_at_once_end_where_they_would_one_by_one(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["precision=float32"])
    results = [
        compare(recipe, ["default", "impulse"], [0, 1], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(4)), ("apart", None))
    ]
    losses = [
        [row["train_loss"] for arm in result["arms"] for run in arm["runs"] for row in run["history"]]
        for result in results
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
