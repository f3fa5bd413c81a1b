from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from headstart.errors import HeadstartError
from headstart.training.checkpoint import (
    RefusedCheckpoint,
    encode_checkpoint,
    load_weights,
    read_checkpoint,
    read_meta,
    save_weights,
)

TENSORS = {"model.weight": torch.arange(6.0).view(2, 3), "model.bias": torch.ones(2), "random.order": torch.arange(3)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "c.safetensors"
    # Quotes and zeros in the JSON part must not be taken for the checksum's place.
    path.write_bytes(encode_checkpoint(TENSORS, {"history": [], "note": f'"sha256":"{"0" * 64}"'}, "abc"))
    return path


def test_tensors_and_meta_come_back(path: Path) -> None:
    tensors, meta = read_checkpoint(path, "abc")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert meta == read_meta(path)
    assert meta is not None
    assert meta["note"] == f'"sha256":"{"0" * 64}"'


def test_every_changed_byte_is_noticed(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(RefusedCheckpoint):
            read_checkpoint(path, "abc")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda raw: raw[:-1] + b"x", r"its content does not match its checksum \(\w{12} written, \w{12} found\)"),
        (lambda raw: raw[:-4], "does not match its checksum"),
        (lambda raw: raw + b"x", "does not match its checksum"),
        (lambda raw: raw[:30], "its header is no JSON: damaged, or no checkpoint"),
        (lambda raw: b"", "its header is no JSON"),
        (lambda raw: b"PK\x03\x04 a pickle of another program", "its header is no JSON"),
        (lambda raw: raw.replace(b'"sha256"', b'"sha257"'), r"checksum \(missing written"),
    ],
)
def test_a_damaged_file_is_refused_by_name_and_reason(path: Path, change: object, reason: str) -> None:
    path.write_bytes(change(path.read_bytes()))  # type: ignore[operator]
    with pytest.raises(RefusedCheckpoint, match=rf"c.safetensors is refused: .*{reason}"):
        read_checkpoint(path, "abc")


def test_foreign_files_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedCheckpoint, match=r"another run \(config hash abc, this one is xyz\)"):
        read_checkpoint(path, "xyz")
    save_file(TENSORS, tmp_path / "other.safetensors")
    for read in (read_checkpoint, read_meta):
        with pytest.raises(RefusedCheckpoint, match="a safetensors file, but no checkpoint of a run"):
            read(tmp_path / "other.safetensors")
        with pytest.raises(RefusedCheckpoint, match=r"it cannot be read \(.*No such file"):
            read(tmp_path / "missing.safetensors")


def test_a_checkpoint_from_before_checksums_is_read(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "old.safetensors", metadata={"headstart": '{"history": [{"pass": 1}]}'})
    assert read_checkpoint(tmp_path / "old.safetensors", "abc")[1] == {"history": [{"pass": 1}]}


def test_weights_are_found_in_both_kinds_of_file(path: Path, tmp_path: Path) -> None:
    model = nn.Linear(3, 2)
    load_weights(path, model)
    assert torch.equal(model.weight, TENSORS["model.weight"])
    save_weights(tmp_path / "w.safetensors", model)
    other = nn.Linear(3, 2)
    load_weights(tmp_path / "w.safetensors", other)
    assert torch.equal(other.weight, model.weight)
    with pytest.raises(HeadstartError, match=r"the weights of c.safetensors do not fit the model \(size mismatch"):
        load_weights(path, nn.Linear(4, 2))
