import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.state import RunState

CPU = torch.device("cpu")


def stepped(recipe: Recipe, seed: int, device: torch.device = CPU) -> RunState:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    average = copy.deepcopy(model)
    nn.init.constant_(average.weight, seed)
    return RunState({"model": model, "ema": average}, optimizer, recipe, 5, device)


def test_everything_comes_back_inside_a_pass(tiny: Recipe) -> None:
    state, other = stepped(tiny, 1), stepped(tiny, 2)
    state.history = [{"pass": 1}]
    state.backs = [{"step": 3}]
    state.begin_pass()
    order = torch.randperm(9, generator=state.order)
    with state.randomness():
        for value in (1.5, 2.5):
            torch.rand(3)
            torch.rand(2, generator=state.augmentation)
            state.count(torch.tensor(value), torch.tensor(4))
        tensors, meta = copy.deepcopy(state.tensors()), copy.deepcopy(state.meta())
        layers, augmentation = torch.rand(3), torch.rand(2, generator=state.augmentation)
    other.restore(Path("c"), tensors, meta)
    assert other.meta() == meta
    assert (other.step, other.done, other.number) == (7, 2, 2)
    assert torch.equal(torch.randperm(9, generator=other.order), order)
    with other.randomness():
        assert torch.equal(torch.rand(3), layers)
    assert torch.equal(torch.rand(2, generator=other.augmentation), augmentation)
    assert other.losses.tolist() == [1.5, 2.5, 0, 0, 0]
    assert (other.loss_sum.item(), other.correct.item()) == (4.0, 8.0)
    for kind in ("model", "ema"):
        for name, value in state.modules[kind].state_dict().items():
            assert torch.equal(other.modules[kind].state_dict()[name], value)
    for mine, theirs in zip(state.modules["model"].parameters(), other.modules["model"].parameters(), strict=True):
        assert all(
            torch.equal(value, other.optimizer.state[theirs][k]) for k, value in state.optimizer.state[mine].items()
        )


def test_a_checkpoint_before_the_first_step_clears_the_optimizer(tiny: Recipe) -> None:
    fresh = RunState({"model": nn.Linear(3, 2)}, torch.optim.AdamW(nn.Linear(3, 2).parameters()), tiny, 5, CPU)
    state = stepped(tiny, 1)
    state.modules.pop("ema")
    state.restore(Path("c"), fresh.tensors(), fresh.meta())
    assert not state.optimizer.state


def test_a_step_back_lowers_the_rate_to_a_third(tiny: Recipe) -> None:
    state = stepped(tiny, 1)
    rate = state.rate(3)
    state.backs = [{}, {}]
    assert state.rate(3) == pytest.approx(rate / 9)


def test_a_moment_inside_a_pass_on_another_device_is_refused(tiny: Recipe) -> None:
    state = stepped(tiny, 1)
    state.done = 1
    with pytest.raises(
        HeadstartError, match="c was made inside a pass on cuda, and this is cpu: go on there, or delete"
    ):
        state.restore(Path("c"), state.tensors(), {**state.meta(), "device": "cuda"})
    state.done = 0  # between passes there is nothing of the device in it
    state.restore(Path("c"), state.tensors(), {**state.meta(), "device": "cuda"})


def test_another_model_is_refused(tiny: Recipe) -> None:
    state = stepped(tiny, 1)
    tensors, meta = state.tensors(), state.meta()
    state.modules["model"] = nn.Linear(4, 2)
    with pytest.raises(HeadstartError, match=r"do not fit the model \(size mismatch"):
        state.restore(Path("c"), tensors, meta)
