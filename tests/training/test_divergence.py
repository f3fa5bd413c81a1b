import math

import pytest
import torch
from torch import nn

from headstart.training.divergence import Diverged, check_losses, check_weights


def test_healthy_losses_pass() -> None:
    check_losses(torch.zeros(0), 10)
    check_losses(torch.full((100,), 2.4), 10)
    spike = torch.full((100,), 2.4)
    spike[50:53] = 50  # a few bad steps are no divergence
    check_losses(spike, 10)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_the_first_loss_that_is_no_number_is_named(bad: float) -> None:
    losses = torch.ones(30)
    losses[7] = losses[9] = bad
    with pytest.raises(Diverged, match=f"the loss is {bad}") as error:
        check_losses(losses, 10)
    assert error.value.index == 7


def test_divergence_is_found_at_the_same_step_whenever_one_looks() -> None:
    losses = torch.full((100,), 2.3)
    losses[40:] = 12.0
    losses[90] = math.nan
    found = []
    for length in range(101):
        try:
            check_losses(losses[:length], 10)
        except Diverged as error:
            found.append((error.index, error.what))
    # The mean of 20 passes 5·log 10 = 11.51 when all but the first of them are 12.
    what = "the loss diverges: its mean over 20 steps is 11.5, and guessing has 2.3"
    assert set(found) == {(58, what)}
    assert len(found) == 101 - 59


def test_losses_of_earlier_passes_count_for_the_mean_and_not_for_the_step() -> None:
    losses = torch.full((21,), 12.0)
    check_losses(losses[:19], 10, earlier=19)
    with pytest.raises(Diverged, match="diverges") as error:
        check_losses(losses, 10, earlier=19)
    assert error.value.index == 0
    losses[20] = math.nan
    with pytest.raises(Diverged, match="the loss is nan") as error:
        check_losses(losses[2:], 10, earlier=17)
    assert error.value.index == 1


def test_weights_that_are_no_numbers_are_found() -> None:
    model = nn.BatchNorm1d(3)
    check_weights(model, 4)
    model.running_var[1] = math.inf
    with pytest.raises(Diverged, match="the weights are no longer finite") as error:
        check_weights(model, 4)
    assert error.value.index == 4
