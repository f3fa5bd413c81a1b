"""Two options that go with any scheme: the patch embedding whitened, the MLPs' first layer shifted.

Shapes: ``D`` width, ``P`` = channels · patch height · patch width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from headstart.attention import AttentionView
from headstart.errors import HeadstartError, UnsupportedModel
from headstart.initialization.draw import Draw

__all__ = ["shift_mlp", "whiten_patches"]

_FLOOR = 1e-2  # ε: directions weaker than this share of the strongest are not raised to unit variance


def shift_mlp(view: AttentionView, mean: float) -> None:
    """Add ``mean`` to every entry of each block's first MLP weight (2602.07156).

    Behind a LayerNorm that has its usual scale and no shift yet, whose outputs sum to nought for every token, this
    changes nothing that the layer gives, nor its gradients: it can only tell once the scales have grown apart.
    """
    for index, block in enumerate(view.blocks):
        if block.mlp_in is None:
            raise UnsupportedModel(
                f"mlp_mean needs the first MLP layer, and block {index} shows none (looked for mlp.fc1)."
            )
        block.mlp_in.weight.detach().add_(mean)


def whiten_patches(view: AttentionView, images: Tensor, draw: Draw) -> None:
    """Set the patch embedding to the whitening of the patches of ``images`` (B, C, height, width).

    Rows are ±e_i/√(λ_i + ε·λ_max) for the eigenvectors e_i of the patches' covariance, strongest first, both signs; the
    bias removes the mean. Where the width has room for more than 2P rows, further ones are the same set turned by
    random rotations. Known from CNN speed records; ε = 0.01.
    """
    if view.patch_embed is None:
        raise UnsupportedModel("whiten needs a convolution as patch embedding, and this model shows none.")
    weight, bias = view.patch_embed.weight.detach(), view.patch_embed.bias
    unfold = torch.nn.functional.unfold(images.double(), weight.shape[2:], stride=view.patch_embed.stride)
    patches = unfold.transpose(1, 2).flatten(0, 1)
    if len(patches) < 2:
        raise HeadstartError("whiten needs more than one patch; pass a few hundred images.")
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T @ (patches - mean) / len(patches))
    if not values[-1] > 1e-12 * patches.square().mean():  # of equal patches nothing but round-off is left
        raise HeadstartError(
            f"whiten needs images whose patches differ; got patches of variance {values[-1].item():.3g} at most: pass "
            "a few hundred images, normalised as for training."
        )
    order = values.argsort(descending=True)
    values, vectors = values[order].clamp(min=0), vectors[:, order]
    basis = vectors.T / (values + _FLOOR * values[0]).sqrt()[:, None]  # (P, P)
    sets = [torch.stack([basis, -basis], 1).flatten(0, 1)]
    while sum(map(len, sets)) < weight.shape[0]:
        turned = draw.orthonormal(len(basis), len(basis)) @ basis
        sets.append(torch.stack([turned, -turned], 1).flatten(0, 1))
    rows = torch.cat(sets)[: weight.shape[0]]
    weight.copy_(rows.view_as(weight))
    if bias is not None:
        bias.detach().copy_(-rows @ mean)
