import pytest
import torch
from torch import nn

from headstart import HeadstartError
from headstart.attention.continuous_bias import HIGHEST, fit_network


def window(side):
    """Swin-v2's coordinates of all offsets of a window, logarithmic, (n, 2)."""
    line = torch.arange(1 - side, side) * 8 / (side - 1)
    line = line.sign() * (line.abs() + 1).log2() / 3
    return torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)


@pytest.mark.parametrize("side", [2, 4, 8, 16, 24])
def test_the_network_gives_any_one_offset_of_any_window(side):
    torch.manual_seed(0)
    points, n = window(side), 2 * side - 1
    entries = [0, n - 1, n * n - 1, n * n // 2, n * n // 2 + 1, n * (n // 2 - 1) + n // 2, 3]
    table = torch.zeros(n * n, len(entries))
    table[entries, range(len(entries))] = torch.arange(1.0, 1 + len(entries))
    first, last = nn.Linear(2, 512), nn.Linear(512, len(entries), bias=False)
    fit_network(first, last, points, table)
    got = HIGHEST * torch.sigmoid(last(first(points).relu()))
    assert (got[table > 0] - table[table > 0]).abs().max() < 1e-3
    assert got[table == 0].max() < 0.0161  # 16 · 10⁻³, which stands for zero


def test_a_table_of_zeros_is_near_zero_everywhere():
    first, last = nn.Linear(2, 64), nn.Linear(64, 2, bias=False)
    fit_network(first, last, window(4), torch.zeros(49, 2))
    assert (HIGHEST * torch.sigmoid(last(first(window(4)).relu()))).max() < 0.0161


def test_what_the_network_cannot_do_says_so():
    with pytest.raises(HeadstartError, match="set to one offset per head; got a table with more"):
        fit_network(nn.Linear(2, 64), nn.Linear(64, 1, bias=False), window(2), torch.ones(9, 1))
    with pytest.raises(HeadstartError, match="has 8 hidden units, and its window needs 9"):
        fit_network(nn.Linear(2, 8), nn.Linear(8, 1, bias=False), window(2), torch.zeros(9, 1))
