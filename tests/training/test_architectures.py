"""Which models a recipe can name: built, trained, opened again, and compared with one another."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from headstart.errors import HeadstartError
from headstart.models import EdgeViT, VisionTransformer
from headstart.training import Recipe, compare, load_run, train
from headstart.training.architectures import create, mirror_agent
from headstart.training.build import build_dataset, build_model
from headstart.training.trainee import build_trainee

RESNET = "timm/resnet18:stem_width=8:channels=8/8/8/8"


@pytest.fixture
def plain(tiny: Recipe) -> Recipe:
    return tiny.override(["drop_path=0", "passes=1"])


def test_options_behind_a_colon_are_the_models_own(plain: Recipe) -> None:
    recipe, dataset = plain.override(["model=tiny:heads=2:width=16:pool=class"]), build_dataset(plain)
    model = create(recipe.override(["depth=2"]), dataset)
    assert isinstance(model, VisionTransformer)
    assert (model.blocks[0].attn.num_heads, model.pos_embed.shape[2], len(model.blocks)) == (2, 16, 2)
    edgevit = create(plain.override(["model=edgevit_xxs"]), dataset)
    assert isinstance(edgevit, EdgeViT) and edgevit.patch_size == 1 and edgevit.in_channels == 1
    assert create(plain.override(["model=edgevit_xxs:norm=layer:sampling=8/4/2/1"]), dataset).sampling == (8, 4, 2, 1)


def test_the_agent_of_the_recipes_vit_can_be_trained_by_itself(plain: Recipe, tmp_path: Path) -> None:
    recipe, dataset = plain.override(["model=agent", "width=24", "depth=2", "heads=3"]), build_dataset(plain)
    assert create(recipe, dataset).channels == [24, 24]
    assert len(create(plain.override(["model=agent_s:stem=base"]), dataset).channels) == 6
    train(recipe, tmp_path / "agent")
    weights = str(tmp_path / "agent/model.safetensors").lstrip("/")
    taught = plain.override(["depth=2", f"methods=bootstrap:frozen=True:weights=/{weights}"])
    assert torch.equal(
        build_trainee(taught, dataset).each[0].agent.head.weight, load_run(tmp_path / "agent").model.head.weight
    )


def test_an_agent_without_a_unit_in_its_mlps_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"agent: mlp_ratio must be a number .* at least 1/16 .* got 0\."):
        mirror_agent(num_classes=2, image_size=8, in_channels=3, patch_size=2, width=16, heads=2, depth=1, mlp_ratio=0)


def test_another_model_comes_with_its_own_width_unless_that_is_given_too(plain: Recipe) -> None:
    assert plain.width == 24
    small = plain.override(["model=small"])
    assert (small.width, small.depth, small.heads) == (None, None, None)
    assert plain.override(["model=small", "width=48"]).width == 48
    assert plain.override(["model=tiny"]).width == 24


def test_weights_are_drawn_from_the_seed_alone(plain: Recipe) -> None:
    recipe, dataset = plain.override(["model=edgevit_xxs"]), build_dataset(plain)
    before = torch.get_rng_state()
    one, two, other = (build_model(r, dataset) for r in (recipe, recipe, recipe.override(["seed=1"])))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [model.patch_embed.proj.weight for model in (one, two, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize("model", ["edgevit_xxs:mlp_ratio=1", RESNET])
def test_a_model_without_heads_to_be_seen_trains_is_kept_and_opened(model: str, plain: Recipe, tmp_path: Path) -> None:
    if model.startswith("timm"):
        pytest.importorskip("timm")
    result = train(plain.override([f"model={model}", "passes=2"]), tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert result["parameters"] == sum(p.numel() for p in run.model.parameters())
    assert json.loads((tmp_path / "run/init.json").read_text()) == {"notes": [], "report": None, "on_images": None}
    # The names are those of the model's own library, so that it can load them.
    assert set(load_file(tmp_path / "run/model.safetensors")) == set(run.model.state_dict())


def test_running_statistics_go_on_where_a_cut_left_them(plain: Recipe, cut_and_whole, tmp_path: Path) -> None:
    cut, whole = cut_and_whole(
        plain.override(["model=edgevit_xxs:mlp_ratio=1", "passes=3", "drop_path=0.2", "ema=0.9"])
    )
    assert cut == whole
    assert load_file(tmp_path / "cut/model.safetensors")["norm.running_mean"].abs().sum() > 0


def test_a_timm_vit_is_made_for_the_images_and_gets_its_head_start(plain: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("timm")
    name = "timm/vit_tiny_patch16_224:patch_size=2:depth=1:embed_dim=24"
    train(plain.override([f"model={name}", "init=impulse"]), tmp_path / "run")
    heads = json.loads((tmp_path / "run/init.json").read_text())["on_images"]["heads"]
    assert len(heads) == 3 and load_run(tmp_path / "run").model.patch_embed.grid_size == (4, 4)


def test_models_are_arms_of_a_comparison(plain: Recipe, tmp_path: Path) -> None:
    arms = ["default", "impulse", "default@edgevit_xxs:mlp_ratio=1", "impulse@tiny:heads=2:width=16:depth=1"]
    results = compare(plain, arms, [0], tmp_path)
    rows = {arm["name"]: arm["runs"][0] for arm in results["arms"]}
    assert [len(rows[arm]["init"]) for arm in arms] == [1, 1, 0, 1]
    assert len({row["parameters"] for row in rows.values()}) == 3


def test_an_arm_whose_model_has_no_heads_is_refused_before_anything_is_written(plain: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"--init impulse sets attention heads, .*EdgeViT.*Use --init default"):
        compare(plain, ["default", "impulse@edgevit_xxs"], [0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["model=edgevit_xs2"], "unknown model 'edgevit_xs2': did you mean 'edgevit_xs'"),
        (["model=hub/resnet18"], "unknown library of models 'hub'"),
        (["model=tiny:head=3"], "unknown option of model 'tiny' 'head': did you mean 'heads'"),
        (["model=tiny:num_classes=3"], "unknown option of model 'tiny' 'num_classes'"),
        (["model=tiny:heads"], "model 'tiny:heads': expected name:key=value:key=value, got 'heads'"),
        (["model=tiny:width=x"], "model 'tiny:width=x': width: expected a valid integer, got 'x'[.]"),
        (["model=tiny:depth=1.5"], "depth: expected a valid integer, got a number with a fractional part, got 1.5[.]"),
        (["model=tiny:heads=0"], "heads: expected greater than or equal to 1, got 0[.]"),
        (["model=tiny:heads=True"], "heads: expected a valid integer, got 'True'[.]"),
        (["model=tiny:patch_size=2/x"], "model 'tiny:patch_size=2/x': patch_size: expected a valid integer, got"),
        (["model=edgevit_xxs:patch_size=x"], "patch_size: expected a valid integer, got 'x'[.]"),
        (["model=tiny:pool=max"], "pool: expected 'mean' or 'class', got 'max'[.]"),
        (["model=convmixer:kernel=x"], "model 'convmixer:kernel=x': kernel must be a int, got 'x'[.]"),
        (["model=convmixer:taps=x"], "model 'convmixer:taps=x': taps must be a int, got 'x'[.]"),
        (["model=edgevit_xxs", "width=64"], "recipe key 'width' is for the plain ViT .* use --set width=none"),
        (["model=edgevit_s", "registers=2"], "recipe key 'registers' is for the plain ViT .* the model is edgevit_s"),
    ],
)
def test_what_does_not_suit_is_told_when_the_recipe_is_made(changes: list[str], message: str, plain: Recipe) -> None:
    with pytest.raises(HeadstartError, match=message):
        plain.override(changes)


def test_methods_say_which_models_they_cannot_work_on(plain: Recipe) -> None:
    dataset = build_dataset(plain)
    with pytest.raises(HeadstartError, match="EdgeViT"):
        build_trainee(plain.override(["model=edgevit_xxs", "methods=drloc"]), dataset)
