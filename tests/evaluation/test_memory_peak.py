import pytest
import torch
from torch import nn

from headstart.evaluation.memory_peak import free_memory, held_by, memory_peak

CPU = torch.device("cpu")


def test_the_peak_is_where_two_layers_outputs_are_both_alive() -> None:
    model = nn.Sequential(nn.Linear(100, 400), nn.GELU(), nn.Linear(400, 10))
    images = torch.zeros(64, 100)
    with torch.no_grad():
        # The second layer's input and output, each 64 × 400 floats; all else is gone or smaller by then.
        assert memory_peak(lambda: model(images), CPU) == 2 * 64 * 400 * 4


def test_what_is_held_is_weights_buffers_and_images_each_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.BatchNorm1d(4))
    model[1].weight = model[0].weight
    assert held_by(model, torch.zeros(2, 4)) == 4 * (16 + 4 + 4 + 2 * 4 + 2 * 4 + 2 * 4) + 8  # + a count, int64


def test_messages_meanwhile_are_kept_and_the_profilers_marks_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    import os

    memory_peak(lambda: os.write(2, b"a warning\n"), CPU)
    assert capfd.readouterr().err == "a warning\n"


def test_free_memory_is_a_number_of_bytes() -> None:
    free = free_memory(CPU)
    assert free is None or free > 2**20
