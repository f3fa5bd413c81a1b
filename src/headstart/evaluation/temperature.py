"""Temperature scaling: one number that makes a model as sure as it is right."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from headstart.errors import HeadstartError

__all__ = ["fit_temperature"]

COLDEST, HOTTEST = 0.1, 10.0


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The T for which softmax(z / T) gives the labels the highest likelihood (1706.04599).

    T = argmin Σ_i −log softmax(z_i / T)[y_i]. In β = 1/T the sum is convex, with the slope
    Σ_i (Σ_k p_ik z_ik − z_i,y_i), p = softmax(β z): its zero is found by bisection, in float64. T divides all logits
    alike, so the order of the classes, and with it the accuracy, stays.

    Differs from the paper, which leaves the solver open: T stays between 0.1 and 10. Where every image is right the
    likelihood grows without end as T falls, and where the labels are no better than chance, as it rises.

    Args:
        logits: z, (n, K), of images that the model was not trained on.
        labels: y, class indices, (n,).

    Returns:
        T: above 1 for a model that is too sure, below 1 for one that is not sure enough.

    Raises:
        HeadstartError: if there are no images, the shapes do not fit, or a logit is not finite.

    >>> import torch
    >>> z = torch.tensor([[1.0, 0.0]]).repeat(4, 1)
    >>> round(fit_temperature(z, torch.tensor([0, 0, 0, 1])), 4)  # right in 3 of 4: 1 / ln 3
    0.9102
    """
    if logits.ndim != 2 or labels.shape != logits.shape[:1] or not len(labels):
        raise HeadstartError(
            f"expected logits (n, classes) and a label for each of one or more images, got shapes "
            f"{tuple(logits.shape)} and {tuple(labels.shape)}."
        )
    z, y = logits.detach().double().cpu(), labels.cpu()
    if not bool(z.isfinite().all()):
        raise HeadstartError("expected finite logits, got some that are not: the model is broken.")
    own = z.gather(1, y[:, None]).mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        beta = (low * high) ** 0.5  # halved on a logarithmic scale
        slope = (F.softmax(beta * z, dim=1) * z).sum(dim=1).mean() - own
        low, high = (beta, high) if slope < 0 else (low, beta)
    return 1 / (low * high) ** 0.5
