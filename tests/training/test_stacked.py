"""A stack against its models one by one: the same logits, gradients and weights within rounding."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.models.vit import create_vit
from headstart.training.checkpoint import load_weights, save_weights
from headstart.training.stacked import Stacked

KINDS = {
    "mean, learned": {},
    "class, registers, sincos": {"pool": "class", "registers": 2, "position": "sincos"},
    "drop path": {"drop_path": 0.4, "position": "harmonic"},
}


def vits(count: int, dtype: torch.dtype = torch.float32, **options: object) -> list[nn.Module]:
    """Small models with nothing at nought or one, so that every weight counts."""
    models = []
    for seed in range(count):
        model = create_vit(image_size=8, patch_size=4, width=24, depth=2, heads=2, num_classes=5, **options).to(dtype)
        noise = torch.Generator().manual_seed(seed)
        for parameter in model.parameters():
            parameter.data += 0.2 * torch.randn(parameter.shape, generator=noise, dtype=dtype)
        models.append(model)
    return models


def inputs(count: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    noise = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 6, 3, 8, 8, generator=noise, dtype=dtype)
    draws = torch.rand(count, 6, 2, 2, generator=noise, dtype=dtype)
    return images, torch.randint(5, (count, 6), generator=noise), draws


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over models of each one's mean over its batch."""
    return F.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1).sum()


def apart(models: Sequence[nn.Module], images: Tensor, draws: Tensor) -> Tensor:
    return torch.stack([m(x, d) for m, x, d in zip(models, images, draws, strict=True)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_and_gradients_are_those_of_the_separate_models(kind: str, count: int, dtype: torch.dtype) -> None:
    rtol = 1e-5 if dtype == torch.float32 else 1e-12
    models = vits(count, dtype, **KINDS[kind])
    separate = copy.deepcopy(models)
    images, labels, draws = inputs(count, dtype)
    expected = apart(separate, images, draws)
    loss_of(expected, labels).backward()
    stacked = Stacked(models)
    before = torch.get_rng_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # vmap warns of what it runs one by one
        logits = stacked(images, draws)
        loss_of(logits, labels).backward()
    assert torch.equal(torch.get_rng_state(), before)
    torch.testing.assert_close(logits, expected, rtol=rtol, atol=rtol)
    for model, other in zip(models, separate, strict=True):
        for (name, ours), theirs in zip(model.named_parameters(), other.parameters(), strict=True):
            assert ours.requires_grad == theirs.requires_grad, name
            if theirs.grad is None:
                assert ours.grad is None, name
            else:
                torch.testing.assert_close(ours.grad, theirs.grad, rtol=rtol, atol=rtol, msg=name)


def adamw(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW([p for p in parameters if p.requires_grad], lr=1e-2, weight_decay=0.1, fused=True)


def one_each(models: Sequence[nn.Module]) -> list[torch.optim.Optimizer]:
    return [adamw(model.parameters()) for model in models]


def joint(models: Sequence[nn.Module]) -> list[torch.optim.Optimizer]:
    return [adamw(p for model in models for p in model.parameters())]


@pytest.mark.parametrize("optimizers", [one_each, joint])
@pytest.mark.parametrize("to_none", [False, True])
def test_ten_clipped_steps_end_at_the_separate_models_weights(
    optimizers: Callable[[Sequence[nn.Module]], list[torch.optim.Optimizer]], to_none: bool
) -> None:
    models = vits(3, torch.float64, drop_path=0.2)
    separate = copy.deepcopy(models)
    stacked = Stacked(models)
    ours, theirs = optimizers(models), one_each(separate)
    for step in range(10):
        images, labels, draws = inputs(3, torch.float64, seed=step)
        for logits, group, opts in (
            (stacked(images, draws), models, ours),
            (apart(separate, images, draws), separate, theirs),
        ):
            for optimizer in opts:  # after the forward pass: the stack has to notice what was set to None
                optimizer.zero_grad(set_to_none=to_none)
            loss_of(logits, labels).backward()
            for model in group:
                nn.utils.clip_grad_norm_(model.parameters(), 0.5)
            for optimizer in opts:
                optimizer.step()
    for model, other in zip(models, separate, strict=True):
        for (name, left), right in zip(model.named_parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(left, right, rtol=1e-9, atol=1e-9, msg=name)


def test_gradients_add_up_until_they_are_set_to_nought() -> None:
    models = vits(2)
    stacked = Stacked(models)
    images, labels, draws = inputs(2)
    gradient = models[1].head.weight.grad
    loss_of(stacked(images, draws), labels).backward()
    once = gradient.clone()
    models[0].zero_grad()  # None for one model alone
    loss_of(stacked(images, draws), labels).backward()
    torch.testing.assert_close(gradient, 2 * once)
    assert models[1].head.weight.grad is gradient
    torch.testing.assert_close(models[0].head.weight.grad, stacked.stacks["head.weight"].grad[0])
    stacked.zero_grad()
    assert not any(parameter.grad.any() for model in models for parameter in model.parameters())


def test_each_model_is_clipped_by_itself() -> None:
    models = vits(3, position="sincos")
    stacked = Stacked(models)
    images, labels, draws = inputs(3)
    (loss_of(stacked(images, draws), labels)).backward()
    stacked.stacks["head.weight"].grad[1] *= 1e-4
    separate = [[p.grad.clone() for p in m.parameters() if p.grad is not None] for m in models]
    expected = [torch.nn.utils.get_total_norm(gradients) for gradients in separate]
    limit = (expected[0] + expected[1]) / 2
    for gradients, norm in zip(separate, expected, strict=True):
        for gradient in gradients:
            gradient *= min(1.0, limit / (norm + 1e-6))
    torch.testing.assert_close(stacked.clip_grad_norm_(float(limit)), torch.stack(expected))
    ours = [[p.grad for p in m.parameters() if p.grad is not None] for m in models]
    torch.testing.assert_close(ours, separate)


def test_gradients_that_were_there_before_stacking_are_kept() -> None:
    models = vits(2)
    models[1].head.bias.grad = torch.ones(5)
    stacked = Stacked(models)
    assert stacked.stacks["head.bias"].grad.tolist() == [[0.0] * 5, [1.0] * 5]


def test_loaded_weights_are_seen_by_the_stack_and_saved_ones_are_the_models_own(tmp_path: Path) -> None:
    models, (other,) = vits(3), vits(1)
    images, _, draws = inputs(3)
    save_weights(tmp_path / "other.safetensors", other)
    stacked = Stacked(models)
    load_weights(tmp_path / "other.safetensors", models[2])
    for model in models:
        model.eval()
    other.eval()
    with torch.inference_mode():
        torch.testing.assert_close(stacked(images, draws)[2], other(images[2]))
        torch.testing.assert_close(models[2](images[2]), other(images[2]))
    save_weights(tmp_path / "back.safetensors", models[2])
    assert (tmp_path / "back.safetensors").read_bytes() == (tmp_path / "other.safetensors").read_bytes()


class Scaled(nn.Module):
    """A module with a buffer, and whatever else a test wants."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.register_buffer("scale", torch.tensor([scale]))
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear(x) * self.scale)


def test_each_model_has_its_own_buffers() -> None:
    models = [Scaled(1.0), Scaled(2.0)]
    stacked = Stacked(models)
    x = torch.randn(2, 4, 3)
    torch.testing.assert_close(stacked(x), torch.stack([m(r) for m, r in zip(models, x, strict=True)]))
    models[0].scale.fill_(3.0)
    torch.testing.assert_close(stacked(x)[0], models[0](x[0]))


def test_it_compiles_into_one_graph() -> None:
    stacked = Stacked(vits(2, drop_path=0.4))
    images, labels, draws = inputs(2)
    expected = stacked(images, draws)
    stacked.compile(fullgraph=True, backend="aot_eager")  # as inductor traces it, without the compiler
    logits = stacked(images, draws)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-5)
    loss_of(logits, labels).backward()
    compiled = {name: stack.grad.clone() for name, stack in stacked.stacks.items()}
    stacked.zero_grad()
    loss_of(expected, labels).backward()
    for name, stack in stacked.stacks.items():
        torch.testing.assert_close(compiled[name], stack.grad, rtol=1e-5, atol=1e-5, msg=name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: m[1].double(), "pos_embed of model 1 was moved, cast or assigned after stacking"),
        (lambda m: m[0].head.requires_grad_(False), "head.weight of model 0 was frozen or unfrozen after stacking"),
        (lambda m: m[1].eval(), "the whole of model 1 is in evaluation mode and that of model 0 in training mode"),
    ],
)
def test_what_was_done_to_a_model_after_stacking_is_noticed(
    spoil: Callable[[list[nn.Module]], object], message: str
) -> None:
    models = vits(2)
    stacked = Stacked(models)
    spoil(models)
    with pytest.raises(HeadstartError, match=message):
        stacked(inputs(2)[0])


@pytest.mark.filterwarnings("ignore:Using backward")  # that it leaks: so it does, until the test is over
def test_a_replaced_gradient_is_noticed() -> None:
    stacked = Stacked(vits(2))
    images, labels, _ = inputs(2)
    loss_of(stacked(images), labels).backward(create_graph=True)
    with pytest.raises(HeadstartError, match="without create_graph"):
        stacked(images)


def test_inputs_have_to_be_a_batch_for_each_model() -> None:
    stacked = Stacked(vits(2))
    with pytest.raises(HeadstartError, match=r"expected inputs of shape \(2, B, …\), .* got \(3, 6, 3, 8, 8\)"):
        stacked(inputs(3)[0])


def test_random_numbers_have_to_be_handed_in() -> None:
    stacked = Stacked(vits(2, drop_path=0.4))
    with pytest.raises(HeadstartError, match="VisionTransformer draws random numbers in its forward pass"):
        stacked(inputs(2)[0])
