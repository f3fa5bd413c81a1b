from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from headstart.data.decoding import BadImage, decode, read_header

Encoded = Callable[..., bytes]


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_an_image_of_the_right_size_keeps_its_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    decoded = decode(saved(Image.fromarray(pixels)), 9, grey=False)
    assert np.array_equal(decoded, pixels.transpose(2, 0, 1))


def test_a_larger_one_is_shrunk_and_its_middle_cut_out() -> None:
    # Left, middle and right third in three greys: the middle square is left.
    pixels = np.repeat(np.array([10, 128, 250], dtype=np.uint8), 20)[None].repeat(20, 0)
    content = saved(Image.fromarray(pixels))
    assert read_header(content).side == 20
    decoded = decode(content, 10, grey=True)
    assert decoded.shape == (1, 10, 10)
    assert abs(decoded[0, :, 2:8].astype(int) - 128).max() <= 2


def test_a_smaller_one_is_enlarged() -> None:
    assert decode(saved(Image.new("RGB", (3, 5), "red")), 8, grey=False)[:, 4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_undone(orientation: int) -> None:
    upright = np.zeros((6, 4), dtype=np.uint8)
    upright[0, 0], upright[0, 3], upright[5, 0] = 255, 128, 64
    # How a camera stores it, so that the operation of this number sets it upright.
    way = Image.Transpose
    back = (
        None, way.FLIP_LEFT_RIGHT, way.ROTATE_180, way.FLIP_TOP_BOTTOM, way.TRANSPOSE, way.ROTATE_90, way.TRANSVERSE,
        way.ROTATE_270,
    )[orientation - 1]  # fmt: skip
    stored = Image.fromarray(upright)
    stored = stored if back is None else stored.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for kind in ("PNG", "TIFF"):
        decoded = decode(saved(stored, kind, exif=exif), 4, grey=True)
        assert np.array_equal(decoded, decode(saved(Image.fromarray(upright)), 4, grey=True)), kind


def test_sixteen_bits_keep_their_full_range() -> None:
    pixels = np.array([[0, 257], [32_896, 65_535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        content = saved(Image.fromarray(pixels), kind)
        assert read_header(content).grey
        assert decode(content, 2, grey=True)[0].tolist() == [[0, 1], [128, 255]]
    with pytest.raises(BadImage, match="whole numbers from 0 to 70000, expected 0 to 65535"):
        decode(saved(Image.fromarray(np.array([[0, 70_000]], dtype=np.int32)), "TIFF"), 1, grey=True)


def test_floating_point_from_zero_to_one() -> None:
    content = saved(Image.fromarray(np.array([[0, 0.5], [1, 0.2]], dtype=np.float32)), "TIFF")
    assert decode(content, 2, grey=True)[0].tolist() == [[0, 128], [255, 51]]
    with pytest.raises(BadImage, match="floating-point pixels from 0 to 7, expected 0 to 1"):
        decode(saved(Image.fromarray(np.array([[0, 7]], dtype=np.float32)), "TIFF"), 1, grey=True)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "YCbCr", "LAB", "I;16", "I", "F"])
def test_any_mode_becomes_grey_or_colour(mode: str) -> None:
    numbers = {
        "I;16": np.full((4, 4), 30_000, "u2"),
        "I": np.full((4, 4), 30_000, "i4"),
        "F": np.full((4, 4), 0.4, "f4"),
    }
    image = Image.fromarray(numbers[mode]) if mode in numbers else Image.new(mode, (4, 4))
    assert image.mode == mode
    content = saved(image, "TIFF")
    assert decode(content, 4, grey=True).shape == (1, 4, 4)
    assert decode(content, 4, grey=False).shape == (3, 4, 4)


def test_transparency_shows_white() -> None:
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    assert decode(saved(image), 1, grey=False).shape == (3, 1, 1)
    wide = decode(saved(image.resize((4, 4), Image.Resampling.NEAREST)), 4, grey=False)
    assert wide[:, 0, 0].tolist() == [255, 255, 255]
    assert wide[:, 0, 3].tolist() == [255, 0, 0]
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([9, 9, 9])
    assert decode(saved(palette, transparency=0), 2, grey=False)[:, 0, 0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_a_cut_file_is_bad_and_so_is_an_empty_one(kind: str, encoded: Encoded) -> None:
    whole = encoded(0, (40, 40), kind=kind)
    assert decode(whole, 8, grey=False).shape == (3, 8, 8)
    with pytest.raises(BadImage):
        decode(whole[: len(whole) // 2], 8, grey=False)
    with pytest.raises(BadImage, match="the file is empty"):
        decode(b"", 8, grey=False)


def test_no_image_at_all() -> None:
    with pytest.raises(BadImage, match=r"no known image format \(it begins with 3c 68 74 6d\)"):
        read_header(b"<html>not found</html>")


def test_formats_that_run_programs_are_not_opened() -> None:
    """Pillow hands EPS to Ghostscript, whatever the file is called."""
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(BadImage, match=r"no known image format \(it begins with 25 21 50 53\)"):
        read_header(program)
