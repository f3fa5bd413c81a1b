"""Smoothing: kernels by hand, the schedule, exactly the plain model when off, and the same in every kind of run."""

import copy
import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from headstart import create_vit, init_
from headstart.attention import attention_view
from headstart.attention.capture import captured_maps
from headstart.errors import HeadstartError
from headstart.methods import resolve_methods
from headstart.methods.blur import Blur, gaussian
from headstart.methods.smoothing import Smoothing
from headstart.training import Recipe, compare, load_run, train
from headstart.training.stacked import Stacked
from headstart.training.together import Together

SIGMA_1 = [[0.0751, 0.1238, 0.0751], [0.1238, 0.2042, 0.1238], [0.0751, 0.1238, 0.0751]]
SIGMA_HALF = [[0.0113, 0.0838, 0.0113], [0.0838, 0.6193, 0.0838], [0.0113, 0.0838, 0.0113]]


def vit(seed: int = 0, **options: Any) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        shape = {"image_size": (16, 24), "patch_size": 4, "width": 24, "depth": 2, "heads": 3}
        return create_vit(**{**shape, **options})


def attached(model: nn.Module, **options: Any) -> Smoothing:
    method = Smoothing(**options)
    plain = options.get("where") == "convolutions" or options.get("preset")
    assert method.attach(model, None if plain else attention_view(model)) is model
    return method


def images(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def run(model: nn.Module, x: Tensor) -> list[Tensor]:
    """Logits, and the gradient of every parameter and of the images."""
    x = x.clone().requires_grad_()
    model.zero_grad()
    logits = model(x)
    (logits * torch.linspace(-1, 1, logits.numel()).view_as(logits)).sum().backward()
    assert x.grad is not None
    return [logits.detach(), x.grad, *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


class CNN(nn.Module):
    """A stem, a residual block with a 1×1 shortcut, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.GroupNorm(2, 8)
        self.conv, self.shortcut = nn.Conv2d(8, 12, 3, stride=2, padding=1), nn.Conv2d(8, 12, 1, stride=2)
        self.head = nn.Linear(12, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x)).relu()
        return self.head((self.conv(x) + self.shortcut(x)).relu().mean((2, 3)))


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, SIGMA_1), (0.5, SIGMA_HALF)])
def test_kernels_are_those_computed_by_hand(sigma: float, expected: list[list[float]]) -> None:
    torch.testing.assert_close(gaussian(3, sigma), torch.tensor(expected, dtype=torch.float64), atol=5e-5, rtol=0)
    for side in (3, 5, 7):
        kernel = gaussian(side, sigma)
        i, j = torch.meshgrid(*[torch.arange(side) - side // 2] * 2, indexing="ij")
        whole = torch.exp(-(i**2 + j**2) / (2 * sigma**2)).double()
        torch.testing.assert_close(kernel, whole / whole.sum(), atol=1e-7, rtol=0)
        assert kernel.sum().item() == pytest.approx(1, abs=1e-12)


def test_at_no_width_the_kernel_is_a_one_among_zeros() -> None:
    for sigma in (0.0, 1e-3, 1e-200):
        assert gaussian(3, sigma).flatten().tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0]
    assert gaussian(3, 0.2)[1, 1].item() == pytest.approx(0.99999, abs=1e-5)


def test_a_filter_is_the_weighted_sum_of_neighbours_with_zeros_outside() -> None:
    blur = Blur(3, True, torch.zeros(()))
    blur.become(1.0)
    x = images(1, 2, 3, 4)
    padded = nn.functional.pad(x, (1, 1, 1, 1))
    by_hand = sum(blur.kernel[i, j] * padded[:, :, i : i + 3, j : j + 4] for i in range(3) for j in range(3))
    torch.testing.assert_close(blur(x), by_hand)
    one = torch.zeros(1, 1, 3, 3)
    one[0, 0, 0, 0] = 1  # a corner loses what falls outside: 0.2042 + 2 · 0.1238 + 0.0751 is left
    assert blur(one).sum().item() == pytest.approx(0.2042 + 2 * 0.1238 + 0.0751, abs=1e-4)


def test_gradients_of_a_filter_are_right() -> None:
    blur = Blur(3, True, torch.zeros((), dtype=torch.float64))
    blur.become(0.7)
    assert torch.autograd.gradcheck(blur, images(2, 2, 3, 4).double().requires_grad_())


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


def test_a_residual_network_of_timm() -> None:
    resnet = pytest.importorskip("timm.models.resnet")
    plain = resnet.resnet18(num_classes=10, pretrained=False)
    model = copy.deepcopy(plain)
    method = attached(model, where="convolutions")
    assert len(method.parts) == 17  # the stem, and two in each of eight blocks; three shortcuts are left out
    x = images(2, 3, 32, 32)
    assert not torch.allclose(run(model, x)[0], run(plain, x)[0], atol=1e-3)
    method.update(1.0)
    model.load_state_dict(plain.state_dict())
    assert all(map(torch.equal, run(model, x), run(plain, x)))


WHERES = [("embedding", vit), ("values", vit), ("convolutions", CNN)]


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


@pytest.mark.parametrize(("where", "make"), WHERES)
def test_parameters_keep_their_names_and_weights_load_both_ways(where: str, make: Any) -> None:
    plain, model, count = make(), make(), 0
    method = attached(model, where=where)
    assert list(model.state_dict()) == list(plain.state_dict())
    assert [n for n, _ in model.named_parameters()] == [n for n, _ in plain.named_parameters()]
    for source, target in ((model, plain), (plain, model)):
        with torch.no_grad():
            for parameter in source.parameters():
                parameter.add_(0.01 * (count := count + 1))
        target.load_state_dict(source.state_dict())
        method.update(1.0)
        assert torch.equal(model(images(2, 3, 16, 24)), plain(images(2, 3, 16, 24)))


@pytest.mark.parametrize(("where", "make"), WHERES)
def test_a_deep_copy_has_filters_of_its_own_that_follow_by_their_buffers(where: str, make: Any) -> None:
    torch.manual_seed(0)
    model = make()
    plain = copy.deepcopy(model)
    method = attached(model, where=where)
    twin = copy.deepcopy(model)
    x = images(2, 3, 16, 24)
    before = twin(x)
    assert torch.equal(before, model(x))
    for progress in (0.3, 0.9):
        method.update(progress)
        assert torch.equal(twin(x), before)  # not the original's
        for mine, theirs in zip(twin.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
        before = twin(x)
        assert torch.equal(before, model(x))
    assert all(map(torch.equal, run(twin, x), run(plain, x)))  # its kernel is a one among zeros
    assert torch.equal(pickle.loads(pickle.dumps(twin))(x), before)


@pytest.mark.parametrize("where", ["embedding", "values", "convolutions"])
def test_stacked_models_do_what_each_does_alone(where: str) -> None:
    x = images(2, 3, 3, 16, 24)
    models = [vit(seed, pool="class", registers=2) for seed in range(2)]
    methods = [attached(model, where=where) for model in models]
    alone = [copy.deepcopy(model) for model in models]
    stacked = Stacked(models)
    for progress in (0.0, 0.5, 0.8):
        for method, single, model in zip(methods, alone, models, strict=True):
            method.update(progress)
            for mine, theirs in zip(single.buffers(), model.buffers(), strict=True):
                mine.copy_(theirs)
        together = stacked(x)
        for logits, single, one in zip(together, alone, x, strict=True):
            torch.testing.assert_close(logits, single(one), atol=1e-5, rtol=1e-4)


def test_stacked_models_can_be_compiled_whole() -> None:
    x = images(2, 2, 3, 16, 24)
    models = [vit(seed, pool="class") for seed in range(2)]
    for model in models:
        attached(model, where="values")
    stacked = Stacked(models)
    expected = stacked(x)
    stacked.compile(backend="eager", fullgraph=True)
    torch.testing.assert_close(stacked(x), expected)


def test_a_compiled_model_is_compiled_once_more_when_the_filter_goes() -> None:
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = vit()
    plain = vit()
    method = attached(model, where="values")
    compiled = torch.compile(model, backend=counter)
    x = images(2, 3, 16, 24)
    counts = []
    for progress in (0.0, 0.1, 0.4, 0.7, 1.0):
        method.update(progress)
        assert torch.equal(compiled(x), model(x))
        counts.append(counter.frame_count)
    assert counts == [1, 1, 1, 2, 2]
    assert torch.equal(compiled(x), plain(x))


@pytest.mark.parametrize("where", ["embedding", "values"])
@pytest.mark.parametrize("shape", [{}, {"pool": "class", "registers": 2}], ids=["no prefix", "class and registers"])
def test_heads_start_and_are_seen_as_in_the_plain_model(where: str, shape: dict[str, Any]) -> None:
    model = vit(image_size=32, width=48, **shape)
    attached(model, where=where)
    report, other = init_(model, "impulse"), init_(vit(image_size=32, width=48, **shape), "impulse")
    masses, expected = ([head.target_mass for head in r.heads] for r in (report, other))
    assert masses == pytest.approx(expected, abs=1e-6)
    x = images(2, 3, 32, 32)
    for seen, true in zip(attention_view(model).maps(x), captured_maps(model, x), strict=True):
        torch.testing.assert_close(seen, true, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("where", ["embedding", "values"])
def test_a_vision_transformer_of_timm(where: str) -> None:
    timm = pytest.importorskip("timm.models.vision_transformer")
    torch.manual_seed(0)
    model = timm.VisionTransformer(
        img_size=(16, 24), patch_size=4, embed_dim=24, depth=2, num_heads=3, num_classes=10, reg_tokens=2
    )
    plain, x = copy.deepcopy(model), images(2, 3, 16, 24)
    method = attached(model, where=where)
    assert len(method.parts) == (2 if where == "values" else 1)
    assert not torch.equal(run(model, x)[0], run(plain, x)[0])
    method.update(0.7)
    assert all(map(torch.equal, run(model, x), run(plain, x)))


def test_a_layer_that_is_not_called_is_told() -> None:
    eva = pytest.importorskip("timm.models.eva")
    model = eva.Eva(img_size=16, patch_size=4, embed_dim=24, depth=1, num_heads=3, qkv_bias=True, qkv_fused=True)
    with pytest.raises(HeadstartError, match=r"Eva: blocks\.0\.attn\.qkv is not called as a module in the forward"):
        attached(model, where="values")
    assert not [module for module in model.modules() if isinstance(module, Blur)]
    attached(model, where="embedding")


def test_under_autocast_and_in_double_precision() -> None:
    for where in ("embedding", "values"):
        model = vit()
        attached(model, where=where)
        with torch.autocast("cpu", torch.float16):
            loss = model(images(2, 3, 16, 24)).square().mean()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
        assert model.double()(images(2, 3, 16, 24).double()).dtype == torch.float64


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


def test_models_it_cannot_work_on_are_told() -> None:
    model = vit()
    with pytest.raises(HeadstartError, match=r"where=embedding needs the view .* got none; use where=convolutions"):
        Smoothing().attach(CNN(), None)
    with pytest.raises(HeadstartError, match=r"Linear: no nn\.Conv2d with a kernel larger than 1×1"):
        attached(nn.Linear(2, 2), where="convolutions")
    method = attached(model, where="values")
    with pytest.raises(HeadstartError, match=r"expects 0 prefix tokens and a grid of 4×6, got 20 tokens; use where="):
        model.blocks[0](images(2, 20, 24))
    assert method.parts
    with pytest.raises(HeadstartError, match=r"VisionTransformer is smoothed already \(Linear\); attach one"):
        attached(model, where="values")


def test_windows_are_refused_for_values() -> None:
    swin = pytest.importorskip("timm.models.swin_transformer")
    model = swin.SwinTransformer(img_size=32, patch_size=4, embed_dim=12, depths=(2,), num_heads=(3,), window_size=4)
    with pytest.raises(HeadstartError, match="SwinTransformer: values are smoothed where attention spans the whole"):
        attached(model, where="values")


RUNS = {"plain": [], "averaged": ["ema=0.9"]}


@pytest.mark.parametrize("changes", RUNS.values(), ids=RUNS)
def test_a_cut_run_ends_with_the_same_bits_and_is_the_plain_network(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], None], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=smoothing:where=values", *changes])
    cut_and_whole(recipe)
    smoothed = load_run(tmp_path / "whole")
    plain = vit(image_size=8, patch_size=2, in_channels=1).eval()
    plain.load_state_dict(load_file(tmp_path / "whole/model.safetensors"))
    assert torch.equal(smoothed.model(images(4, 1, 8, 8)), plain(images(4, 1, 8, 8)))


def test_parts_of_a_batch_give_the_result_of_the_whole(tiny: Recipe, tmp_path: Path) -> None:
    recipe = tiny.override(["methods=smoothing:where=values"])
    for parts in (1, 4):
        train(recipe.override([f"accumulate={parts}"]), tmp_path / str(parts))
    one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
    assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


@pytest.mark.parametrize("where", ["embedding", "values"])
def test_runs_at_once_have_the_losses_of_runs_apart(tiny: Recipe, tmp_path: Path, where: str) -> None:
    recipe = tiny.override([f"methods=smoothing:where={where}", "ema=0.9"])
    together, apart = (
        compare(recipe, ["default", "mimetic"], [0], tmp_path / name, runner=runner)
        for name, runner in (("together", Together(2)), ("apart", None))
    )
    for one, other in zip(together["arms"], apart["arms"], strict=True):
        losses = [[row["train_loss"] for row in arm["runs"][0]["history"]] for arm in (one, other)]
        assert losses[0] == pytest.approx(losses[1], abs=2e-5)
