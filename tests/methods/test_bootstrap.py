import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import headstart
from headstart.attention import attention_view
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.methods import Bootstrap, Step, resolve_methods
from headstart.methods.distillation import distilled, feature_loss
from headstart.models import create_edgevit
from headstart.models.vit import create_vit
from headstart.training import Recipe, compare, load_run, train
from headstart.training.together import Together
from headstart.training.trainee import Trainee

timm_vit = pytest.importorskip("timm.models.vision_transformer")

SMALL: dict[str, Any] = {"width": 24, "depth": 3, "heads": 3, "image_size": (16, 24), "num_classes": 5}
ARMS = [
    "bootstrap",
    "bootstrap:features=0",
    "bootstrap:mutual=0",
    "bootstrap:frozen=True",
    "bootstrap:mode=shared",
    "bootstrap:mode=shared:align=False",
    "bootstrap:agent=timm/resnet18",
]


def attached(spec: str = "bootstrap", model: Any = None, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(0)
    model = create_vit(**{**SMALL, **options}) if model is None else model
    (method,) = resolve_methods([spec])
    return method, method.attach(model, attention_view(model))


def stepped(model: Any, count: int = 6, channels: int = 3) -> Step:
    images = torch.randn(count, channels, 16, 24, generator=torch.Generator().manual_seed(1))
    targets = torch.arange(count) % 5
    features: list[Tensor] = []
    hooks = [block.register_forward_hook(lambda _m, _i, out: features.append(out)) for block in model.blocks]
    tokens = model.forward_features(images)
    for hook in hooks:
        hook.remove()
    logits = model.forward_head(tokens)
    return Step(
        tokens, logits, targets, images.new_zeros(count, 0), images, lambda z: F.cross_entropy(z, targets),
        tuple(features),
    )  # fmt: skip


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


def gradients_of(spec: str, parts: int = 1) -> dict[str, Tensor]:
    method, model = attached(spec)
    method.eval()
    method.update(0.5)
    step = stepped(model)
    for part in torch.arange(6).chunk(parts):
        targets = step.targets[part]
        piece = Step(
            step.tokens[part], step.logits[part], targets, step.draws[part], step.images[part],
            lambda z, targets=targets: F.cross_entropy(z, targets), tuple(x[part] for x in step.features),
        )  # fmt: skip
        loss = (method.loss(piece) + piece.criterion(piece.logits)) / parts
        loss.backward(retain_graph=True)
    method.gradients()
    assert not [t for t in (method.twins.twins if method.twins else []) if t.grad is not None]
    return {name: p.grad for name, p in [*model.named_parameters(), *method.named_parameters()] if p.grad is not None}


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


@pytest.mark.parametrize("spec", ["bootstrap", "bootstrap:mode=shared", "bootstrap:frozen=True"])
@pytest.mark.parametrize("options", [{}, {"reg_tokens": 2, "qkv_bias": False}])
def test_timms_vit(spec: str, options: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = timm_vit.VisionTransformer(
        img_size=(16, 24), patch_size=4, embed_dim=24, depth=3, num_heads=3, num_classes=5, **options
    )
    method, model = attached(spec, model)
    step = stepped(model)
    (method.loss(step) + step.criterion(step.logits)).backward()
    method.gradients()
    assert model.blocks[0].attn.qkv.weight.grad.isfinite().all()


@pytest.mark.parametrize("spec", ARMS)
def test_half_precision(spec: str) -> None:
    method, model = attached(spec)
    trainee = Trainee(model, [method])
    trainee.update(0.0)
    with torch.autocast("cpu", torch.float16):
        logits, extra = trainee(torch.randn(4, 3, 16, 24), None, torch.arange(4), None)
    assert extra.dtype == torch.float32 and extra.isfinite()
    (extra + F.cross_entropy(logits.float(), torch.arange(4))).backward()
    method.gradients()


@pytest.mark.parametrize("spec", ["bootstrap:mode=shared", "bootstrap:frozen=True"])
def test_a_compiled_step_gives_the_same(spec: str) -> None:
    found = []
    for compiled in (False, True):
        torch._dynamo.reset()
        method, model = attached(spec)
        trainee = Trainee(model, [method])
        network = torch.compile(trainee, backend="aot_eager") if compiled else trainee
        network.train()
        for progress in (0.0, 0.5):
            trainee.update(progress)
            logits, extra = network(stepped(model).images, None, torch.arange(6) % 5, None)
            (F.cross_entropy(logits, torch.arange(6) % 5) + extra).backward()
            trainee.gradients()
        found.append([extra, *(p.grad for p in trainee.parameters() if p.grad is not None)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-3)


def test_the_start_of_heads_is_as_without() -> None:
    plain, (_, model) = create_vit(**SMALL), attached("bootstrap:mode=shared")
    reports = [headstart.init_(m, "impulse", generator=torch.Generator().manual_seed(0)) for m in (plain, model)]
    masses = [[head.target_mass for head in report.heads] for report in reports]
    assert masses[0] == pytest.approx(masses[1], abs=0.02)


@pytest.mark.parametrize("spec", ARMS)
def test_only_the_vit_is_kept(tiny: Recipe, tmp_path: Path, spec: str) -> None:
    result = train(tiny.override([f"methods={spec}", "passes=1"]), tmp_path / "run")
    kept = load_file(tmp_path / "run/model.safetensors")
    assert set(kept) == set(create_vit(width=24, depth=2, heads=3, image_size=8, patch_size=2, in_channels=1)
                            .state_dict())  # fmt: skip
    assert (
        result["costs"][0].startswith("bootstrap: 0 M parameters, 0 GFLOP an image; in training 0.") or "resnet" in spec
    )
    assert load_run(tmp_path / "run").model is not None


@pytest.mark.parametrize(
    "changes",
    [
        ["methods=bootstrap", "ema=0.9"],
        ["methods=bootstrap:mode=shared", "accumulate=2"],
        ["methods=bootstrap:mode=shared:align=False"],
        ["methods=bootstrap:frozen=True"],
    ],
    ids=["joint, averaged", "shared, in parts", "summed", "frozen"],
)
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, cut_and_whole: Callable[[Recipe], None], changes: list[str]
) -> None:
    cut_and_whole(tiny.override(changes))


def test_parts_of_a_batch_with_a_frozen_agent_are_the_whole(tiny: Recipe, tmp_path: Path) -> None:
    for parts in (1, 4):
        recipe = tiny.override(["methods=bootstrap:frozen=True", f"accumulate={parts}"])
        train(recipe, tmp_path / str(parts))
    one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
    assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


def test_a_teacher_comes_from_a_run(tiny: Recipe, tmp_path: Path) -> None:
    teacher = tiny.override(["model=timm/resnet18", "passes=1"])
    plain = {key: None for key in ("width", "depth", "heads")}
    train(Recipe(**{**teacher.model_dump(), **plain, "drop_path": 0.0}), tmp_path / "teacher")
    spec = f"bootstrap:agent=timm/resnet18:frozen=True:weights={tmp_path}/teacher"
    train(tiny.override([f"methods={spec}", "passes=1"]), tmp_path / "run")
    stored = load_file(tmp_path / "run/checkpoint.safetensors")
    taught = load_file(tmp_path / "teacher/model.safetensors")
    assert all(torch.equal(stored[f"methods.0.agent.model.{name}"], value) for name, value in taught.items())
    (tmp_path / "teacher/model.safetensors").unlink()
    assert load_run(tmp_path / "run").recipe.methods == (spec,)  # a trained model needs its teacher no more


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


def test_runs_at_once_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="a loss of its own can't be had by runs at once"):
        compare(tiny.override(["methods=bootstrap"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))


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


def test_shared_weights_are_found_again_after_other_methods() -> None:
    method, model = attached("bootstrap:mode=shared")
    model = resolve_methods(["life"])[0].attach(model, attention_view(model))
    with pytest.raises(UnsupportedModel, match="a plain ViT whose layers no other method replaces"):
        method.begin(model)
