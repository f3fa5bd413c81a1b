import pytest
import torch
from torch import nn

from headstart.methods import alignment
from headstart.methods.alignment import Twins, aligned


def test_what_opposes_is_taken_out_and_nothing_else() -> None:
    main = [torch.tensor([1.0, 0.0])]
    assert aligned([torch.tensor([-2.0, 3.0])], main)[0].tolist() == [0.0, 3.0]
    assert aligned([torch.tensor([2.0, 3.0])], main)[0].tolist() == [2.0, 3.0]
    assert aligned([torch.tensor([2.0, 3.0])], [torch.zeros(2)])[0].tolist() == [2.0, 3.0]


def test_all_tensors_are_one_vector() -> None:
    main, other = [torch.tensor([1.0]), torch.tensor([[1.0]])], [torch.tensor([-3.0]), torch.tensor([[1.0]])]
    # ⟨g_A, g_V⟩ = −2, ⟨g_V, g_V⟩ = 2: one g_V is added
    assert [each.item() for each in aligned(other, main)] == [-2.0, 2.0]
    # The tensors one by one would give (0, 1).
    assert sum((a * v).sum() for a, v in zip(aligned(other, main), main, strict=True)).item() == 0.0


def test_a_twin_shares_memory_and_keeps_its_gradient_apart() -> None:
    weight = nn.Parameter(torch.tensor([1.0, 2.0]))
    twins = Twins([weight])
    (weight * torch.tensor([1.0, 0.0])).sum().backward()
    (twins.twins[0] * torch.tensor([-2.0, 3.0])).sum().backward()
    (twins.twins[0] * torch.tensor([0.0, 1.0])).sum().backward()  # a second part of the batch
    assert weight.grad is not None and weight.grad.tolist() == [1.0, 0.0]
    twins.combine()
    assert weight.grad.tolist() == [1.0, 4.0] and twins.twins[0].grad is None
    with torch.no_grad():
        weight.add_(1)  # an optimizer's step
    assert twins.twins[0].tolist() == [2.0, 3.0]
    twins.combine()
    assert weight.grad.tolist() == [1.0, 4.0]  # nothing more to add


def test_twins_are_made_anew_where_a_parameter_has_moved() -> None:
    weight = nn.Parameter(torch.ones(2))
    twins = Twins([weight])
    first = twins.twins[0]
    twins.refresh()
    assert twins.twins[0] is first
    weight.data = torch.full((2,), 5.0)
    twins.refresh()
    assert twins.twins[0] is not first and twins.twins[0].tolist() == [5.0, 5.0]


def test_gradients_are_averaged_over_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(tensor: torch.Tensor) -> None:
        tensor += torch.tensor([4.0, 0.0])  # the other process's

    for name, found in (("is_initialized", lambda: True), ("get_world_size", lambda: 2), ("all_reduce", twice)):
        monkeypatch.setattr(alignment.distributed, name, found)
    weight = nn.Parameter(torch.zeros(2))
    twins = Twins([weight])
    weight.grad, twins.twins[0].grad = torch.tensor([1.0, 1.0]), torch.tensor([2.0, 2.0])
    twins.combine()
    assert weight.grad.tolist() == [1.0 + 3.0, 1.0 + 1.0]
