import pytest
import torch


@pytest.fixture
def images() -> torch.Tensor:
    """Textured stand-ins for photographs: smooth noise, different in every image; (96, 3, 32, 32)."""
    generator = torch.Generator().manual_seed(5)
    coarse = torch.randn(96, 3, 10, 10, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=32, mode="bicubic")
    return smooth + 0.2 * torch.randn(96, 3, 32, 32, generator=generator)


@pytest.fixture
def seeded():
    return lambda seed=0: torch.Generator().manual_seed(seed)
