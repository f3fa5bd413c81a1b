"""Smoothing: the schedule, what is filtered and what is not, and exactly the plain model when off."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.methods import resolve_methods
from headstart.methods.blur import gaussian
from headstart.methods.smoothing import Smoothing

from .smoothed_models import CNN, WHERES, attached, images, run, vit


def test_the_papers_schedule() -> None:
    method = Smoothing(off_after=None)
    assert [method.sigma_at(epoch / 200) for epoch in range(201)] == [0.9 ** (epoch // 5) for epoch in range(201)]
    assert method.sigma_at(25 / 200) == pytest.approx(0.590, abs=5e-4)
    assert method.sigma_at(150 / 200) == pytest.approx(0.0424, abs=5e-5)
    assert Smoothing(off_after=1.0).sigma_at(1.0) == 0.9**40


def test_it_is_off_from_off_after_on() -> None:
    method = Smoothing(sigma=2.0, decay=0.5, steps=10)
    assert method.sigma_at(0.0) == 2.0 and method.sigma_at(0.1) == 1.0
    assert method.sigma_at(0.699) == 2.0 * 0.5**6
    assert method.sigma_at(0.7) == method.sigma_at(1.0) == 0.0
    assert Smoothing(off_after=0.0).sigma_at(0.0) == 0.0


@pytest.mark.parametrize("off_after", [0.7, None])
def test_the_control_has_the_same_widths_the_other_way_round(off_after: float | None) -> None:
    forwards, backwards = (Smoothing(off_after=off_after, control=control) for control in ("none", "reversed"))
    middles = [(index + 0.5) / 400 for index in range(280 if off_after else 400)]
    there = [forwards.sigma_at(p) for p in middles]
    assert [backwards.sigma_at(p) for p in middles] == there[::-1]
    assert backwards.sigma_at(0.0) == there[-1]
    assert backwards.sigma_at(1.0) == (0.0 if off_after else 1.0)
    constant = Smoothing(off_after=off_after, control="constant")
    assert {constant.sigma_at(p) for p in middles} == {1.0}


def test_the_embedding_is_filtered_before_position_is_added() -> None:
    plain, model = vit(pool="class", registers=2), vit(pool="class", registers=2)
    attached(model)
    x = images(2, 3, 16, 24)
    tokens = plain.patch_embed(x)
    maps = tokens.transpose(1, 2).unflatten(2, (4, 6))
    kernel = gaussian(3, 1.0).float().expand(24, 1, 3, 3)
    expected = nn.functional.conv2d(maps, kernel, padding=1, groups=24).flatten(2).transpose(1, 2)
    torch.testing.assert_close(model.patch_embed(x), expected)


@pytest.mark.parametrize("shape", [{}, {"pool": "class", "registers": 2}], ids=["no prefix", "class and registers"])
def test_the_values_of_every_head_are_filtered_and_nothing_else(shape: dict[str, Any]) -> None:
    plain, model = vit(**shape), vit(**shape)
    attached(model, where="values")
    prefix = model.num_prefix_tokens
    tokens = images(2, prefix + 24, 24)
    for block, other in zip(plain.blocks, model.blocks, strict=True):
        before, after = (b.attn.qkv(tokens).view(2, prefix + 24, 3, 3, 8) for b in (block, other))
        assert torch.equal(before[:, :, :2], after[:, :, :2])  # queries and keys
        assert torch.equal(before[:, :prefix], after[:, :prefix])  # class token and registers
        for head in range(3):
            maps = before[:, prefix:, 2, head].transpose(1, 2).unflatten(2, (4, 6))
            kernel = gaussian(3, 1.0).float().expand(8, 1, 3, 3)
            expected = nn.functional.conv2d(maps, kernel, padding=1, groups=8).flatten(2).transpose(1, 2)
            torch.testing.assert_close(after[:, prefix:, 2, head], expected)


def test_convolutions_are_filtered_before_norm_and_activation_and_shortcuts_are_not() -> None:
    torch.manual_seed(0)
    plain = CNN()
    model = copy.deepcopy(plain)
    method = attached(model, preset="released")
    assert (method.where, method.sigma_at(1.0)) == ("convolutions", 0.9**40)
    assert len(method.parts) == 2 and not hasattr(model.shortcut, "smoothing")
    x = images(2, 3, 8, 12)

    def smooth(maps: Tensor) -> Tensor:
        channels = maps.shape[1]
        kernel = gaussian(3, 1.0).float().expand(channels, 1, 3, 3)
        return nn.functional.conv2d(maps, kernel, padding=1, groups=channels)

    inside = plain.norm(smooth(plain.stem(x))).relu()
    expected = plain.head((smooth(plain.conv(inside)) + plain.shortcut(inside)).relu().mean((2, 3)))
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize(("where", "make"), WHERES)
@pytest.mark.parametrize("options", [{"sigma": 0.0}, {"off_after": 0.5}], ids=["no width", "off"])
def test_off_is_the_plain_model_to_the_bit(where: str, make: Any, options: dict[str, float]) -> None:
    torch.manual_seed(0)
    model = make()
    plain = copy.deepcopy(model)
    x = images(3, 3, 16, 24)
    method = attached(model, where=where, **options)
    method.update(0.5)
    assert all(map(torch.equal, run(model, x), run(plain, x)))
    if "off_after" in options:
        method.update(0.1)  # on again: σ is a function of progress alone
        assert not torch.allclose(run(model, x)[0], run(plain, x)[0], atol=1e-5)


@pytest.mark.parametrize(("where", "make"), WHERES)
def test_evaluation_is_with_the_filter_or_exactly_without(where: str, make: Any) -> None:
    x = images(3, 3, 16, 24)
    for evaluation in (True, False):
        torch.manual_seed(0)
        model = make()
        plain = copy.deepcopy(model).eval()
        attached(model, where=where, evaluation=evaluation)
        assert not torch.equal(model(x), plain(x))
        assert torch.equal(model.eval()(x), plain(x)) is not evaluation


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("where=value", "unknown where of smoothing 'value': did you mean 'values'?"),
        ("control=revers", "unknown control of smoothing 'revers': did you mean 'reversed'?"),
        ("preset=paper", "unknown preset of smoothing 'paper': Known: none, released."),
        ("sigma=-1", "smoothing: sigma has to be a width of 0 or more, in grid cells; got -1."),
        ("decay=0", "smoothing: decay has to be a factor above 0, at most 1; got 0."),
        ("steps=-3", "smoothing: steps has to be how often σ drops over the whole training, 0 or more; got -3."),
        ("off_after=1.5", "smoothing: off_after has to be a progress from 0 to 1, or None; got 1.5."),
        ("kernel=4", "smoothing: kernel has to be an odd side of 3 or more; got 4."),
        ("preset=released:sigma=2", "decides every option but control, and sigma=2 was given too; leave out one"),
    ],
)
def test_options_out_of_range_are_told(text: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([f"smoothing:{text}"])
    assert message in str(told.value)
    with pytest.raises(HeadstartError, match="sigma has to be"):
        Smoothing(sigma=math.nan)
