import pytest
import torch
from torch import Tensor


def photo_like(count: int, pixels: int) -> Tensor:
    """Noise with the spectrum of photographs, uint8 (count, 3, pixels, pixels)."""
    generator = torch.Generator().manual_seed(pixels)
    noise = torch.randn(count, 3, pixels, pixels, generator=generator, dtype=torch.float64)
    noise[:, 1:] = 0.8 * noise[:, :1] + 0.6 * noise[:, 1:]  # channels that have much in common
    k = torch.hypot(*torch.meshgrid(torch.fft.fftfreq(pixels), torch.fft.rfftfreq(pixels), indexing="ij"))
    k[0, 0] = torch.inf
    images = torch.fft.irfft2(torch.fft.rfft2(noise) / k, s=(pixels, pixels))
    images = 0.5 + 0.2 * images / images.std((2, 3), keepdim=True)
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


@pytest.fixture(scope="session")
def photos() -> Tensor:
    return photo_like(64, 32)


@pytest.fixture(scope="session")
def large_photos() -> Tensor:
    return photo_like(2, 224)
