from collections.abc import Sequence

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.methods.local_qkv import LocalQKV, PlainQKV, passing_on

GRID, PREFIX, TOKENS = (2, 3), 2, 8


def local(width: int = 6, kernels: Sequence[int] = (1, 3, 5), **options: bool) -> LocalQKV:
    torch.manual_seed(0)
    return LocalQKV(width, GRID, PREFIX, kernels, **options).double()


def reference(qkv: LocalQKV, x: Tensor) -> Tensor:
    """The formula token by token: sums over neighbours, no convolution."""

    def depthwise(y: Tensor, weight: Tensor) -> Tensor:
        (h, w), reach, out = GRID, weight.shape[-1] // 2, y.clone()
        for row in range(h):
            for column in range(w):
                total = torch.zeros_like(y[:, 0])
                for dy in range(-reach, reach + 1):
                    for dx in range(-reach, reach + 1):
                        if 0 <= row + dy < h and 0 <= column + dx < w:
                            neighbour = y[:, PREFIX + (row + dy) * w + column + dx]
                            total = total + neighbour * weight[:, 0, reach + dy, reach + dx]
                out[:, PREFIX + row * w + column] = total
        return out

    scales = [x @ qkv.linear.weight.T + qkv.linear.bias]
    for conv, point in zip(qkv.depthwise, qkv.pointwise, strict=True):
        scales.append(depthwise(scales[-1] if qkv.cascade else x, conv.weight) @ point.weight.T)
    parts = [scale.chunk(3, dim=-1) for scale in scales]
    return torch.cat([part[kind] for kind in range(3) for part in parts], dim=-1)


@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("kernels", [(1, 3, 5), (1, 3), (1, 1, 3, 3, 7, 1)])
def test_the_formula_token_by_token(cascade: bool, kernels: tuple[int, ...]) -> None:
    qkv, x = local(kernels=kernels, cascade=cascade), torch.randn(4, TOKENS, 6, dtype=torch.float64)
    torch.nn.init.normal_(qkv.linear.bias)
    assert qkv(x).shape == (4, TOKENS, 18)
    torch.testing.assert_close(qkv(x), reference(qkv, x))


def test_by_hand() -> None:
    """Three channels, one for each of q, k, v of a scale; a row of three patches holding 1, 2, 4, a class token 8."""
    qkv = LocalQKV(3, (1, 3), 1)
    for layer in (qkv.linear, *qkv.pointwise):
        torch.nn.init.eye_(layer.weight)
    for conv in qkv.depthwise:
        torch.nn.init.ones_(conv.weight)
    x = torch.tensor([8.0, 1, 2, 4])[None, :, None] * torch.tensor([1.0, 10, 100])
    q = torch.tensor([[8.0, 8, 8], [1, 3, 16], [2, 7, 16], [4, 6, 16]])  # itself; sum within one step; of those, two
    torch.testing.assert_close(qkv(x), torch.cat([q, 10 * q, 100 * q], dim=-1)[None])


def test_the_norm_is_one_for_queries_keys_and_values() -> None:
    with_norm, without = local(norm=True), local()
    with_norm.load_state_dict(without.state_dict(), strict=False)
    torch.nn.init.normal_(with_norm.norm.weight)
    x = torch.randn(2, TOKENS, 6, dtype=torch.float64)
    expected = [F.layer_norm(part, (6,), with_norm.norm.weight) for part in without(x).chunk(3, dim=-1)]
    torch.testing.assert_close(with_norm(x), torch.cat(expected, dim=-1))


@pytest.mark.parametrize("options", [{}, {"cascade": False}, {"norm": True}])
def test_gradients_are_those_of_finite_differences(options: dict[str, bool]) -> None:
    qkv = local(**options)
    assert torch.autograd.gradcheck(qkv, torch.randn(2, TOKENS, 6, dtype=torch.float64, requires_grad=True))
    qkv(torch.randn(2, TOKENS, 6, dtype=torch.float64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in qkv.parameters())


@pytest.mark.parametrize("make", [local, lambda: PlainQKV(torch.nn.Linear(6, 18), GRID, PREFIX).double()])
def test_other_tokens_than_the_grids_are_told(make) -> None:
    with pytest.raises(
        HeadstartError,
        match=r"expected tokens of shape \(B, 8, C\), 2 prefix tokens and 2×3 patches as when it was attached, got "
        r"\(1, 6, 6\); .* build the model for this image size, and drop no patches",
    ):
        make()(torch.zeros(1, 6, 6, dtype=torch.float64))


@pytest.mark.parametrize("kernels", [(1, 3, 5), (1, 3)])
def test_a_map_that_can_be_passed_on_is_met_exactly(kernels: tuple[int, ...]) -> None:
    """A random map has no scale that leaves much out; parallel scales and the control take any map."""
    size, x = 18 // len(kernels), torch.randn(2, TOKENS, 6, dtype=torch.float64)
    frames = torch.linalg.qr(torch.randn(len(kernels), max(size, 6), min(size, 6), dtype=torch.float64))[0]
    weight = frames.view(len(kernels), 3, -1, 6).transpose(0, 1).flatten(0, 2)
    for qkv in (local(kernels=kernels), local(kernels=kernels, cascade=False), PlainQKV(torch.nn.Linear(6, 18), GRID)):
        qkv = qkv.double()
        qkv.set_token_map_(weight)
        torch.testing.assert_close(qkv.token_map()[0], weight)
        if isinstance(qkv, LocalQKV):
            torch.testing.assert_close(qkv(x), x @ weight.T)


def test_a_scale_that_leaves_directions_out_carries_them_faintly() -> None:
    """Queries and keys that read the same two of six channels: the later scales still get what they want."""
    qkv, eye = local(), torch.eye(6, dtype=torch.float64)
    first, other = torch.cat([eye[:2], eye[:2], eye[2:4]]), torch.cat([eye[4:], eye[4:], eye[:2]])
    wanted = torch.stack([first, other, other]).view(3, 3, 2, 6).transpose(0, 1).flatten(0, 2)
    qkv.set_token_map_(wanted)
    found, bias = qkv.token_map()
    scales = [m.view(3, 3, 2, 6).transpose(0, 1).flatten(1, 2) for m in (found, wanted)]
    change = scales[0] - scales[1]
    assert torch.linalg.matrix_norm(change[:2], 2).tolist() == pytest.approx([0.3, 0.3])
    assert change[2].abs().max() < 1e-12 and bias.abs().max() == 0
    assert max(layer.weight.abs().max() for layer in qkv.pointwise) < 5  # as 1 / 0.3: nothing is blown up


def test_raising_singular_values_respects_factors_on_rows() -> None:
    scale, factor = torch.randn(6, 6, dtype=torch.float64), torch.rand(6, 1, dtype=torch.float64) + 0.1
    scale[3:] = scale[:3]
    raised = passing_on(scale)
    torch.testing.assert_close(passing_on(factor * scale), factor * raised)
    assert torch.linalg.svdvals(raised / scale.norm(dim=1, keepdim=True)).min().item() == pytest.approx(0.3)
    scale[0] = 0.0  # a channel that a head has no use for
    assert torch.isfinite(passing_on(scale)).all() and torch.linalg.matrix_rank(passing_on(scale)) == 6


def test_more_scales_than_three_give_what_can_be_had() -> None:
    """With S scales a cascade carries 3C/S directions: with six, half of them."""
    qkv, x = local(kernels=(1, 3, 3, 3, 3, 3)), torch.randn(2, TOKENS, 6, dtype=torch.float64)
    wanted = torch.randn(18, 6, dtype=torch.float64)
    qkv.set_token_map_(wanted)
    torch.testing.assert_close(qkv(x), x @ qkv.token_map()[0].T)
    assert 0.1 < (qkv.token_map()[0] - wanted).norm() / wanted.norm() < 1


def test_a_norm_refuses_a_linear_map() -> None:
    with pytest.raises(HeadstartError, match=r"life: its norm sets the size of queries and keys .* leave norm out"):
        local(norm=True).set_token_map_(torch.zeros(18, 6))
