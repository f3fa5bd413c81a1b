from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from headstart.data.formats.npz import read_npz
from headstart.errors import HeadstartError


def arrays(colour: bool = False) -> dict[str, np.ndarray]:
    made = {}
    for count, part in enumerate(("train", "val", "test"), start=2):
        shape = (count, 4, 5, 3) if colour else (count, 4, 5)
        made[f"{part}_images"] = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
        made[f"{part}_labels"] = np.arange(count)[:, None]
    return made


def test_grey_and_colour(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", **arrays())
    np.savez_compressed(tmp_path / "colour.npz", **arrays(colour=True))
    grey, colour = read_npz(tmp_path / "grey.npz"), read_npz(tmp_path / "colour.npz")
    assert grey["val"].images.shape == (3, 1, 4, 5) and colour["test"].images.shape == (4, 3, 4, 5)
    assert colour["train"].images[1, 2, 3, 4] == arrays(colour=True)["train_images"][1, 3, 4, 2]
    assert grey["test"].labels.tolist() == [0, 1, 2, 3]


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "executed",))

    np.savez(tmp_path / "a.npz", **{**arrays(), "train_labels": np.array([Trap(), Trap()], dtype=object)})
    with pytest.raises(HeadstartError, match=r"a\.npz could not be read \(Object arrays cannot be loaded"):
        read_npz(tmp_path / "a.npz")
    assert not (tmp_path / "executed").exists()


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    lacking = arrays()
    del lacking["val_labels"]
    np.savez(file, **lacking)
    with pytest.raises(HeadstartError, match=r"a\.npz lacks an array \(val_labels.*\): expected train, val and test"):
        read_npz(file)
    np.savez(file, **{**arrays(), "train_labels": np.zeros((2, 14))})
    with pytest.raises(HeadstartError, match=r"labels of shape \(2, 14\) for 2 images: only one label for each"):
        read_npz(file)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(HeadstartError, match=r"a\.npz could not be read .*: delete it and load again"):
        read_npz(file)
    file.write_bytes(b"")
    with pytest.raises(HeadstartError, match=r"a\.npz could not be read"):
        read_npz(file)
