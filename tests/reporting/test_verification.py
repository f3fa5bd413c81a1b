"""The pictures of verification are written, with ties, with single points, and for several seeds."""

from pathlib import Path

import torch

from headstart.evaluation.verification import Swept, det_curve, measure
from headstart.reporting.verification import draw_det, draw_layers

GENUINE = torch.arange(3000) < 1000


def scores(shift: float) -> torch.Tensor:
    return torch.randn(3000, generator=torch.Generator().manual_seed(0)) + shift * GENUINE


def test_det_curves_are_drawn(tmp_path: Path) -> None:
    curves = {
        "near": det_curve(scores(1.0), GENUINE),
        "perfect": det_curve(GENUINE.float(), GENUINE),
        "blind": det_curve(torch.zeros(3000), GENUINE),
    }
    path = draw_det(curves, tmp_path / "det.png", "Three of them")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_the_sweep_is_drawn(tmp_path: Path) -> None:
    def swept(seed: float) -> list[Swept]:
        return [
            Swept(f"blocks.{k}", k, "mean", distance, measure(scores(1 + k + seed), GENUINE))
            for k in range(3)
            for distance in ("cosine", "chi2")
        ]

    found = {"three": [swept(0.0), swept(0.1)], "one layer": [swept(0.0)[:1]]}
    assert draw_layers(found, tmp_path / "layers.png", "By layer").read_bytes().startswith(b"\x89PNG")
