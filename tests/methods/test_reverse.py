"""The reverse token slimming module against its formula."""

import math

import torch
from torch import Tensor

from headstart.methods.reverse import ReverseSlim


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def test_it_is_the_formula() -> None:
    torch.manual_seed(0)
    module = ReverseSlim(2, 3, 4).double()
    assert module.tokens1.weight.shape == (12, 2) and module.tokens2.weight.shape == (3, 12)
    assert module.channels1.weight.shape == (16, 4) and module.tokens1.weight.std() < 0.04
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_()

    def norm(x: Tensor, layer: torch.nn.LayerNorm) -> Tensor:
        normal = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
        return normal * layer.weight + layer.bias

    slim = torch.randn(5, 2, 4, dtype=torch.float64, requires_grad=True)
    hidden = gelu(
        torch.einsum("hm,bmd->bhd", module.tokens1.weight, norm(slim, module.norm1)) + module.tokens1.bias[:, None]
    )
    x = torch.einsum("nh,bhd->bnd", module.tokens2.weight, hidden) + module.tokens2.bias[:, None]
    mixed = gelu(norm(x, module.norm2) @ module.channels1.weight.T + module.channels1.bias)
    expected = x + mixed @ module.channels2.weight.T + module.channels2.bias
    assert torch.allclose(module(slim), expected, atol=1e-12)
    assert torch.autograd.gradcheck(module, slim[:1])
