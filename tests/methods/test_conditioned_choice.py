"""A choice for each image: one candidate whole, as often as its probability says, and hard ones more."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from headstart import create_vit
from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.methods import ConditionedChoice, Step, resolve_methods
from headstart.methods.fourier import scaled_amplitudes
from headstart.methods.noise import normals
from headstart.training import Recipe
from headstart.training.build import build_dataset
from headstart.training.trainee import build_trainee


def attached(**options: Any) -> ConditionedChoice:
    torch.manual_seed(0)
    model = create_vit(image_size=(8, 16), width=24, depth=1, pool="class", registers=2)
    method = ConditionedChoice(**options)
    assert method.attach(model, attention_view(model)) is model
    return method


def shares(method: ConditionedChoice, images: torch.Tensor) -> torch.Tensor:
    """How often each candidate is given, (4,)."""
    draws = torch.rand(len(images), method.draws, generator=torch.Generator().manual_seed(1))
    changed, _ = method.augment(images, draws)
    which = (changed[:, None] == method.candidates(images, draws[:, 4:])).flatten(2).all(dim=2)
    assert torch.equal(which.sum(dim=1), torch.ones(len(images)))  # one of them, bit for bit
    return which.double().mean(dim=0)


@pytest.mark.parametrize("shape", [(3, 8, 16), (1, 7, 9)])
def test_candidates_are_what_they_are_called(shape: tuple[int, int, int]) -> None:
    method, images, draws = ConditionedChoice(strength=0.3), torch.randn(4, *shape), torch.rand(4, 6)
    none, noise, coarse, fourier = method.candidates(images, draws).unbind(dim=1)
    assert torch.equal(none, images)
    for changed in (noise, coarse):
        torch.testing.assert_close((changed - images).square().mean(dim=(1, 2, 3)).sqrt(), torch.full((4,), 0.3))
    z = normals(draws[:, :2], *shape)
    torch.testing.assert_close(
        (noise - images) / (noise - images).std(), z / (noise - images).div(0.3).std(), rtol=0.2, atol=0.2
    )
    cells = (coarse - images)[:, :, : shape[1] // 2 * 2, : shape[2] // 2 * 2]
    assert (cells[:, :, ::2, ::2] - cells[:, :, 1::2, 1::2]).abs().max() < 1e-5 < cells.diff(dim=3).abs().max()
    assert torch.equal(fourier, scaled_amplitudes(images, normals(draws[:, 4:], *shape[1:]), 0.5))


def test_each_is_chosen_as_often_as_its_guess_says() -> None:
    method, images = attached(temperature=0.2), torch.randn(4000, 3, 8, 16)
    assert (shares(method, images) - 0.25).abs().max() < 0.03
    chances = torch.tensor([0.5, 0.25, 0.15, 0.1])
    with torch.no_grad():
        method.reader.head.bias[1:] = 0.2 * chances.log()
        method.reader.head.bias[0] = 3.0  # the common part decides nothing
    assert (shares(method, images) - chances).abs().max() < 0.03
    assert (shares(attached(control="random"), images) - 0.25).abs().max() < 0.03
    assert not list(attached(control="random").parameters())


def step_of(images: Tensor, losses: Tensor, draws: Tensor) -> Step:
    """A step whose losses, of two classes, are these."""
    logits = torch.stack([torch.zeros(len(losses)), losses.expm1().log()], dim=1)
    return Step(images, logits, torch.zeros(len(losses)).long(), draws, images, torch.mean, (), images)


def test_the_loss_is_how_far_the_guess_was_off() -> None:
    method, images, draws = attached(), torch.randn(5, 3, 8, 16), torch.rand(5, 10)
    torch.nn.init.normal_(method.reader.head.weight)
    losses = torch.tensor([0.1, 0.5, 1.0, 2.0, 0.7], requires_grad=True)
    said, chosen = method.reader(images), method.chosen(method.guesses(images), draws)
    off = torch.stack([said[i, 0] + said[i, 1 + m] - losses[i] + math.log(2) for i, m in enumerate(chosen.tolist())])
    loss = method.loss(step_of(images, losses, draws))
    assert loss is not None and loss.item() == pytest.approx((off.square().mean() / 20).item(), rel=1e-4)
    loss.backward()
    assert losses.grad is None and method.reader.first.weight.grad.abs().sum() > 0
    assert ConditionedChoice(control="random").loss(step_of(images, losses, draws)) is None


def test_the_smallest_and_largest_draws_choose_too() -> None:
    method, images = attached(), torch.randn(2, 3, 8, 16)
    draws = torch.stack([torch.zeros(10), torch.full((10,), 1 - 2.0**-24)])
    assert method.augment(images, draws)[0].isfinite().all()


@pytest.mark.parametrize("control", ["none", "blind"])
def test_what_is_hard_is_chosen_more_for_the_images_that_it_is_hard_for(control: str) -> None:
    method = attached(control=control)
    bright = torch.arange(64) % 2 == 1
    images = (2.0 * bright - 1).view(-1, 1, 1, 1) + 0.1 * torch.randn(64, 3, 8, 16)
    optimizer = torch.optim.Adam(method.parameters(), 1e-2)
    for _ in range(150):
        draws = torch.rand(64, 10)
        changed, _ = method.augment(images, draws)
        harm = bright * (changed - images).square().mean(dim=(1, 2, 3))  # 0.16 for both noises, little for fourier
        optimizer.zero_grad()
        method.loss(step_of(images, 0.5 + harm, draws)).backward()
        optimizer.step()
    chances = (method.guesses(images) / 0.1).softmax(dim=1)
    minding, others = chances[bright].mean(dim=0), chances[~bright].mean(dim=0)
    if control == "blind":
        torch.testing.assert_close(minding, others)
    else:  # exp(1.6) = 5: chances of 0.42 for each noise, 0.08 for each of the others
        assert (minding - torch.tensor([0.08, 0.42, 0.42, 0.08])).abs().max() < 0.12
        assert (others - 0.25).abs().max() < 0.12


def test_methods_before_it_go_on_learning(tiny: Recipe) -> None:
    recipe = tiny.override(["methods=adversarial-noise,conditioned-strength,conditioned-choice"])
    trainee = build_trainee(recipe, build_dataset(recipe)).train()
    draws = torch.rand(8, trainee.draws)
    logits, extra = trainee(torch.randn(8, 1, 8, 8), torch.ones(8, 2, 2), torch.arange(8), draws)
    assert extra is not None
    (logits.square().mean() + extra).backward()
    assert all(parameter.grad is not None for parameter in trainee.parameters())
    assert trainee.each[0].second.weight.grad.abs().sum() > 0 and trainee.each[1].experts.grad.abs().sum() > 0


def test_half_precision_gives_nearly_the_same_images() -> None:
    method, images, draws = attached(), torch.randn(8, 3, 8, 16), torch.rand(8, 10)
    torch.nn.init.normal_(method.reader.head.weight, std=0.1)
    whole, _ = method.augment(images, draws)
    with torch.autocast("cpu", torch.float16):
        half, _ = method.augment(images, draws)
        loss = method.loss(step_of(images, torch.ones(8), draws))
    assert half.dtype == loss.dtype == torch.float32
    assert torch.equal(half, whole)  # the same choice


@pytest.mark.parametrize("changes", [[], ["ema=0.9", "pool=class", "registers=2"]], ids=["plain", "averaged"])
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], list[str]], changes: list[str]
) -> None:
    cut, whole = cut_and_whole(tiny.override(["methods=conditioned-choice", *changes]))
    assert cut == whole
    stored = load_file(tmp_path / "cut/checkpoint.safetensors")
    assert stored["methods.0.reader.head.weight"].abs().max() > 0
    assert not [name for name in load_file(tmp_path / "cut/model.safetensors") if "reader" in name]


def test_parts_give_the_result_of_the_whole_batch(
    tiny: Recipe, parts_and_whole: Callable[[Recipe], dict[str, float]]
) -> None:
    assert max(parts_and_whole(tiny.override(["methods=conditioned-choice"])).values()) < 1e-4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("strength=0", "strength must be a number above 0; got 0"),
        ("amplitudes=-1", "amplitudes must be a number above 0; got -1"),
        ("temperature=0", "temperature must be a number above 0; got 0"),
        ("width=0", "width must be one channel or more, got 0"),
        ("control=blnd", "unknown control of conditioned-choice 'blnd': did you mean 'blind'?"),
    ],
)
def test_options_out_of_range_are_told(options: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([f"conditioned-choice:{options}"])
    assert message in str(told.value)
