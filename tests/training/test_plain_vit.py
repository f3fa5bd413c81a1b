from typing import Any

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.facts import Facts
from headstart.training.plain_vit import plain_vit
from headstart.training.predicting import Predictor
from headstart.training.trainee import build_trainee

FACTS = Facts(("cat", "dog"), (3, 32, 32), (0.5,) * 3, (0.25,) * 3, 1.5, 10, (0.7, 0.6), (0.1, 0.05), 0.8)


def predictor(**keys: Any) -> Predictor:
    if "model" not in keys:
        keys |= {"width": 24, "depth": 2, "heads": 3}
    recipe = Recipe(dataset="pets", init="default", **keys)
    return Predictor(recipe, FACTS, build_trainee(recipe, FACTS.dataset(recipe), training=False).model)


def test_methods_that_add_to_the_loss_leave_it_plain() -> None:
    made = predictor(methods=("drloc",), pool="class", registers=2)
    assert plain_vit(made, "timm") is made.model


@pytest.mark.parametrize("method", ["overlap", "convstem", "convffn", "life"])
def test_methods_that_change_the_model_are_refused(method: str) -> None:
    with pytest.raises(
        HeadstartError, match=rf"timm has no counterpart of this model: {method} changed it \(.+\); exp"
    ):
        plain_vit(predictor(methods=(method,)), "timm")


def test_other_models_and_permuted_patches_are_refused() -> None:
    with pytest.raises(HeadstartError, match=r"timm has no counterpart of EdgeViT \(model edgevit_xxs\); export it"):
        plain_vit(predictor(model="edgevit_xxs"), "timm")
    with pytest.raises(HeadstartError, match="timm has no model of permuted patches; export it with --onnx"):
        plain_vit(predictor(permute_patches=0), "timm")
