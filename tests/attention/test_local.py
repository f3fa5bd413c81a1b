"""The view of a block whose queries, keys and values see neighbours, with a map made for the test."""

import pytest
import torch
from torch import Tensor, nn

from headstart import attention_view, create_vit
from headstart.attention.capture import captured_maps
from headstart.attention.local import LocalMap, LocalView


class Neighbour(LocalMap):
    """Half of each token's map is its left neighbour's; only every even number can be had."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 3 * width)
        self.share = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x + self.share * x.roll(1, dims=1))

    def token_map(self) -> tuple[Tensor, Tensor]:
        return self.linear.weight.detach().clone(), self.linear.bias.detach().clone()

    @torch.no_grad()
    def set_token_map_(self, weight: Tensor) -> None:
        self.share.zero_()
        self.linear.weight.copy_(2 * (weight / 2).round())

    @torch.no_grad()
    def set_token_bias_(self, bias: Tensor) -> None:
        self.linear.bias.copy_(bias)


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    model = create_vit(image_size=16, width=12, depth=2, heads=3).eval()
    for block in model.blocks:
        block.attn.qkv = Neighbour(12)
    return model


def test_maps_are_the_models_own(model: nn.Module) -> None:
    view = attention_view(model)
    assert all(isinstance(block, LocalView) for block in view.blocks)
    images = torch.randn(2, 3, 16, 16)
    for ours, own in zip(view.maps(images), captured_maps(model, images), strict=True):
        assert own.std() > 1e-3
        torch.testing.assert_close(ours, own, atol=1e-6, rtol=1e-4)


def test_what_is_written_is_read_and_computed(model: nn.Module) -> None:
    block = attention_view(model).blocks[0]
    q, bias = 2 * torch.randint(-3, 4, (3, 12, 4)).float(), torch.randn(3, 4)
    block.write("q", q)
    block.write("q_bias", bias)
    assert torch.equal(block.read("q"), q) and torch.equal(block.read("q_bias"), bias)
    x = torch.randn(2, 16, 12)
    torch.testing.assert_close(block.queries_keys(x)[0], x[:, None] @ q + bias[:, None])
    torch.testing.assert_close(block.project("v", x), x[:, None] @ block.read("v") + block.read("v_bias")[:, None])
    o = torch.randn(3, 4, 12)
    block.write("o", o)
    assert torch.equal(block.read("o"), o)


def test_queries_and_keys_come_to_what_is_read_back(model: nn.Module) -> None:
    block = attention_view(model).blocks[1]
    q, k = (3 * torch.randn(3, 12, 4, dtype=torch.float64) for _ in "qk")
    came = block.write_qk(q, k)
    for asked, got, name in zip((q, k), came, "qk", strict=True):
        assert torch.equal(got, 2 * (asked / 2).round()) and torch.equal(block.read(name).double(), got)


def test_what_was_asked_for_is_kept_until_others_write(model: nn.Module) -> None:
    """v asked for stays 3, though it comes to 4, while q is written; after other hands it is what was found."""
    block = attention_view(model).blocks[0]
    seen: list[Tensor] = []
    keep = block.qkv.set_token_map_
    block.qkv.set_token_map_ = lambda weight: (seen.append(weight[-12:].clone()), keep(weight))  # type: ignore[method-assign]
    block.write("v", torch.full((3, 12, 4), 3.0))
    block.write("q", torch.zeros(3, 12, 4))
    assert [rows.unique().tolist() for rows in seen] == [[3.0], [3.0]] and block.read("v").unique().tolist() == [4.0]
    block.qkv.linear.weight.data.add_(2)
    block.write("q", torch.zeros(3, 12, 4))
    assert seen[-1].unique().tolist() == [6.0]


def test_a_snapshot_brings_everything_back(model: nn.Module) -> None:
    view = attention_view(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    restore = view.snapshot(mlp=False)
    for block in view.blocks:
        block.write_qk(torch.ones(3, 12, 4), torch.ones(3, 12, 4))
    assert not torch.equal(model.blocks[0].attn.qkv.share, before["blocks.0.attn.qkv.share"])
    with torch.no_grad():
        restore()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
