from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from headstart import create_vit, load
from headstart.errors import HeadstartError
from headstart.training import Recipe
from headstart.training.checkpoint import encode_checkpoint
from headstart.training.exported import is_exported, load_exported, save_exported, without_places
from headstart.training.facts import Facts

FACTS = Facts(("cat", "dog"), (3, 8, 8), (0.5,) * 3, (0.25,) * 3, 1.5, 10, (0.7, 0.6), (0.1, 0.05), 0.8)
RECIPE = Recipe(dataset="/home/somebody/pets", width=12, depth=1, heads=3)


def test_one_file_holds_all_that_it_takes(tmp_path: Path) -> None:
    file = tmp_path / "headstart.safetensors"
    model = create_vit(width=12, depth=1, heads=3, image_size=8, num_classes=2)
    save_exported(file, RECIPE, FACTS, model)
    recipe, facts, back = load_exported(file)
    assert (recipe.dataset, recipe.config_hash, facts) == ("pets", RECIPE.config_hash, FACTS)
    assert b"somebody" not in file.read_bytes()
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in back.state_dict().items())
    assert is_exported(file)
    assert is_exported(tmp_path)
    image = torch.zeros(3, 8, 8, dtype=torch.uint8)
    assert load(file).predict(image) == load(tmp_path).predict(image)


def test_other_damaged_and_newer_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "headstart.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(HeadstartError, match=r"has weights, but not what it takes to use them; expected a headstart"):
        load(file)
    save_exported(file, RECIPE, FACTS, create_vit(width=12, depth=1, heads=3, image_size=8, num_classes=2))
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(HeadstartError, match="its content does not match its checksum"):
        load(file)
    monkeypatch.setattr("headstart.training.checkpoint.FORMAT", 2)
    file.write_bytes(encode_checkpoint({}, {}, "0"))
    monkeypatch.undo()
    with pytest.raises(HeadstartError, match=r"a newer headstart wrote it \(format 2, this version reads up to 1\)"):
        load(file)
    with pytest.raises(HeadstartError, match="it cannot be read"):
        load(tmp_path / "nowhere.safetensors")


def test_where_a_teacher_lay_is_not_told() -> None:
    recipe = Recipe(methods=("slim:teacher=/home/me/runs/big:keep=0.5", "drloc:weight=0.1", "slim:teacher=runs/big"))
    assert without_places(recipe)["methods"] == [
        "slim:teacher=big:keep=0.5",
        "drloc:weight=0.1",
        "slim:teacher=runs/big",
    ]
    assert "methods" not in without_places(Recipe())
