from pathlib import Path
from typing import Any

import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training.kept import Kept, newest_pass


def moment(*scores: float, done: int = 0) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    return {"model.w": torch.tensor(scores)}, {"history": [{"val_accuracy": s} for s in scores], "done": done}


def found(kept: Kept, **options: bool) -> str:
    newest = kept.newest(**options)
    assert newest is not None
    return newest[0].name


def test_last_previous_and_best_are_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "abc")
    assert kept.newest() is None
    for count in range(4):
        kept.save_pass(*moment(*[0.5, 0.7, 0.7][:count]))
    passes = {path.name: len(Kept(tmp_path, "abc")._read(path)[2]["history"]) for path in tmp_path.iterdir()}
    assert passes == {"checkpoint.safetensors": 3, "checkpoint-previous.safetensors": 2, "best.safetensors": 2}
    assert found(kept) == "checkpoint.safetensors"
    assert newest_pass(tmp_path) == tmp_path / "checkpoint.safetensors"


def test_a_moment_inside_a_pass_is_newer_until_the_pass_is_over(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "abc")
    kept.save_pass(*moment())
    assert newest_pass(tmp_path) is None
    kept.save_inside(*moment(done=2))
    kept.save_inside(*moment(done=3))
    assert found(kept) == "checkpoint-inside.safetensors"
    assert found(kept, inside=False) == "checkpoint.safetensors"
    assert kept.last_good() == f"{tmp_path / 'checkpoint-inside.safetensors'} (0 passes done and 3 steps)"
    inside = (tmp_path / "checkpoint-inside.safetensors").read_bytes()
    kept.save_pass(*moment(0.5))
    assert not (tmp_path / "checkpoint-inside.safetensors").exists()
    (tmp_path / "checkpoint-inside.safetensors").write_bytes(inside)  # killed before it was removed
    assert found(kept) == "checkpoint.safetensors"
    (tmp_path / "checkpoint.safetensors").unlink()  # killed between the two renames, the best written before
    assert found(kept) == "best.safetensors"


def test_the_one_before_a_refused_one_is_offered(tmp_path: Path) -> None:
    kept = Kept(tmp_path, "abc")
    for count in range(4):
        kept.save_pass(*moment(*[0.9, 0.5, 0.4][:count]))
    last, previous, best = (tmp_path / f"{name}.safetensors" for name in ("checkpoint", "checkpoint-previous", "best"))
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(HeadstartError) as error:
        kept.newest()
    assert str(error.value).startswith(f"{last} is refused: its content does not match its checksum (")
    assert str(error.value).endswith(
        " The one before it, checkpoint-previous.safetensors (2 passes done), is whole: "
        "delete checkpoint.safetensors, and the same command goes on from there."
    )
    previous.write_bytes(b"")
    with pytest.raises(HeadstartError, match=r"is refused: .*The one before it, best.safetensors"):
        kept.newest()
    best.unlink()
    with pytest.raises(HeadstartError, match=r"is refused: .* Delete it, and the same command starts the run over"):
        kept.newest()
    previous.unlink()
    last.unlink()
    assert kept.newest() is None


def test_one_of_another_run_is_refused_and_the_one_before_it_offered(tmp_path: Path) -> None:
    Kept(tmp_path, "abc").save_pass(*moment(0.5))
    Kept(tmp_path, "other").save_inside(*moment(0.5, done=1))
    with pytest.raises(
        HeadstartError, match=r"inside.safetensors is refused: it belongs to another run .*The one before"
    ):
        Kept(tmp_path, "abc").newest()
