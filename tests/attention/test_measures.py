import math

import torch

from headstart.attention import entropy, offset_of, offset_profile, shift_targets, target_mass


def one_hot(targets, size):
    return torch.nn.functional.one_hot(targets.clamp(min=0), size).float()


def test_targets_of_a_shift_by_hand():
    # 0 1 2
    # 3 4 5   looking one up and one right
    assert shift_targets((2, 3), torch.tensor([[-1, 1]])).tolist() == [[-1, -1, -1, 1, 2, -1]]
    assert shift_targets((2, 3), torch.tensor([[0, 0]])).tolist() == [[0, 1, 2, 3, 4, 5]]


def test_mass_counts_only_rows_whose_target_lies_in_the_grid():
    targets = shift_targets((2, 3), torch.tensor([[-1, 1]]))
    attention = torch.full((1, 6, 6), 0.1)
    attention[0, 3, 1], attention[0, 4, 2], attention[0, 0, 0] = 0.5, 0.7, 1.0
    assert target_mass(attention, targets).tolist() == [0.6000000238418579]
    padded = torch.zeros(1, 8, 8)  # two prefix tokens in front
    padded[:, 2:, 2:] = attention
    assert target_mass(padded, targets, prefix=2).tolist() == [0.6000000238418579]


def test_entropy_of_uniform_and_of_one_hot_rows():
    assert entropy(torch.full((2, 1, 9, 9), 1 / 9)).item() == torch.tensor(math.log(9)).item()
    assert entropy(torch.eye(9)[None, None]).item() == 0


def test_the_offset_with_most_attention_is_found():
    offsets = torch.tensor([[0, 0], [-1, 2], [1, -1]])
    targets = shift_targets((5, 6), offsets)
    maps = one_hot(targets, 30) * 0.6 + 0.4 / 30
    assert offset_of(maps, (5, 6)).tolist() == offsets.tolist()


def test_an_offset_that_one_row_can_reach_does_not_win_by_chance():
    maps = torch.full((1, 16, 16), 1 / 32)
    maps[0, 0, 15] = 0.5  # corner to corner: offset (3, 3), one row
    maps[0].diagonal().add_(0.1)
    assert offset_of(maps, (4, 4)).tolist() == [[0, 0]]


def test_profile_is_the_mean_over_rows_that_reach_an_offset():
    maps = one_hot(shift_targets((3, 4), torch.tensor([[1, 0]])), 12)
    profile = offset_profile(maps, (3, 4))
    assert profile.shape == (1, 5, 7)
    assert profile[0, 3, 3] == 1  # centre (2, 3), one row down
    assert profile[0].sum() > 1  # rows without a target look at patch 0 here
