import pytest
import torch
from torch import Tensor

from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.processes import Processes
from headstart.training.recorded import WARMUP, Recorded

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_steps_are_recorded_on_a_gpu_in_one_process_and_one_part() -> None:
    processes = Processes("auto")
    processes.device, processes_on_cpu = torch.device("cuda"), Processes("auto")
    assert processes.records(Recipe())
    assert not processes.records(Recipe(graph=False))
    assert not processes.records(Recipe(accumulate=2))
    processes_on_cpu.device = torch.device("cpu")
    assert not processes_on_cpu.records(Recipe())


def test_recording_is_no_part_of_a_config_unless_it_is_off() -> None:
    assert "graph" not in Recipe().portable()
    assert Recipe(graph=False).config_hash != Recipe().config_hash


@pytest.mark.gpu
@on_gpu
def test_every_call_does_what_the_function_does() -> None:
    total, made = torch.zeros(3, device="cuda"), []

    def function(x: Tensor, y: Tensor | None) -> tuple[Tensor, ...]:
        made.append(1)
        total.add_(x)
        assert y is None
        return (x * 2,)

    recorded = Recorded(function, "this")
    for number in range(1, 8):
        (doubled,) = recorded(torch.full((3,), float(number), device="cuda"), None)
        assert doubled.tolist() == [2.0 * number] * 3
    assert total.tolist() == [28.0] * 3
    assert len(made) == WARMUP + 1


@pytest.mark.gpu
@on_gpu
def test_random_numbers_are_those_of_the_global_state() -> None:
    recorded = Recorded(lambda x: (torch.rand_like(x),), "this")
    x, seen = torch.zeros(4, device="cuda"), []
    for _ in range(2 * WARMUP):
        torch.manual_seed(7)
        seen.append(recorded(x)[0].tolist())
    assert all(each == seen[0] for each in seen)
    torch.manual_seed(8)
    assert recorded(x)[0].tolist() != seen[0]


@pytest.mark.gpu
@on_gpu
def test_what_reads_from_the_device_is_told() -> None:
    recorded = Recorded(lambda x: (x * x.sum().item(),), "a training step")
    for _ in range(WARMUP):
        recorded(torch.ones(2, device="cuda"))
    with pytest.raises(
        HeadstartError, match=r"a training step can't be recorded as a CUDA graph \(.*--set graph=false"
    ):
        recorded(torch.ones(2, device="cuda"))
