"""Dense relative localization: by hand on a grid of 2×3, at random on larger ones, and in whole runs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from headstart.attention import attention_view
from headstart.errors import HeadstartError
from headstart.initialization import init_
from headstart.methods import DRLoc, Step, resolve_methods
from headstart.models import create_vit
from headstart.training import Recipe, compare, train
from headstart.training.together import Together


def attached(spec: str = "drloc", seed: int = 0, **changes: Any) -> tuple[nn.Module, DRLoc]:
    torch.manual_seed(seed)
    model = create_vit(**{"width": 24, "depth": 2, "heads": 3, **changes})
    (method,) = resolve_methods([spec])
    assert isinstance(method, DRLoc)
    assert method.attach(model, attention_view(model)) is model
    return model, method


def step_of(tokens: Tensor, draws: Tensor) -> Step:
    logits, targets = tokens.new_zeros(len(tokens), 10), torch.zeros(len(tokens), dtype=torch.int64)
    return Step(tokens, logits, targets, draws, tokens.new_zeros(len(tokens), 3, 8, 8), torch.mean)


def losses_of(model: nn.Module, method: DRLoc, images: int = 4) -> Tensor:
    inputs = torch.randn(images, 3, *model.patch_embed.img_size)
    return method.loss(step_of(model.forward_features(inputs), torch.rand(images, method.draws)))


# A class token, then a grid of 2 rows and 3 columns of width 2; what the MLP makes of a pair can be seen by eye:
# hidden = relu(first token's first number − second token's second one), guess = (hidden, 0.5 − hidden).
SMALL = {"image_size": (8, 12), "pool": "class", "width": 2, "heads": 1, "depth": 1}
TOKENS = torch.tensor([[9.0, 9], [0.1, 0.6], [0.2, 0.5], [0.3, 0.4], [0.4, 0.3], [0.5, 0.2], [0.6, 0.1]])[None]
# Two pairs, (y, x) = (1, 0) with (0, 2) and (1, 2) with (1, 1): positions 3, 2 and 5, 4.
DRAWS = torch.tensor([[0.5, 0.2, 0.49, 0.67, 0.9, 0.99, 0.6, 0.34]])


def small(spec: str) -> DRLoc:
    _, method = attached(f"drloc:pairs=2:hidden=1{spec}", **SMALL)
    with torch.no_grad():
        method.mlp[0].weight.copy_(torch.tensor([[1.0, 0, 0, -1]]))
        method.mlp[0].bias.zero_()
        method.mlp[2].weight.copy_(torch.tensor([[1.0], [-1]]))
        method.mlp[2].bias.copy_(torch.tensor([0, 0.5]))
    return method


def test_positions_are_those_of_the_draws() -> None:
    first, second = small("").drawn(DRAWS)
    assert first.tolist() == [[3, 5]] and second.tolist() == [[2, 4]]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # hidden = 0.4 − 0.4 = 0 and 0.6 − 0.2 = 0.4: guesses (0, 0.5) and (0.4, 0.1).
        # |Δ| = (1, 2), (0, 1); over (2, 3): (1/2, 2/3), (0, 1/3): wrong by 1/2, 1/6, 0.4, 7/30.
        ("", (1 / 2 + 1 / 6 + 0.4 + 7 / 30) / 4),
        (":normalised=False", (1 + 1.5 + 0.4 + 0.9) / 4),
        # Δ = (1, −2), (0, 1).
        (":target=signed", (1 / 2 + 7 / 6 + 0.4 + 7 / 30) / 4),
        # Δ + k − 1 = (2, 0), (1, 3).
        (":target=signed:normalised=False", (2 + 0.5 + 0.6 + 2.9) / 4),
    ],
)
def test_the_loss_is_the_one_computed_by_hand(spec: str, expected: float) -> None:
    assert small(spec).loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(0.1 * expected, rel=1e-5)
    assert small(f"{spec}:weight=0.5").loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(0.5 * expected, rel=1e-5)


def test_classes_are_signed_offsets_of_both_axes() -> None:
    _, method = attached("drloc:pairs=2:hidden=1:target=classes:weight=1", **SMALL)
    assert method.mlp[2].out_features == 5 + 7
    with torch.no_grad():
        method.mlp[0].weight.zero_()
        method.mlp[2].weight.zero_()
        method.mlp[2].bias.copy_(torch.arange(12.0))
    # Offsets (1, −2) and (0, 1): rows of classes 3 and 2 of 5, columns of classes 1 and 4 of 7, whose logits are
    # 0 … 4 and 5 … 11.
    rows, columns = torch.arange(5.0).logsumexp(0), torch.arange(7.0).logsumexp(0)
    expected = rows - (3 + 2) / 2 + columns - (1 + 4) / 2
    assert method.loss(step_of(TOKENS, DRAWS)).item() == pytest.approx(expected.item(), rel=1e-6)


def test_positions_are_uniform_and_never_outside() -> None:
    _, method = attached("drloc:pairs=500:pool=0", image_size=(20, 12))  # 5 rows, 3 columns
    draws = torch.rand(400, method.draws, generator=torch.Generator().manual_seed(1))
    for drawn in method.drawn(draws):
        shares = torch.bincount(drawn.flatten(), minlength=15) / drawn.numel()
        assert len(shares) == 15 and (shares * 15 - 1).abs().max() < 0.03  # four standard deviations
    first, second = method.drawn(draws)
    assert (first == second).double().mean().item() == pytest.approx(1 / 15, abs=0.003)
    largest = torch.full((1, method.draws), 1 - 2.0**-24)
    for side in range(1, 65):
        assert (largest * torch.tensor(side)).long().max() == side - 1
    assert torch.stack(method.drawn(largest)).unique().tolist() == [14]


@pytest.mark.parametrize(
    ("changes", "spec", "size"),
    [
        ({"image_size": 56}, "drloc", (7, 7)),  # 14×14, as in the paper
        ({"image_size": (56, 16)}, "drloc", (7, 4)),
        ({"image_size": (56, 16)}, "drloc:pool=0", (14, 4)),
        ({"image_size": 32}, "drloc:pool=3", (3, 3)),
    ],
)
def test_pairs_are_drawn_from_the_pooled_grid(changes: dict[str, Any], spec: str, size: tuple[int, int]) -> None:
    _, method = attached(spec, pool="class", registers=2, **changes)
    assert method.size == size and method.prefix == 3
    grid = method.grid
    tokens = torch.randn(2, 3 + grid[0] * grid[1], 24)
    pooled = nn.functional.adaptive_avg_pool2d(tokens[:, 3:].mT.unflatten(2, grid), size).flatten(2).mT
    alone = method.windows
    seen = tokens[:, 3:] if alone is None else alone @ tokens[:, 3:]
    torch.testing.assert_close(seen, pooled)
    # Prefix tokens leave the loss alone; every token of the grid has its part in it.
    tokens.requires_grad_()
    method.loss(step_of(tokens, torch.rand(2, method.draws, generator=torch.Generator().manual_seed(0)))).backward()
    assert tokens.grad is not None and tokens.grad[:, :3].abs().max() == 0
    assert (tokens.grad[:, 3:].abs().sum(dim=(0, 2)) > 0).double().mean() > 0.8


def test_tokens_without_a_norm_are_normalised() -> None:
    tokens, draws = torch.randn(2, 64, 24), torch.rand(2, 256)
    _, mean = attached(pool="mean")
    one, other = (mean.loss(step_of(tokens, draws)).item() for tokens in (tokens, 7 * tokens + 1))
    assert one == pytest.approx(other, rel=1e-4)
    _, token = attached(pool="class")
    assert isinstance(token.norm, nn.Identity)


@pytest.mark.parametrize("spec", ["drloc", "drloc:target=signed", "drloc:target=classes", "drloc:normalised=False"])
def test_gradients_are_right(spec: str) -> None:
    _, method = attached(f"{spec}:pairs=5:hidden=4", image_size=(8, 12))
    method = method.double()
    draws = torch.rand(2, 20)
    tokens = torch.randn(2, 6, 24, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda t: method.loss(step_of(t, draws)), tokens)


def test_the_loss_of_a_batch_is_the_mean_over_its_images() -> None:
    _, method = attached()
    tokens, draws = torch.randn(6, 64, 24), torch.rand(6, method.draws)
    each = [method.loss(step_of(t[None], d[None])).item() for t, d in zip(tokens, draws, strict=True)]
    assert method.loss(step_of(tokens, draws)).item() == pytest.approx(sum(each) / 6, rel=1e-5)


def test_the_shuffled_control_differs_in_what_is_asked_for_alone() -> None:
    (_, plain), (_, control) = attached("drloc"), attached("drloc:control=shuffled")
    for one, other in zip(plain.parameters(), control.parameters(), strict=True):
        assert torch.equal(one, other)
    draws = torch.rand(2, plain.draws)
    assert torch.equal(torch.stack(plain.drawn(draws)), torch.stack(control.drawn(draws)))
    numbers = control.positions[:, 0] * 7 + control.positions[:, 1]
    assert not torch.equal(plain.positions, control.positions)
    assert sorted(numbers.tolist()) == list(range(49))
    assert torch.equal(control.positions, attached("drloc:control=shuffled")[1].positions)
    assert not torch.equal(control.positions, attached("drloc:control=shuffled", seed=1)[1].positions)
    assert "positions" in control.state_dict()


@pytest.mark.parametrize(
    ("warmup", "shares"),
    [("0.2", {0: 0, 0.1: 0.5, 0.2: 1, 0.6: 0.5, 1: 0}), ("0", {0: 1, 0.5: 0.5, 1: 0})],
)
def test_the_weight_warms_up_and_decays(warmup: str, shares: dict[float, float]) -> None:
    (_, constant), (_, method) = attached(), attached(f"drloc:schedule=warm-decay:warmup={warmup}")
    step = step_of(torch.randn(2, 64, 24), torch.rand(2, method.draws))
    for progress, share in shares.items():
        method.update(progress)
        constant.update(progress)
        assert method.loss(step).item() == pytest.approx(share * constant.loss(step).item(), abs=1e-7)


def test_the_schedule_needs_no_new_compilation() -> None:
    _, method = attached("drloc:schedule=warm-decay")
    graphs = 0

    def count(graph: torch.fx.GraphModule, _: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return graph.forward

    compiled = torch.compile(method.loss, backend=count, fullgraph=True)
    step = step_of(torch.randn(2, 64, 24), torch.rand(2, method.draws))
    for progress in (0.05, 0.1, 0.5, 0.9):
        method.update(progress)
        assert compiled(step).item() == pytest.approx(method.loss(step).item(), rel=1e-6)
    assert graphs == 1


def test_half_precision_gives_nearly_the_same_loss() -> None:
    for spec in ("drloc", "drloc:target=classes"):
        model, method = attached(spec)
        torch.manual_seed(1)
        whole = losses_of(model, method)
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.float16):
            half = losses_of(model, method)
        half.backward()
        assert half.dtype == torch.float32 and half.item() == pytest.approx(whole.item(), rel=0.02)


@pytest.mark.filterwarnings("ignore:3 heads cannot cover")
def test_the_model_stays_as_it_was_and_can_be_initialized() -> None:
    torch.manual_seed(0)
    before = create_vit(width=48, depth=2, heads=3)
    model, _ = attached(width=48)
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), model.parameters(), strict=True))
    for changed in (before, model):
        report = init_(changed, "impulse", generator=torch.Generator().manual_seed(0))
    assert report is not None
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), model.parameters(), strict=True))


def test_it_works_on_timms_vit() -> None:
    timm_vit = pytest.importorskip("timm.models.vision_transformer")
    for options in ({"class_token": True, "reg_tokens": 4}, {"class_token": False, "global_pool": "avg"}):
        model = timm_vit.VisionTransformer(
            img_size=(32, 64), patch_size=4, embed_dim=24, depth=1, num_heads=3, num_classes=5, **options
        )
        method = DRLoc()
        method.attach(model, attention_view(model))
        assert (method.grid, method.size, method.prefix) == ((8, 16), (7, 7), 5 if options["class_token"] else 0)
        loss = method.loss(step_of(model.forward_features(torch.randn(2, 3, 32, 64)), torch.rand(2, method.draws)))
        loss.backward()
        assert 0 < loss.item() < 0.1 and model.pos_embed.grad.abs().sum() > 0
        assert all(parameter.grad is not None for parameter in method.parameters())


def test_windows_are_refused() -> None:
    timm_swin = pytest.importorskip("timm.models.swin_transformer")
    model = timm_swin.SwinTransformer(img_size=64, window_size=4, embed_dim=24, depths=(2, 2), num_heads=(2, 4))
    with pytest.raises(HeadstartError, match=r"not all blocks of this SwinTransformer .* use it with a plain ViT"):
        DRLoc().attach(model, attention_view(model))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("drloc:target=absolut", "unknown target of drloc 'absolut': did you mean 'absolute'?"),
        ("drloc:schedule=linear", "unknown schedule of drloc 'linear': Known: constant, warm-decay"),
        ("drloc:control=shuffle", "unknown control of drloc 'shuffle': did you mean 'shuffled'?"),
        ("drloc:pairs=0", "drloc: pairs must be at least 1, got 0"),
        ("drloc:layers=0", "drloc: layers must be at least 1, got 0"),
        ("drloc:pool=-1", "drloc: pool must be at least 0, got -1"),
        ("drloc:weight=-0.5", "drloc: weight must be a number from 0 on, got -0.5"),
        ("drloc:warmup=1", r"drloc: warmup is a share of all steps, in [0, 1), got 1"),
        ("drloc:target=classes:normalised=False", "drloc: classes are not scaled; leave normalised=False out"),
    ],
)
def test_options_that_do_not_suit_are_told(spec: str, message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods([spec])
    assert message in str(told.value)


def test_a_grid_of_one_position_and_other_tokens_are_told() -> None:
    with pytest.raises(
        HeadstartError, match=r"two positions to tell apart, and a grid of \(8, 8\) pooled to at most 1"
    ):
        attached("drloc:pool=1")
    _, method = attached()
    with pytest.raises(HeadstartError, match=r"final tokens \(B, 64, 24\), got \(2, 30, 24\); .* drops or reshapes"):
        method.loss(step_of(torch.randn(2, 30, 24), torch.rand(2, method.draws)))


@pytest.mark.parametrize("changes", [[], ["ema=0.9", "pool=class", "registers=2"]], ids=["plain", "averaged"])
def test_a_cut_run_ends_with_the_same_bits(
    tiny: Recipe, tmp_path: Path, cut_and_whole: Callable[[Recipe], None], changes: list[str]
) -> None:
    recipe = tiny.override(["methods=drloc:schedule=warm-decay:control=shuffled", *changes])
    cut_and_whole(recipe)
    stored = load_file(tmp_path / "cut/checkpoint.safetensors")
    assert "optimizer.exp_avg.methods.0.mlp.0.weight" in stored
    assert not [name for name in load_file(tmp_path / "cut/model.safetensors") if "mlp.0" in name]


def test_parts_give_the_result_of_the_whole_batch(tiny: Recipe, tmp_path: Path) -> None:
    for parts in (1, 4):
        recipe = tiny.override(["methods=drloc", "mixup=0.8", f"accumulate={parts}"])
        train(recipe, tmp_path / str(parts))
    one, four = (load_file(tmp_path / parts / "model.safetensors") for parts in ("1", "4"))
    assert max((one[name] - four[name]).abs().max().item() for name in one) < 1e-5


def test_many_runs_at_once_are_refused(tiny: Recipe, tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match=r"a loss of its own can't be had by runs at once \(drloc\)"):
        compare(tiny.override(["methods=drloc"]), ["default", "mimetic"], [0], tmp_path, runner=Together(2))
