"""Bootstrapping: the loss by its parts, what the agent is, and what does not suit."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.methods import Bootstrap, Step, resolve_methods
from headstart.methods.distillation import distilled, feature_loss
from headstart.models import create_edgevit
from headstart.training.trainee import Trainee

from .bootstrapped_vit import attached, stepped

pytest.importorskip("timm.models.vision_transformer")


@pytest.mark.parametrize("options", [{}, {"pool": "class", "registers": 2}], ids=["plain", "prefix tokens"])
def test_the_loss_is_the_sum_of_its_parts(options: dict[str, Any]) -> None:
    method, model = attached(**options)
    method.eval()  # so that the agent can be called twice
    step = stepped(model)
    method.update(0.25)
    logits, maps = method.agent.forward_maps(step.images)
    prefix = {"class": 3}.get(options.get("pool", ""), 0)
    features = sum(feature_loss(x[:, prefix:], y) for x, y in zip(step.features, maps, strict=True))
    mutual = distilled(step.logits, logits, 4.0) + distilled(logits, step.logits, 4.0)
    expected = F.cross_entropy(logits, step.targets) + mutual + 10 * 0.75 * features
    torch.testing.assert_close(method.loss(step), expected)


def test_arms_leave_out_their_part() -> None:
    found = {}
    for spec in ("", ":features=0", ":mutual=0", ":frozen=True", ":frozen=True:features=0", ":decay=False"):
        method, model = attached(f"bootstrap{spec}")
        method.eval()
        method.update(0.5)
        found[spec] = method.loss(stepped(model)).item()
    method, model = attached()
    step = stepped(model)
    logits, _ = method.eval().agent.forward_maps(step.images)
    own = F.cross_entropy(logits, step.targets).item()
    learned, taught = (distilled(*pair, 4.0).item() for pair in ((step.logits, logits), (logits, step.logits)))
    assert found[":features=0"] == pytest.approx(own + learned + taught, rel=1e-4)
    assert found[":frozen=True:features=0"] == pytest.approx(learned, rel=1e-4)
    features = found[""] - found[":features=0"]
    assert found[":mutual=0"] == pytest.approx(own + features, rel=1e-4)
    assert found[":frozen=True"] == pytest.approx(learned + features, rel=1e-4)
    assert found[":decay=False"] - found[""] == pytest.approx(features, rel=1e-4)  # twice as much at half the way


def test_a_frozen_agent_stays_as_it_is() -> None:
    method, model = attached("bootstrap:frozen=True")
    before = copy.deepcopy(method.agent.state_dict())
    trainee = Trainee(model, [method])
    trainee.train()
    assert method.training and not any(m.training for m in method.agent.modules())
    _, extra = trainee(torch.randn(4, 3, 16, 24), None, torch.arange(4), None)
    extra.backward()
    assert all(torch.equal(value, before[name]) for name, value in method.agent.state_dict().items())


def test_tokens_learn_the_channels_of_another_cnn() -> None:
    method, _ = attached("bootstrap:agent=timm/resnet18")
    assert method.pairs == [(1, 0), (3, 1), (4, 2)]
    assert [tuple(each.weight.shape) for each in method.maps] == [(64, 24), (256, 24), (512, 24)]
    assert not list(attached("bootstrap:agent=timm/resnet18:features=0")[0].maps.parameters())
    assert isinstance(attached("bootstrap:agent=agent_s")[0].maps[0], nn.Linear)
    assert isinstance(attached("bootstrap")[0].maps[0], nn.Identity)


def test_weights_also_start_an_agent_that_trains(tmp_path: Path) -> None:
    method, _ = attached()
    save_file(method.agent.state_dict(), tmp_path / "agent.safetensors")
    nn.init.zeros_(method.agent.head.weight)
    other, model = attached(f"bootstrap:weights={tmp_path}/agent.safetensors")
    nn.init.zeros_(other.agent.head.weight)
    other.begin(model)
    assert other.agent.head.weight.abs().sum() > 0 and other.agent.head.weight.requires_grad
    wrong, model = attached(f"bootstrap:weights={tmp_path}/agent.safetensors", num_classes=7)
    with pytest.raises(HeadstartError, match=r"head\.weight is \(5, 24\) and should be \(7, 24\), and 1 more"):
        wrong.begin(model)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("mode=both", "unknown mode of bootstrap 'both'.*Known: joint, shared"),
        ("stem=fine", "unknown stem of bootstrap 'fine'.*Known: base, res-like"),
        ("agent=miror", "unknown agent of bootstrap 'miror': did you mean 'mirror'"),
        ("agent=tim/resnet18", "unknown agent of bootstrap 'tim/resnet18': Known: .*, timm/NAME"),
        ("agent=timm", "unknown agent of bootstrap 'timm'"),
        ("features=-1", "features must be a number from 0 on, got -1"),
        ("mutual=-1", "mutual must be a number from 0 on, got -1"),
        ("temperature=0", "temperature must be a number above 0, got 0; the paper's is 4"),
        ("features=0:mutual=0", "leave nothing to learn from the agent"),
        ("mode=shared:frozen=True", "leave agent, weights and frozen out, or use mode=joint"),
        ("mode=shared:agent=agent_s", "leave agent, weights and frozen out, or use mode=joint"),
        ("mode=shared:weights=runs/a", "leave agent, weights and frozen out, or use mode=joint"),
        ("agent=timm/resnet18:stem=base", "stem is for agents that mirror a ViT, and timm/resnet18 has its own"),
    ],
)
def test_options_that_do_not_suit_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        resolve_methods([f"bootstrap:{spec}"])


def test_models_that_do_not_suit_are_told() -> None:
    edge = create_edgevit("xxs", image_size=32, patch_size=1, num_classes=5)
    with pytest.raises(UnsupportedModel, match="EdgeViT: "):
        Bootstrap().attach(edge, attention_view(edge))
    swin = pytest.importorskip("timm").create_model("swin_tiny_patch4_window7_224", img_size=224, num_classes=5)
    with pytest.raises(UnsupportedModel, match=r"bootstrap matches maps .* use it with a plain ViT"):
        Bootstrap().attach(swin, attention_view(swin))


def test_features_of_another_shape_are_told() -> None:
    method, model = attached()
    step = stepped(model)
    fewer = Step(step.tokens, step.logits, step.targets, step.draws, step.images, step.criterion, step.features[:2])
    with pytest.raises(HeadstartError, match=r"a model with 3 blocks that give \(B, 24, 24\), got 2 of them"):
        method.loss(fewer)
    short = tuple(x[:, :7] for x in step.features)
    with pytest.raises(HeadstartError, match=r"got one of \(6, 7, 24\); it can't be used with a method that drops"):
        method.loss(Step(step.tokens, step.logits, step.targets, step.draws, step.images, step.criterion, short))
