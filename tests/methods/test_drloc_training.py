"""Dense relative localization in whole runs: cut, averaged, in parts of a batch, and many at once."""

from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare
from headstart.training.together import Together


@pytest.mark.parametrize("changes", [[], ["ema=0.9", "pool=class", "registers=2"]], ids=["plain", "averaged"])
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=drloc:schedule=warm-decay:control=shuffled", *changes])
    cut, whole = cut_and_whole(recipe)
    assert cut == whole
    stored = load_file(tmp_path / "cut/checkpoint.safetensors")
    assert "optimizer.exp_avg.methods.0.mlp.0.weight" in stored
    assert not [name for name in load_file(tmp_path / "cut/model.safetensors") if "mlp.0" in name]


def test_parts_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=drloc", "mixup=0.8"])).values()) < 1e-5


def test_many_runs_at_once_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"a loss of its own can't be had by runs at once \(drloc\)"):
        compare(tiny.override(["methods=drloc"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))
