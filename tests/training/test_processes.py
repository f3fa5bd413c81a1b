import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training.processes import Processes


def alone(count: int = 1, rank: int = 0) -> Processes:
    processes = Processes("float32")
    processes.count, processes.rank = count, rank
    return processes


def test_without_a_gpu_training_is_in_float32_on_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU has bfloat16")
    for precision in ("auto", "float32"):
        processes = Processes(precision)
        assert processes.device.type == "cpu"
        assert processes.accelerator.mixed_precision == "no"
    with pytest.raises(HeadstartError, match="'bfloat16' needs a CUDA GPU; use --set precision=auto or float32"):
        Processes("bfloat16")


def test_a_single_process_agrees_with_itself() -> None:
    processes = alone()
    processes.wait()
    assert processes.first
    assert processes.largest(3, 0) == [3, 0]
    values = torch.tensor([1.0, 2.0])
    assert torch.equal(processes.sum(values), values)
    assert torch.equal(processes.mean(values), values)
    assert [rows.tolist() for rows in processes.mine(4, 2)] == [[0, 1], [2, 3]]


@pytest.mark.parametrize(("count", "parts"), [(1, 1), (2, 1), (1, 3), (2, 3), (4, 2)])
def test_the_pieces_of_all_processes_make_up_the_batch_in_order(count: int, parts: int) -> None:
    pieces = [alone(count, rank).mine(24, parts) for rank in range(count)]
    assert all(len(piece) == parts for piece in pieces)
    together = torch.cat([torch.cat([piece[part] for piece in pieces]) for part in range(parts)])
    assert together.tolist() == list(range(24))


def test_a_batch_that_can_not_be_cut_is_refused() -> None:
    with pytest.raises(HeadstartError, match=r"batch of 50 images .* for 4 processes; use --set batch_size=48, for ex"):
        alone(4).mine(50, 1)
    with pytest.raises(HeadstartError, match="for 2 processes × 3 parts; use --set batch_size=6,"):
        alone(2).mine(5, 3)
