from __future__ import annotations

from pathlib import Path

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training import Recipe, recipe_for
from headstart.training.build import build_dataset
from headstart.training.recommend import Facts, facts_of, recommend


def facts(images: int = 1000, size: int = 224, channels: int = 3, flip_ok: bool | None = None) -> Facts:
    return Facts(images, size, channels, flip_ok)


@pytest.mark.parametrize(
    ("images", "model", "width", "batch_size", "passes"),
    [
        (300, "tiny", 96, 64, 100),
        (9_999, "tiny", 96, 128, 100),
        (10_000, "tiny", None, 128, 100),
        (45_000, "tiny", None, 512, 100),
        (1_153_050, "small", None, 512, 30),
    ],
)
def test_the_model_grows_with_the_images(
    images: int, model: str, width: int | None, batch_size: int, passes: int
) -> None:
    recipe = recommend("x", facts(images)).recipe
    assert (recipe.model, recipe.width, recipe.batch_size, recipe.passes) == (model, width, batch_size, passes)


@pytest.mark.parametrize(
    ("size", "patch", "crop"),
    [
        (8, 2, 0),
        (28, 4, 3),
        (32, 4, 4),
        (48, 8, 6),
        (64, 8, 8),
        (96, 8, 12),
        (100, 5, 12),
        (128, 16, 16),
        (224, 16, 28),
    ],
)
def test_the_patches_grow_with_the_resolution_and_divide_it(size: int, patch: int, crop: int) -> None:
    recipe = recommend("x", facts(size=size)).recipe
    assert (recipe.patch_size, recipe.crop) == (patch, crop)


def test_a_side_that_no_patch_divides_is_told() -> None:
    with pytest.raises(HeadstartError, match=r"images of 97×97 can.t be cut .*: choose .*image_size=96"):
        recommend("x", facts(size=97))


def test_mirroring_is_the_datasets_or_the_owners_to_allow() -> None:
    assert not recommend("svhn", facts(flip_ok=False)).recipe.flip
    assert recommend("cifar100", facts(flip_ok=True)).recipe.flip
    colour, grey = recommend("x", facts()), recommend("x", facts(channels=1))
    assert (colour.recipe.flip, grey.recipe.flip) == (True, False)
    assert colour.reasons[-1].endswith("mirrored (colour photos; --set flip=false if left and right matter)")
    assert "grey images may be writing or scans; --set flip=true" in grey.reasons[-1]


def test_known_datasets_are_not_loaded_for_it() -> None:
    assert facts_of(Recipe(dataset="cifar100")) == Facts(45_000, 32, 3, True)
    assert facts_of(Recipe(dataset="cifar100:/anywhere", fraction=0.1)).images == 4_500
    assert facts_of(Recipe(dataset="cifar100", per_class=5)).images == 500
    assert facts_of(Recipe(dataset="eurosat")).images == 27_000 * 0.8 * 0.9
    assert facts_of(Recipe(dataset="flowers102", image_size=96)) == Facts(1_020, 96, 3, True)
    assert facts_of(Recipe(dataset="pathmnist")).images == 89_996


def test_changes_count_before_and_after() -> None:
    advice = recipe_for("cifar100", ["fraction=0.1", "depth=2", "image_size=64"])
    assert (advice.recipe.width, advice.recipe.depth, advice.recipe.patch_size) == (96, 2, 8)
    # The depth was overruled, and with it the line of the model.
    assert [reason.partition(":")[0] for reason in advice.reasons] == [
        "64×64 pixels",
        "batches of 128, 100 passes",
        "augmentation",
    ]
    assert recipe_for("cifar100", ["fraction=0.1"]).reasons[0].startswith("4,500 training images: a ViT of width 96")


def test_recipes_of_their_own_come_first() -> None:
    for dataset in ("digits", "cifar10", "cifar10:/anywhere"):
        assert recipe_for(dataset).reasons == ()
    assert recipe_for("cifar10:/anywhere", ["passes=3"]).recipe.passes == 3


def test_own_images_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np
    from PIL import Image

    monkeypatch.setenv("HEADSTART_DATA", str(tmp_path / "root"))
    for number in range(40):
        path = tmp_path / "scans" / f"kind{number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((40, 50), number, np.uint8)).save(path)
    found = facts_of(Recipe(dataset=str(tmp_path / "scans")))
    assert found == Facts(29, 32, 1, None, found.content)
    assert len(found.content) == 16


def test_smaller_choices_reach_the_data() -> None:
    choices = ({}, {"per_class": 5}, {"fraction": 0.1})
    full, few, share = (build_dataset(Recipe(dataset="digits", **choice)) for choice in choices)
    assert (len(full.train), len(few.train), len(share.train)) == (1294, 50, 129)
    assert few.train.labels.bincount().tolist() == [5] * 10
    assert torch.equal(full.val.images, few.val.images)
    assert torch.equal(full.train.images[:129], share.train.images)
    assert build_dataset(Recipe(dataset="digits", image_size=16)).image_size == 16


def test_the_advice_for_a_large_side_can_be_followed() -> None:
    with pytest.raises(HeadstartError, match=r"images of 1024×1024 .*--set image_size=512, or the patches"):
        recommend("x", facts(size=1024))
    assert recommend("x", facts(size=512)).recipe.patch_size == 16
    advice = recipe_for("flowers102", ["image_size=1024", "patch_size=32"])
    assert advice.recipe.patch_size == 32
    assert advice.reasons[1] == "1024×1024 pixels: patches of 32, a grid of 32×32"


def test_content_is_in_the_config_of_own_images_alone() -> None:
    assert recipe_for("cifar100").recipe.content is None
    assert "content" not in recipe_for("cifar100").recipe.portable()
    assert recommend("x", Facts(1000, 64, 3, None, "ab")).recipe.portable()["content"] == "ab"
