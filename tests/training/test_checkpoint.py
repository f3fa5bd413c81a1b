from pathlib import Path

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.training import checkpoint
from headstart.training.checkpoint import load_checkpoint, load_weights, save_checkpoint, write_json


def stepped(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    return model, optimizer


def test_model_optimizer_and_meta_come_back(tmp_path: Path) -> None:
    model, optimizer = stepped(0)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {"history": [{"pass": 1}]})
    other, other_optimizer = stepped(1)
    meta = load_checkpoint(tmp_path / "c.safetensors", other, other_optimizer)
    assert meta == {"history": [{"pass": 1}]}
    for mine, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)
        state, other_state = optimizer.state[mine], other_optimizer.state[theirs]
        assert state.keys() == other_state.keys()
        assert all(torch.equal(state[key], other_state[key]) for key in state)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.safetensors"
    model, optimizer = stepped(0)
    save_checkpoint(path, model, optimizer, {})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(HeadstartError, match=r"c.safetensors cannot be read .*; delete it"):
        load_checkpoint(path, model, optimizer)


def test_weights_of_another_model_are_refused(tmp_path: Path) -> None:
    model, optimizer = stepped(0)
    save_checkpoint(tmp_path / "c.safetensors", model, optimizer, {})
    with pytest.raises(HeadstartError, match=r"the weights of c.safetensors do not fit the model \(size mismatch"):
        load_weights(tmp_path / "c.safetensors", nn.Linear(4, 2))


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "a.json", {"old": 1})

    def full_disk(_file: int) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_json(tmp_path / "a.json", {"new": 2})
    assert (tmp_path / "a.json").read_text() == '{\n "old": 1\n}\n'
