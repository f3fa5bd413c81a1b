"""Gradients of bootstrapping: shared weights, what opposes the ViT, parts of a batch."""

import pytest
import torch
import torch.nn.functional as F

from headstart.attention import attention_view
from headstart.errors import UnsupportedModel
from headstart.methods import resolve_methods

from .bootstrapped_vit import ARMS, attached, gradients_of, stepped

pytest.importorskip("timm.models.vision_transformer")


def test_shared_is_half_of_it_with_the_vits_weights() -> None:
    method, model = attached("bootstrap:mode=shared:align=False")
    assert not [name for name, _ in method.agent.named_parameters() if "fc" in name or "taps" in name]
    mirror, _ = attached()
    mirror.agent.load_state_dict(method.agent.state_dict(), strict=False)
    for mine, theirs in zip(mirror.agent.blocks, model.blocks, strict=True):
        v, o = theirs.attn.qkv.weight[48:], theirs.attn.proj.weight
        taps = torch.stack([o[:, 8 * h : 8 * h + 8] @ v[8 * h : 8 * h + 8] for h in range(3)], dim=2)
        for own, value in ((mine.taps, taps), (mine.fc1, theirs.mlp.fc1.weight), (mine.fc2, theirs.mlp.fc2.weight)):
            own.data.copy_(value)
    step = stepped(model)
    whole = mirror.eval().loss(step) + F.cross_entropy(step.logits, step.targets)
    total = method.eval().loss(step) + F.cross_entropy(step.logits, step.targets)  # with the model's own, as in a step
    torch.testing.assert_close(total, whole / 2, atol=1e-5, rtol=1e-5)


def test_gradients_that_agree_are_added_as_in_the_released_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headstart.methods.alignment.aligned", lambda other, main: list(other))
    apart, summed = gradients_of("bootstrap:mode=shared"), gradients_of("bootstrap:mode=shared:align=False")
    assert apart.keys() == summed.keys()
    for name, gradient in apart.items():
        torch.testing.assert_close(gradient, summed[name], atol=1e-6, rtol=1e-4)


def test_what_opposes_the_vit_is_gone_from_shared_weights() -> None:
    both, summed = gradients_of("bootstrap:mode=shared"), gradients_of("bootstrap:mode=shared:align=False")
    method, model = attached("bootstrap:mode=shared")  # ∇_V: the same loss without the twins' part
    method.eval()
    method.update(0.5)
    step = stepped(model)
    (method.loss(step) + step.criterion(step.logits)).backward()
    twins = method.twins
    names = {id(p): name for name, p in model.named_parameters()}
    main = [p.grad for p in twins.main]
    dot = sum((t.grad * g).sum() for t, g in zip(twins.twins, main, strict=True))
    square = sum(g.square().sum() for g in main)
    for parameter, twin, gradient in zip(twins.main, twins.twins, main, strict=True):
        name = names[id(parameter)]
        torch.testing.assert_close(summed[name], gradient + twin.grad, atol=1e-6, rtol=1e-4)
        expected = gradient + twin.grad - min(0.0, (dot / square).item()) * gradient
        torch.testing.assert_close(both[name], expected, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("spec", ARMS)
def test_gradients_of_parts_are_those_of_the_whole(spec: str) -> None:
    """With BatchNorm in evaluation mode: in training it sees a part at a time."""
    whole, parts = gradients_of(spec), gradients_of(spec, parts=3)
    assert whole.keys() == parts.keys()
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[name], gradient, atol=1e-5, rtol=1e-3)


def test_every_parameter_of_the_method_gets_a_gradient() -> None:
    for spec in ARMS:
        method, _ = attached(spec)
        trained = {name for name, p in method.named_parameters() if p.requires_grad}
        assert trained <= gradients_of(spec).keys(), spec
        assert (not trained) is ("frozen" in spec)


def test_shared_weights_are_found_again_after_other_methods() -> None:
    method, model = attached("bootstrap:mode=shared")
    model = resolve_methods(["life"])[0].attach(model, attention_view(model))
    with pytest.raises(UnsupportedModel, match="a plain ViT whose layers no other method replaces"):
        method.begin(model)
