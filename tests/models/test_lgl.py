import pytest
import torch

from headstart import HeadstartError
from headstart.models.lgl import ChannelNorm, LGLBlock, LocalAggregation, SparseAttention, map_norm, two_from_one
from headstart.models.vit_blocks import Attention


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_top_left_token_of_each_window_is_taken():
    attention = SparseAttention(width=1, heads=1, sampling=2)
    tokens = torch.arange(24.0).view(1, 24, 1)  # on a grid of 4 rows of 6
    assert attention.sample(tokens, (4, 6)).flatten().tolist() == [0, 2, 4, 12, 14, 16]
    # As in the released code: average pooling with kernel 1 and stride r.
    pooled = torch.nn.functional.avg_pool2d(tokens.view(1, 1, 4, 6), 1, 2)
    assert torch.equal(attention.sample(tokens, (4, 6)).flatten(), pooled.flatten())
    assert SparseAttention(width=1, heads=1, sampling=1).sample(tokens, (4, 6)) is tokens
    assert SparseAttention(width=1, heads=1, sampling=4).sample(tokens[:, :16], (4, 4)).flatten().tolist() == [0]


def test_two_representatives_attend_by_hand():
    """Width 1, window 2 on a 2×4 grid: tokens 0 and 2 alone matter, each answer fills its own window."""
    attention = SparseAttention(width=1, heads=1, sampling=2).double()
    attention.norm = torch.nn.Identity()  # LayerNorm over a single channel would leave nothing
    with torch.no_grad():
        attention.qkv.weight.copy_(torch.tensor([[1.0], [1.0], [1.0]]))
        attention.qkv.bias.copy_(torch.tensor([0.0, 0.0, 5.0]))
        attention.propagate.weight.copy_(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        attention.propagate.bias.fill_(0.25)
        attention.proj.weight.fill_(10.0)
        attention.proj.bias.fill_(0.5)
    x, y = torch.tensor([1.0, 2.0], dtype=torch.float64)
    other = 99.0  # not representatives: never read
    tokens = torch.tensor([x, other, y, other, other, other, other, other], dtype=torch.float64).view(1, 8, 1)
    first, second = (
        ((q * x).exp() * (x + 5) + (q * y).exp() * (y + 5)) / ((q * x).exp() + (q * y).exp()) for q in (x, y)
    )
    expected = [first, 2 * first, second, 2 * second, 3 * first, 4 * first, 3 * second, 4 * second]
    expected = (torch.stack(expected) + 0.25) * 10 + 0.5
    torch.testing.assert_close(attention(tokens, (2, 4)).flatten(), expected)


@pytest.mark.parametrize(("sampling", "grid"), [(2, (4, 6)), (4, (8, 4)), (3, (3, 9))])
def test_a_representative_reaches_exactly_its_own_window(sampling, grid):
    attention = SparseAttention(width=3, heads=1, sampling=sampling)
    few = (grid[0] // sampling, grid[1] // sampling)
    for row in range(few[0]):
        for column in range(few[1]):
            answer = torch.zeros(1, 3, *few)
            answer[:, :, row, column] = 1.0
            reached = (attention.propagate(answer) - attention.propagate(torch.zeros_like(answer))).abs().sum(
                (0, 1)
            ) > 0
            expected = torch.zeros(grid, dtype=torch.bool)
            expected[row * sampling :, column * sampling :][:sampling, :sampling] = True
            assert torch.equal(reached, expected)


def test_propagation_keeps_channels_apart():
    propagate = SparseAttention(width=4, heads=2, sampling=2).propagate
    answer = torch.zeros(1, 4, 2, 2)
    answer[:, 2] = 1.0
    changed = (propagate(answer) - propagate(torch.zeros_like(answer))).abs().sum((0, 2, 3)) > 0
    assert changed.tolist() == [False, False, True, False]


def test_rate_one_is_plain_attention():
    sparse, plain = SparseAttention(width=12, heads=3, sampling=1).double(), Attention(12, 3).double()
    plain.load_state_dict(sparse.state_dict())  # the same names and nothing besides
    tokens = noise(2, 15, 12)
    torch.testing.assert_close(sparse(tokens, (3, 5)), plain(tokens))


def test_a_block_of_rate_one_has_no_local_part():
    block = LGLBlock(12, heads=3, sampling=1).double()
    assert block.local is None and block.attn.propagate is None
    x = noise(2, 12, 3, 5)
    y = x + block.position(x)
    tokens = y.flatten(2).transpose(1, 2)
    tokens = tokens + block.attn(block.norm1(tokens), (3, 5))
    tokens = tokens + block.mlp(block.norm2(tokens))
    torch.testing.assert_close(block(x), tokens.transpose(1, 2).view(2, 12, 3, 5))


def test_without_its_global_part_a_block_sees_seven_places_and_with_it_the_whole_map():
    local = LocalAggregation(4, 8, "layer").double()
    x = noise(1, 4, 16, 16).requires_grad_()
    seen = torch.autograd.grad(local(x)[0, :, 8, 8].sum(), x)[0].abs().sum((0, 1)) > 0
    rows, columns = torch.where(seen)
    # DW3 and DW5 in a row: one and two places to each side.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 11, 5, 11)
    block = LGLBlock(4, heads=2, sampling=4, norm="layer").double()
    seen = torch.autograd.grad(block(x)[0, :, 8, 8].sum(), x)[0].abs().sum((0, 1)) > 0
    # Representatives stand at multiples of 4, and have gathered from four places to each side (DW3, DW5, DW3).
    assert seen.all()


@pytest.mark.parametrize(("sampling", "grid"), [(1, (2, 3)), (2, (4, 2))])
@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("training", [True, False])
def test_gradients(sampling, grid, norm, training):
    block = LGLBlock(4, heads=2, sampling=sampling, mlp_ratio=1.5, drop_path=0.3, norm=norm).double().train(training)
    draws = noise(2, 2).sigmoid()
    names, values = zip(*block.named_parameters(), strict=True)

    def call(x, *parameters):
        return torch.func.functional_call(block, dict(zip(names, parameters, strict=True)), (x, draws))

    inputs = noise(2, 4, *grid).requires_grad_()
    assert torch.autograd.gradcheck(call, (inputs, *values), fast_mode=True)


def test_one_number_decides_two_branches_independently():
    rate = 0.3
    draws = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    first, second = two_from_one(draws, rate)
    cells = torch.stack([(a & b).double().mean() for a in (first, ~first) for b in (second, ~second)])
    torch.testing.assert_close(cells, torch.tensor([0.49, 0.21, 0.21, 0.09]).double(), atol=2e-4, rtol=0)
    assert two_from_one(None, rate) == (None, None)


def test_draws_decide_which_branches_are_dropped():
    block = LGLBlock(4, heads=2, sampling=2, drop_path=0.5, norm="layer").double().train()
    x = noise(4, 4, 4, 4)
    # For a rate of ½: [0, ¼) drops both, [¼, ½) the first, [½, ¾) the second, [¾, 1) none.
    draws = torch.tensor([[0.1, 0.1], [0.3, 0.6], [0.6, 0.9], [0.9, 0.3]], dtype=torch.float64)
    state = torch.get_rng_state()
    found = block(x, draws)
    assert torch.equal(torch.get_rng_state(), state)
    local, rows = block.local, []
    for index, kept in enumerate([(0, 0, 0, 0), (0, 1, 1, 0), (1, 0, 1, 1), (1, 1, 0, 1)]):
        y = x[index : index + 1]
        y = y + local.position(y)
        y = y + 2 * kept[0] * local.gather(local.norm1(y))
        y = y + 2 * kept[1] * local.mlp(local.norm2(y))
        y = (y + block.position(y)).flatten(2).transpose(1, 2)
        y = y + 2 * kept[2] * block.attn(block.norm1(y), (4, 4))
        y = y + 2 * kept[3] * block.mlp(block.norm2(y))
        rows.append(y.transpose(1, 2).view(1, 4, 4, 4))
    torch.testing.assert_close(found, torch.cat(rows))
    assert torch.equal(block.eval()(x, draws), block(x))


def test_channel_norm_is_layernorm_of_each_place():
    norm = ChannelNorm(5).double()
    x = noise(2, 5, 3, 4)
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(norm(x), expected)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: LGLBlock(10, heads=3, sampling=2),
            "width 10 is not divisible by 3 heads; choose heads from [1, 2, 5].",
        ),
        (lambda: LGLBlock(4, heads=2, sampling=0), "expected a sampling rate of 1 or more, got 0"),
        (lambda: map_norm("bach", 4), "unknown norm 'bach': did you mean 'batch'?"),
        (
            lambda: LGLBlock(4, heads=2, sampling=4)(torch.zeros(2, 4, 8, 6)),
            "a map of 8×6 has no whole 4×4 windows; choose a sampling rate that divides both sides",
        ),
    ],
)
def test_what_does_not_fit_says_so(make, message):
    with pytest.raises(HeadstartError) as error:
        make()
    assert message in str(error.value)
