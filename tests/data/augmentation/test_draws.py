from __future__ import annotations

import pytest
import torch

from headstart.data import Augmentation, Draws
from headstart.errors import HeadstartError

SHAPE = (3, 8, 10)
ALL = Augmentation(crop=2, flip=True, erase=0.5, mixup=0.8, cutmix=1.0)


def drawn(count: int = 6, seed: int = 0) -> Draws:
    return ALL.draw(count, SHAPE, torch.Generator().manual_seed(seed))


def test_the_same_state_gives_the_same_draws_and_moves_on() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = ALL.draw(6, SHAPE, generator), ALL.draw(6, SHAPE, generator)
    assert torch.equal(first.table, drawn().table)
    assert not torch.equal(first.table, second.table)


def test_the_global_random_state_is_left_alone() -> None:
    before = torch.get_rng_state()
    drawn()
    assert torch.equal(torch.get_rng_state(), before)


def test_rows_are_taken_by_slice_and_by_index() -> None:
    draws = drawn()
    assert len(draws[2:5]) == 3
    assert torch.equal(draws[2:5].integers("offset"), draws.integers("offset")[2:5])
    assert torch.equal(draws[torch.tensor([4, 1])].table, draws.table[[4, 1]])


def test_real_numbers_come_back_as_float32() -> None:
    values = torch.tensor([[0.1, -2.5]], dtype=torch.float64)
    assert torch.equal(Draws.of({"x": values}, SHAPE).numbers("x"), values.float())


def test_no_choices_still_have_a_length() -> None:
    draws = Augmentation().draw(5, SHAPE, torch.Generator())
    assert len(draws) == 5 and len(draws[:2]) == 2


def test_moved_they_are_the_same() -> None:
    assert drawn().to("meta").table.device.type == "meta"
    assert torch.equal(drawn().to("cpu", non_blocking=True).table, drawn().table)


def test_they_say_what_they_expect() -> None:
    with pytest.raises(HeadstartError, match=r"these draws hold no 'box', only offset, .*: they are of another"):
        drawn().integers("box")


@pytest.mark.gpu
def test_they_are_the_same_on_a_gpu() -> None:
    assert torch.equal(drawn().to("cuda", non_blocking=True).table.cpu(), drawn().table)
