import copy
from pathlib import Path

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.processes import Processes
from headstart.training.state import RunState


def stepped(recipe: Recipe, seed: int) -> RunState:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = RunState(model, [optimizer], recipe, 5, Processes("float32"))
    if state.average is not None:
        nn.init.constant_(state.average.weight, seed)
    return state


@pytest.fixture
def averaging(tiny: Recipe) -> Recipe:
    return tiny.override(["ema=0.9"])


def test_everything_comes_back_inside_a_pass(averaging: Recipe) -> None:
    state, other = stepped(averaging, 1), stepped(averaging, 2)
    state.history = [{"pass": 1}]
    state.backs = [{"step": 3}]
    state.begin_pass()
    for value in (1.5, 2.5):
        state.count(torch.tensor(value), torch.tensor(4))
    tensors, meta = copy.deepcopy(state.tensors()), copy.deepcopy(state.meta())
    other.restore(Path("c"), tensors, meta)
    assert other.meta() == meta
    assert (other.step, other.done, other.number) == (7, 2, 2)
    assert other.losses.tolist() == [1.5, 2.5, 0, 0, 0]
    assert other.correct.item() == 8
    for mine, theirs in ((state.model, other.model), (state.average, other.average)):
        for name, value in mine.state_dict().items():
            assert torch.equal(theirs.state_dict()[name], value)
    moments = [s.optimizers[0].state for s in (state, other)]
    for mine, theirs in zip(state.model.parameters(), other.model.parameters(), strict=True):
        assert all(torch.equal(value, moments[1][theirs][key]) for key, value in moments[0][mine].items())


def test_the_average_is_what_is_evaluated_and_kept(tiny: Recipe, averaging: Recipe) -> None:
    plain, state = stepped(tiny, 1), stepped(averaging, 1)
    assert plain.final is plain.model
    assert state.final is state.average
    before = state.average.weight.clone()
    state.count(torch.tensor(1.0), torch.tensor(1))
    torch.testing.assert_close(state.average.weight, before.lerp(state.model.weight, 1 - 0.1))
    assert {name for name in state.tensors() if name.startswith("ema.")} == {"ema.weight", "ema.bias"}


def test_a_checkpoint_before_the_first_step_clears_the_optimizer(tiny: Recipe) -> None:
    model = nn.Linear(3, 2)
    fresh = RunState(model, [torch.optim.AdamW(model.parameters())], tiny, 5, Processes("float32"))
    state = stepped(tiny, 1)
    state.restore(Path("c"), fresh.tensors(), fresh.meta())
    assert not state.optimizers[0].state


def test_only_its_own_moments_are_touched_in_an_optimizer_of_several_runs(tiny: Recipe) -> None:
    models = [nn.Linear(3, 2) for _ in range(2)]
    joint = torch.optim.AdamW([p for model in models for p in model.parameters()])
    for model in models:
        model(torch.ones(1, 3)).sum().backward()
    joint.step()
    states = [RunState(model, [joint], tiny, 5, Processes("float32")) for model in models]
    assert sum(name.startswith("optimizer.") for name in states[0].tensors()) == 2 * 3
    other = copy.deepcopy([joint.state[p] for p in models[1].parameters()])
    states[0].restore(Path("c"), {f"model.{k}": v for k, v in models[0].state_dict().items()}, states[0].meta())
    assert not any(p in joint.state for p in models[0].parameters())
    for parameter, moments in zip(models[1].parameters(), other, strict=True):
        assert all(torch.equal(joint.state[parameter][key], value) for key, value in moments.items())


def test_a_step_back_lowers_the_rate_to_a_third(tiny: Recipe) -> None:
    state = stepped(tiny, 1)
    rate = state.rate(3)
    state.backs = [{}, {}]
    assert state.rate(3) == pytest.approx(rate / 9)
    state.set_rate()
    assert state.optimizers[0].param_groups[0]["lr"] == state.rate(0)


def test_another_model_is_refused(tiny: Recipe) -> None:
    state = stepped(tiny, 1)
    tensors, meta = state.tensors(), state.meta()
    state.model = nn.Linear(4, 2)
    with pytest.raises(HeadstartError, match=r"do not fit the model \(size mismatch"):
        state.restore(Path("c"), tensors, meta)
