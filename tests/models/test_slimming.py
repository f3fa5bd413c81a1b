"""A ViT that is slimmed: places, names, the attention that topk reads, and what is refused."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.evaluation import cost
from headstart.models import create_edgevit, create_vit, slim_vit
from headstart.models.slimming import attention_received, slimmed_counts
from headstart.training.stacked import Stacked

HOWS = ["merge", "random", "topk", "pool"]


def vit(**options: object) -> nn.Module:
    torch.manual_seed(0)
    return create_vit(**{"image_size": (8, 16), "patch_size": 2, "width": 24, "depth": 3, "heads": 3, **options})


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("options", [{}, {"pool": "class", "registers": 2}], ids=["mean", "class"])
def test_tokens_become_fewer_and_names_stay(how: str, options: dict[str, object]) -> None:
    plain = vit(**options)
    names = set(plain.state_dict())
    slim = slim_vit(copy.deepcopy(plain), [0.5, 0.25], how=how)
    assert names <= set(slim.state_dict())
    assert {name.rpartition(".slim.")[0] for name in set(slim.state_dict()) - names} <= {"blocks.0", "blocks.1"}
    seen: list[torch.Tensor] = []
    images = torch.randn(2, 3, 8, 16)
    slim.forward_features(images, None, seen)
    prefix = slim.num_prefix_tokens
    assert [len(tokens[0]) - prefix for tokens in seen] == [16, 8, 8]
    assert cost(slim, (3, 8, 16)).flops < cost(plain, (3, 8, 16)).flops
    assert torch.equal(slim.eval()(images), slim.train()(images))
    # A copy is a model of its own, and finds its own reducers.
    other = copy.deepcopy(slim)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    assert not torch.equal(slim(images), other(images))
    assert not other(images).any()


@pytest.mark.parametrize("how", HOWS)
def test_models_side_by_side_in_one_program(how: str) -> None:
    models = []
    for seed in range(2):
        torch.manual_seed(seed)
        models.append(slim_vit(create_vit(image_size=8, patch_size=2, width=24, depth=2, heads=3), [0.5], how=how))
    images = torch.randn(2, 4, 3, 8, 8)
    apart = [model(seen) for model, seen in zip(models, images, strict=True)]
    found = Stacked(models)(images)
    for index in range(2):
        assert torch.allclose(found[index], apart[index], atol=1e-5)


@pytest.mark.parametrize("options", [{}, {"pool": "class", "registers": 1}], ids=["mean", "class"])
def test_topk_reads_the_blocks_own_attention(options: dict[str, object]) -> None:
    model = vit(**options)
    with torch.no_grad():
        for parameter in model.blocks[0].parameters():
            parameter.normal_(std=0.5)
    images = torch.randn(2, 3, 8, 16)
    inputs: list[torch.Tensor] = []
    handle = model.blocks[0].register_forward_pre_hook(lambda _block, args: inputs.append(args[0]))
    maps = attention_view(model).maps(images)[0]  # (B, H, N, N)
    handle.remove()
    prefix, classed = model.num_prefix_tokens, "pool" in options
    found = attention_received(model.blocks[0], inputs[0], prefix, classed)
    if classed:
        assert torch.allclose(found, maps[:, :, 0].mean(dim=1)[:, prefix:], atol=1e-6)
    else:
        # From the mean of all queries: the geometric mean of the rows, normalised.
        rows = maps.log().mean(dim=2).softmax(dim=-1).mean(dim=1)
        assert torch.allclose(found, rows[:, prefix:], atol=1e-6)
    assert found.requires_grad is False


def test_counts_and_places() -> None:
    assert slimmed_counts([0.5, 0.25, 0.125], 196) == [98, 49, 24]
    assert slimmed_counts([0.29, 57 / 196], 100) == [29, 29] and slimmed_counts([0.001], 64) == [1]
    assert all(slimmed_counts([k / 196], 196) == [k] for k in range(1, 197))
    model = slim_vit(vit(depth=12), [0.5, 0.25])
    assert [i for i, block in enumerate(model.blocks, 1) if hasattr(block, "slim")] == [4, 8]
    model = slim_vit(vit(depth=4), [0.5, 0.5, 0.1], [1, 2, 3])
    assert [block.slim.kept for block in model.blocks[:3]] == [16, 16, 3]


@pytest.mark.parametrize("how", HOWS)
def test_timms_vit(how: str) -> None:
    timm_vit = pytest.importorskip("timm.models.vision_transformer")
    for options in ({"class_token": True, "reg_tokens": 4}, {"class_token": False, "global_pool": "avg"}):
        model = timm_vit.VisionTransformer(
            img_size=(16, 32), patch_size=4, embed_dim=24, depth=3, num_heads=3, num_classes=5, **options
        )
        slim_vit(model, [0.5, 0.25], how=how)
        tokens = model.forward_features(torch.randn(2, 3, 16, 32))
        assert tokens.shape == (2, model.num_prefix_tokens + 8, 24)
        model(torch.randn(2, 3, 16, 32)).sum().backward()
        assert all(p.grad is not None for name, p in model.named_parameters() if ".slim." in name)


@pytest.mark.parametrize("how", HOWS)
def test_a_model_of_another_float_type(how: str) -> None:
    model = slim_vit(vit(pool="class").double(), 0.5, 1, how=how)  # one place, without a list
    assert model(torch.randn(2, 3, 8, 16).double()).dtype == torch.float64
    assert {p.dtype for p in model.parameters()} == {torch.float64}
    assert model.blocks[0].slim.kept == 16


def test_another_resolution_is_refused() -> None:
    timm_vit = pytest.importorskip("timm.models.vision_transformer")
    model = timm_vit.VisionTransformer(
        img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=5, dynamic_img_size=True
    )
    slim_vit(model, [0.5])
    with pytest.raises(HeadstartError, match=r"made for one number of tokens: expected 1 \+ 16 of them here, got 65"):
        model(torch.randn(1, 3, 32, 32))


@pytest.mark.parametrize(
    ("keep", "after", "message"),
    [
        ([0.0], None, r"in \(0, 1\] and not rising, such as 0.5/0.25, got 0.0"),
        ([1.5], None, r"in \(0, 1\] and not rising, such as 0.5/0.25, got 1.5"),
        ([0.25, 0.5], None, r"not rising, such as 0.5/0.25, got 0.25/0.5"),
        ([], None, "got none"),
        (1.5, None, "such as 0.5/0.25, got 1.5"),
        (None, None, "such as 0.5/0.25, got None"),
        ([0.5], 3, "rising, from 1 to 2, one for each share in keep, got 3"),
        (["half"], None, "got half"),
        ([0.5, 0.4, 0.3], None, "names 3 places to slim, and a model of 3 blocks has 2 between them"),
        ([0.5], [3], "expected 1 different numbers of blocks, rising, from 1 to 2, one for each share in keep, got 3"),
        ([0.5], [1, 2], "expected 1 different numbers"),
        ([0.5, 0.25], [2, 1], "rising, from 1 to 2, .* got 2/1"),
    ],
)
def test_shares_and_places_that_do_not_fit(keep: Any, after: Any, message: str) -> None:
    model = vit()
    with pytest.raises(HeadstartError, match=message):
        slim_vit(model, keep, after)
    assert not any(hasattr(block, "slim") for block in model.blocks)


def test_models_that_can_not_be_slimmed() -> None:
    flat = "one flat list of blocks over all tokens, the library's own ViT or timm's VisionTransformer, got"
    for model, name in ((create_edgevit("xxs"), "EdgeViT"), (nn.Conv2d(3, 4, 1), "Conv2d")):
        with pytest.raises(UnsupportedModel, match=f"{flat} {name}; models with stages or convolutions"):
            slim_vit(model, [0.5])
    slim = slim_vit(vit(), [0.5])
    with pytest.raises(HeadstartError, match="this VisionTransformer is slimmed already"):
        slim_vit(slim, [0.5])
    with pytest.raises(HeadstartError, match="unknown way to have fewer tokens 'mergd': did you mean 'merge'"):
        slim_vit(vit(), [0.5], how="mergd")
    model = vit()
    model.blocks[1].attn.qkv = nn.Sequential(model.blocks[1].attn.qkv)
    with pytest.raises(UnsupportedModel, match="block 1 of this VisionTransformer is another; use merge, pool or rand"):
        slim_vit(model, [0.5], how="topk")


def test_a_slim_models_attention_is_not_seen() -> None:
    with pytest.raises(
        UnsupportedModel, match=r"its tokens become fewer behind blocks\[0\], .* init=default, and name slim last"
    ):
        attention_view(slim_vit(vit(), [0.5, 0.25]))
