import gc
import weakref
from collections.abc import Callable

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.build import build_dataset, build_model
from headstart.training.memory import largest_fitting, names_fitting_batch, try_evaluation, try_step


@pytest.fixture(autouse=True)
def no_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that pytest has imported is slow to search; and nothing here may stand on it."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


def memory_for(most: int) -> Callable[[int], None]:
    def attempt(batch_size: int) -> None:
        if batch_size > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    return attempt


@pytest.mark.parametrize("most", [1, 2, 3, 7, 50, 63, 64, 100, 127])
def test_a_batch_size_near_the_largest_is_found(most: int) -> None:
    found = largest_fitting(memory_for(most), 128)
    assert found is not None
    assert most / (1 + 1 / 8) - 1 <= found <= most
    assert largest_fitting(memory_for(0), 128) is None


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("[...] can't allocate memory: you tried")]
)
def test_the_message_names_what_fits(error: RuntimeError) -> None:
    with pytest.raises(HeadstartError) as told, names_fitting_batch("batch_size", 128, memory_for(40)):
        raise error
    assert str(told.value) == (
        "batch_size 128 does not fit in memory; 40 fits: --set batch_size=40, with another --out."
    )
    hopeless = "not even 1 at a time does; use a smaller model or a device with more memory"
    with pytest.raises(HeadstartError, match=hopeless), names_fitting_batch("batch_size", 128, memory_for(0)):
        raise error


def test_smaller_parts_of_the_same_batch_are_another_way_out() -> None:
    told = pytest.raises(HeadstartError)
    with told as error, names_fitting_batch("batch_size", 128, memory_for(40), pieces=6, accumulate=3):
        raise torch.OutOfMemoryError
    assert str(error.value) == (
        "batch_size 768 does not fit in memory; 240 fits: --set batch_size=240, or --set accumulate=12 for the same "
        "batch in smaller parts, with another --out."
    )


def test_other_errors_pass() -> None:
    with pytest.raises(RuntimeError, match="shape"), names_fitting_batch("batch_size", 8, memory_for(1)):
        raise RuntimeError("shape")


def test_what_the_failed_step_held_is_let_go_before_trying() -> None:
    held: list[weakref.ref[torch.Tensor]] = []

    def step() -> None:
        logits = torch.zeros(3)
        held.append(weakref.ref(logits))
        raise torch.OutOfMemoryError

    def attempt(_batch_size: int) -> None:
        assert held[0]() is None

    told = pytest.raises(HeadstartError, match="4 does not fit in memory; 3 fits")
    with told, names_fitting_batch("batch_size", 4, attempt):
        step()


def test_attempts_need_what_the_real_thing_needs_and_learn_nothing(tiny: Recipe) -> None:
    dataset = build_dataset(tiny)
    model = build_model(tiny, dataset)
    optimizers = [torch.optim.AdamW(model.parameters())]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sizes: list[tuple[int, bool, bool]] = []

    def note(_module: nn.Module, _inputs: object, logits: torch.Tensor) -> None:
        sizes.append((len(logits), model.training, logits.requires_grad))

    model.register_forward_hook(note)
    try_step(model, optimizers, dataset, 5)
    try_evaluation(model, dataset, 7)
    assert sizes == [(5, True, True), (7, False, False)]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
