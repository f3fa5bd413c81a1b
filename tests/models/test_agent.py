from typing import Any

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.evaluation import cost
from headstart.models import AgentCNN, create_agent, create_vit
from headstart.models.agent import pooled_after

SMALL: dict[str, Any] = {
    "image_size": (16, 24), "patch_size": (4, 4), "num_classes": 5, "width": 12, "depth": 3, "heads": 3, "hidden": 24,
}  # fmt: skip


def test_published_sizes() -> None:
    agent = create_agent("s", num_classes=10, image_size=224, patch_size=16)
    # stem 7·7·3·64 + 128 + 9·64·288 + 288; a block 9·288² + 288 + 8·288² + 1440 + 4·288; BN 576; classifier 2890
    assert cost(agent, (3, 224, 224)).parameters == 175_712 + 6 * 1_412_928 + 576 + 2_890 == 8_656_746
    vit = create_vit("small", width=288, depth=6, heads=9, image_size=224, patch_size=16, pool="class")
    assert round(cost(vit, (3, 224, 224)).parameters / 1e6, 2) == 6.28
    large = create_vit("small", image_size=224, patch_size=16, pool="class")
    assert round(cost(large, (3, 224, 224)).parameters / 1e6, 2) == 21.67


@pytest.mark.parametrize(
    ("options", "sides"),
    [
        ({"image_size": 224, "patch_size": 16}, [28, 14, 7, 7, 7, 7]),
        ({"image_size": 224, "patch_size": 16, "stem": "base"}, [14] * 6),
        ({}, [16, 8, 4, 4, 4, 4]),
        ({"stem": "base"}, [8] * 6),
    ],
)
def test_the_maps_of_agent_s(options: dict[str, Any], sides: list[int]) -> None:
    size = options.get("image_size", 32)
    _, maps = create_agent("s", **options).eval().forward_maps(torch.zeros(1, 3, size, size))
    assert [tuple(each.shape) for each in maps] == [(1, 288, side, side) for side in sides]


def test_sub_stages() -> None:
    assert pooled_after(12) == [1, 3] and pooled_after(6) == [0, 1]
    assert pooled_after(4) == [0, 1] and pooled_after(2) == [0] and pooled_after(1) == []


def test_oblong_and_odd_grids() -> None:
    _, maps = AgentCNN(**SMALL).forward_maps(torch.zeros(2, 3, 16, 24))
    assert [tuple(each.shape[2:]) for each in maps] == [(8, 12), (4, 6), (2, 3)]
    odd = AgentCNN(**{**SMALL, "image_size": (12, 20)})
    assert [tuple(each.shape[2:]) for each in odd.forward_maps(torch.zeros(2, 3, 12, 20))[1]] == [
        (6, 10), (3, 5), (2, 3),
    ]  # fmt: skip


@pytest.mark.parametrize("stem", ["res-like", "base"])
def test_all_ways_forward_agree(stem: str) -> None:
    agent = AgentCNN(**SMALL, stem=stem, in_channels=1).eval()
    images = torch.randn(2, 1, 16, 24)
    logits, maps = agent.forward_maps(images)
    tokens = agent.forward_features(images)
    last = nn.functional.gelu(agent.norm(maps[-1]))
    torch.testing.assert_close(tokens, last.flatten(2).transpose(1, 2))
    torch.testing.assert_close(agent.forward_head(tokens), logits)
    torch.testing.assert_close(agent(images), logits)
    torch.testing.assert_close(logits, agent.head(last.mean(dim=(2, 3))))


def test_every_weight_gets_a_gradient_also_in_half_precision() -> None:
    agent = AgentCNN(**SMALL)
    with torch.autocast("cpu", torch.float16):
        logits = agent(torch.randn(4, 3, 16, 24))
        nn.functional.cross_entropy(logits.float(), torch.arange(4)).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in agent.parameters())


def test_bad_input_is_told() -> None:
    with pytest.raises(HeadstartError, match=r"unknown agent size 'small'.*Known: b, s"):
        create_agent("small")
    with pytest.raises(HeadstartError, match="unknown stem of an agent 'reslike': did you mean 'res-like'"):
        create_agent(stem="reslike")
    with pytest.raises(HeadstartError, match="images of 30×32 are not a whole number of patches of 4×4"):
        create_agent(image_size=(30, 32))
    with pytest.raises(HeadstartError, match=r"agent: patch_size must be pixels, .* at least 1; got 0"):
        create_agent(patch_size=0)
    with pytest.raises(HeadstartError, match=r"agent: expected images of shape \(B, 3, 16, 24\), got \(2, 1, 16, 24\)"):
        AgentCNN(**SMALL)(torch.zeros(2, 1, 16, 24))
