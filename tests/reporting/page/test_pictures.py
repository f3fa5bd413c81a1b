import base64
import io

import pytest
import torch
from PIL import Image

from headstart.reporting.page.pictures import LARGEST, data_uri


@pytest.mark.parametrize(("shape", "mode"), [((1, 8, 6), "L"), ((3, 8, 6), "RGB"), ((5, 8, 6), "L")])
def test_small_pictures_keep_their_pixels(shape: tuple[int, int, int], mode: str) -> None:
    picture = torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    kind, content = data_uri(picture).split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert kind == "data:image/png" and image.mode == mode and image.size == (6, 8)
    if shape[0] == 3:
        assert image.getpixel((2, 5)) == tuple(picture[:, 5, 2].tolist())


def test_large_pictures_are_shrunk() -> None:
    uri = data_uri(torch.zeros(3, 600, 300, dtype=torch.uint8))
    image = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert uri.startswith("data:image/jpeg") and image.size == (LARGEST // 2, LARGEST)
