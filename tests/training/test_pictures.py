from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from headstart.data.decoding import decode
from headstart.errors import HeadstartError
from headstart.training.pictures import one_by_one, read_picture

COLOUR = np.random.default_rng(0).integers(0, 256, (12, 9, 3), dtype=np.uint8)


def test_every_kind_of_image_gives_the_pixels_of_training(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    Image.fromarray(COLOUR).save(path)
    for channels in (1, 3):
        expected = torch.from_numpy(decode(path.read_bytes(), 8, grey=channels == 1).copy())
        tensor = torch.from_numpy(COLOUR)
        for image in (path, str(path), Image.open(path), COLOUR, tensor, tensor.permute(2, 0, 1)):
            found = read_picture(image, (channels, 8, 8))
            assert found.dtype == torch.uint8
            assert torch.equal(found, expected)


def test_an_image_of_the_right_size_keeps_its_pixels() -> None:
    pixels = torch.from_numpy(COLOUR[:8, :8]).permute(2, 0, 1)
    assert torch.equal(read_picture(pixels, (3, 8, 8)), pixels)
    assert torch.equal(read_picture(pixels[0], (1, 8, 8)), pixels[:1])
    assert torch.equal(read_picture(pixels[:1], (1, 8, 8)), pixels[:1])


def test_one_and_many_are_told_apart() -> None:
    assert len(one_by_one("a.jpg")) == 1
    assert len(one_by_one(COLOUR)) == 1
    assert len(one_by_one(torch.zeros(5, 3, 8, 8))) == 5
    assert len(one_by_one(["a.jpg", COLOUR])) == 2


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    shape = (3, 8, 8)
    with pytest.raises(HeadstartError, match=r"text.jpg can't be used as an image: no known image format"):
        read_picture(text, shape)
    picture = tmp_path / "cut.jpg"
    Image.fromarray(COLOUR).save(picture)
    picture.write_bytes(picture.read_bytes()[:-40])
    with pytest.raises(HeadstartError, match=r"cut.jpg can't be used as an image: [^.]*[^.]\.$"):
        read_picture(picture, shape)
    with pytest.raises(HeadstartError, match=r"there is no .*nothing.png: expected an image file"):
        read_picture(tmp_path / "nothing.png", shape)
    with pytest.raises(HeadstartError, match=r"is a folder: expected an image; list the files in it"):
        read_picture(tmp_path, shape)
    with pytest.raises(HeadstartError, match=r"expected pixels as uint8, 0 to 255, got float32 of shape \(3, 8, 8\)"):
        read_picture(torch.zeros(3, 8, 8), shape)
    with pytest.raises(HeadstartError, match=r"expected pixels of shape .* got \(2, 8, 8\)"):
        read_picture(np.zeros((2, 8, 8), np.uint8), shape)
    with pytest.raises(HeadstartError, match="expected an image, got a int: hand in a path"):
        one_by_one(3)  # type: ignore[arg-type]
    with pytest.raises(HeadstartError, match="expected an image, got a NoneType"):
        read_picture(None, shape)  # type: ignore[arg-type]
