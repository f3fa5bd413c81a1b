"""Self-slimming: the loss by hand, starting from a teacher, and what does not suit."""

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.methods import Slim, Step, resolve_methods
from headstart.methods.slim import write_path
from headstart.models import create_edgevit, create_vit

SHAPE = {"image_size": (8, 16), "patch_size": 2, "width": 24, "depth": 3, "heads": 3}


def weights_of(model: nn.Module, path: Path) -> Path:
    save_file({name: tensor.clone() for name, tensor in model.state_dict().items()}, path)
    return path


def attached(tmp_path: Path, spec: str = "slim", **changes: Any) -> tuple[nn.Module, Slim, nn.Module]:
    """The student, the method, and the un-slimmed model whose weights both have been given."""
    torch.manual_seed(1)
    plain = create_vit(**{**SHAPE, **changes})
    path = weights_of(plain, tmp_path / "teacher.safetensors")
    torch.manual_seed(0)
    model = create_vit(**{**SHAPE, **changes})
    (method,) = resolve_methods([f"{spec}:teacher={write_path(path)}"])
    assert isinstance(method, Slim)
    method.attach(model, attention_view(model))
    method.begin(model)
    return model, method, plain


def step_of(model: nn.Module, images: Tensor) -> Step:
    features: list[Tensor] = []
    tokens = model.forward_features(images, None, features)
    targets = torch.arange(len(images)) % 10
    criterion = partial(F.cross_entropy, target=targets)
    return Step(
        tokens,
        model.forward_head(tokens),
        targets,
        images.new_zeros(len(images), 0),
        images,
        criterion,
        tuple(features),
    )


@pytest.mark.parametrize("options", [{}, {"pool": "class", "registers": 2}], ids=["mean", "class"])
def test_the_loss_is_the_formula(tmp_path: Path, options: dict[str, Any]) -> None:
    spec = "slim:keep=0.5/0.25:tokens=3:logits=0.7:temperature=2"
    model, method, plain = attached(tmp_path, spec, **options)
    model.train()
    method.train()
    images = torch.randn(4, 3, 8, 16)
    step = step_of(model, images)
    loss = method.loss(step)
    with torch.no_grad():
        wanted: list[Tensor] = []
        p = F.softmax(plain.forward_head(plain.forward_features(images, None, wanted)) / 2, dim=1)
        q = F.softmax(step.logits / 2, dim=1)
        divergence = (p * (p / q).log()).sum(dim=1).mean()
        prefix, wrong = model.num_prefix_tokens, []
        assert isinstance(method.reverse[0], nn.Module) and step.features[0].shape[1] == prefix + 16
        for back, mine, its in zip(method.reverse, step.features, wanted, strict=True):
            found = back(mine[:, prefix:])
            assert found.shape == its[:, prefix:].shape
            wrong.append((found - its[:, prefix:]).square().mean())
        expected = 3 * sum(wrong) / 3 + 0.7 * 4 * divergence
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert not method.seen
    loss.backward()
    assert all(p.grad is None for p in method.teacher.parameters())
    assert all(p.grad is not None for p in method.reverse.parameters())
    reached = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert {"blocks.0.slim.fc1.weight", "blocks.1.slim.scale", "blocks.2.attn.qkv.weight", "pos_embed"} <= reached


def test_blocks_with_all_their_tokens_are_compared_as_they_are(tmp_path: Path) -> None:
    model, method, _ = attached(tmp_path, "slim:keep=0.5:after=2:logits=0")
    assert [type(back).__name__ for back in method.reverse] == ["Identity", "ReverseSlim", "ReverseSlim"]
    step = step_of(model, torch.randn(2, 3, 8, 16))
    # The first block is still the teacher's.
    assert torch.equal(method.reverse[0](step.features[0]), step.features[0])
    method.loss(step)
    method.reverse[0] = nn.Linear(24, 24)
    assert method.loss(step).item() > 0


def test_it_starts_from_the_teacher_or_from_scratch(tmp_path: Path) -> None:
    model, method, plain = attached(tmp_path)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in plain.state_dict().items())
    assert all(torch.equal(method.teacher.state_dict()[name], tensor) for name, tensor in plain.state_dict().items())
    other, method, _ = attached(tmp_path, "slim:start=scratch")
    assert not torch.equal(other.head.weight, plain.head.weight)
    assert torch.equal(method.teacher.head.weight, plain.head.weight)
    assert torch.equal(other.blocks[0].slim.fc1.weight, model.blocks[0].slim.fc1.weight)


def test_the_teacher_stays_as_it_is(tmp_path: Path) -> None:
    model, method, _ = attached(tmp_path, drop_path=0.5)
    method.train()
    assert not method.teacher.training and not any(p.requires_grad for p in method.teacher.parameters())
    assert method.reverse.training
    step = step_of(model.eval(), torch.randn(2, 3, 8, 16))
    assert method.loss(step).item() == method.loss(step).item()


def test_without_distillation_there_is_no_loss_and_no_teacher(tmp_path: Path) -> None:
    model, method, _ = attached(tmp_path, "slim:distill=none")
    assert not method.has_loss and not method.wants_features and not list(method.parameters())
    assert method.loss(step_of(model, torch.randn(2, 3, 8, 16))) is None
    model, method, _ = attached(tmp_path, "slim:distill=logits")
    assert method.has_loss and not method.wants_features and not hasattr(method, "reverse")
    assert resolve_methods(["slim:distill=none:start=scratch"])[0].path is None


def test_half_precision_gives_nearly_the_same_loss(tmp_path: Path) -> None:
    model, method, _ = attached(tmp_path)
    images = torch.randn(4, 3, 8, 16)
    whole = method.loss(step_of(model, images))
    with torch.autocast("cpu", torch.float16):
        half = method.loss(step_of(model, images))
    half.backward()
    assert half.dtype == torch.float32 and half.item() == pytest.approx(whole.item(), rel=0.02)


def test_logits_of_timms_vit_are_learned(tmp_path: Path) -> None:
    timm_vit = pytest.importorskip("timm.models.vision_transformer")
    model = timm_vit.VisionTransformer(img_size=16, patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=10)
    path = weights_of(model, tmp_path / "teacher.safetensors")
    (method,) = resolve_methods([f"slim:keep=0.5:distill=logits:teacher={write_path(path)}"])
    plain = copy.deepcopy(model).eval()
    method.attach(model, attention_view(model))
    method.begin(model)
    images = torch.randn(2, 3, 16, 16)
    tokens = model.forward_features(images)
    logits = model.forward_head(tokens)
    loss = method.loss(Step(tokens, logits, torch.zeros(2), images.new_zeros(2, 0), images, torch.mean))
    p, q = plain(images).softmax(1), logits.softmax(1)
    assert loss.item() == pytest.approx(2 * (p * (p / q).log()).sum(1).mean().item(), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "slim",
            "none is named: slim:teacher=runs/NAME, or `headstart slim runs/NAME`. Without one: slim:distill=none",
        ),
        ("slim:distill=frdd:teacher=a", "unknown distill of slim 'frdd': did you mean 'frd'?"),
        ("slim:start=teecher:teacher=a", "unknown start of slim 'teecher': did you mean 'teacher'?"),
        ("slim:tokens=-1.0:teacher=a", "slim: tokens is a weight from 0 on, got -1.0; the paper takes 2"),
        ("slim:temperature=0:teacher=a", "slim: temperature must be a number above 0, got 0"),
        ("slim:rate=0:teacher=a", "slim: rate must be a number above 0, got 0"),
    ],
)
def test_options_that_do_not_suit_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([spec])
    assert message in str(told.value)


def test_models_and_teachers_that_do_not_fit_are_told(tmp_path: Path) -> None:
    for spec, message in (
        ("slim:keep=0.25/0.5", r"\(0, 1\] and not rising"),
        ("slim:keep=0.5/0.4/0.3", "names 3 places to slim, and a model of 3 blocks has 2"),
        ("slim:keep=0.5:after=3", "from 1 to 2, one for each share in keep, got 3"),
        ("slim:how=mergd", "unknown way to have fewer tokens 'mergd'"),
    ):
        with pytest.raises(HeadstartError, match=message):
            attached(tmp_path, spec)
    model = create_vit(**SHAPE)
    view = attention_view(model)
    with pytest.raises(HeadstartError, match=r"one flat list of blocks .* got EdgeViT"):
        resolve_methods(["slim:teacher=a"])[0].attach(create_edgevit("xxs"), view)
    for path, message in (
        (tmp_path / "none", "there is no .*none to learn from; name the folder of a finished run"),
        (tmp_path, r"there is no .*model.safetensors to learn from"),
        (
            weights_of(create_vit(**{**SHAPE, "width": 48}), tmp_path / "wide"),
            r"not those of the un-slimmed model \(.* of another shape\)",
        ),
        (weights_of(create_vit(**{**SHAPE, "depth": 4}), tmp_path / "deep"), r"\(blocks.3.* is missing on one side"),
    ):
        fresh = copy.deepcopy(model)
        (method,) = resolve_methods([f"slim:teacher={write_path(path)}"])
        method.attach(fresh, attention_view(fresh))
        with pytest.raises(HeadstartError, match=message):
            method.begin(fresh)
    (tmp_path / "broken").write_bytes(b"no weights")
    fresh = copy.deepcopy(model)
    (method,) = resolve_methods([f"slim:teacher={write_path(tmp_path / 'broken')}"])
    method.attach(fresh, attention_view(fresh))
    with pytest.raises(HeadstartError, match="broken cannot be read"):
        method.begin(fresh)


@pytest.mark.parametrize("path", ["runs/a", "/tmp/x,y:z/0.50/1e3", "../.5/-0.50/a b", "runs/2024/001", "a%2Fb/None"])
def test_any_path_can_be_written(path: str) -> None:
    text = write_path(path)
    assert "," not in text and ":" not in text
    assert resolve_methods([f"slim:teacher={text}"])[0].path == Path(path)
