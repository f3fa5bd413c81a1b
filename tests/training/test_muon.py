import pytest
import torch
from torch import nn

from headstart.models.vit import create_vit
from headstart.training.muon import Muon, orthogonalized
from headstart.training.optimization import optimizers
from headstart.training.recipe import Recipe


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 32, 8), (2, 8, 32)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, ...]) -> None:
    matrices = random(*shape)
    made = orthogonalized(matrices)
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    inside = u.mT @ made @ vh.mT  # diagonal, when the singular vectors are the same
    values = inside.diagonal(dim1=-2, dim2=-1)
    # The smallest singular values of a square matrix stay below: five steps raise one of 0.01 to 0.9 at best.
    assert values.min() > 0.3 and values.max() < 1.25
    assert (inside - torch.diag_embed(values)).abs().max() < 1e-10


def test_each_matrix_of_a_batch_is_on_its_own() -> None:
    matrices = random(4, 6, 9)
    one_by_one = torch.cat([orthogonalized(matrix[None]) for matrix in matrices])
    torch.testing.assert_close(orthogonalized(matrices), one_by_one)


def test_two_steps_by_hand() -> None:
    weight = nn.Parameter(random(4, 6))
    optimizer = Muon([weight], lr=0.1, momentum=0.9, weight_decay=0.5)
    expected, momentum = weight.detach().clone(), torch.zeros(4, 6, dtype=torch.float64)
    for seed in (1, 2):
        gradient = random(4, 6, seed=seed)
        weight.grad = gradient.clone()
        optimizer.step()
        momentum = 0.9 * momentum + 0.1 * gradient
        ahead = 0.1 * gradient + 0.9 * momentum
        expected = (1 - 0.1 * 0.5) * expected - 0.1 * 0.2 * 6**0.5 * orthogonalized(ahead[None])[0]
        torch.testing.assert_close(weight.detach(), expected)


def test_a_fused_map_is_three_matrices() -> None:
    fused, apart = nn.Parameter(random(12, 4)), [nn.Parameter(part) for part in random(12, 4).split(4)]
    gradient = random(12, 4, seed=3)
    fused.grad = gradient.clone()
    Muon([fused], pieces=3).step()
    for weight, part in zip(apart, gradient.split(4), strict=True):
        weight.grad = part.clone()
    Muon(apart).step()
    torch.testing.assert_close(fused.detach(), torch.cat([weight.detach() for weight in apart]))


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    model = create_vit(image_size=8, patch_size=2, width=24, depth=2, heads=3, pool="class")
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    muon, adamw = optimizers([model], Recipe(optimizer="muon", weight_decay=0.1))
    taken = [{names[id(p)] for p in group["params"]} for group in muon.param_groups]
    block = {f"blocks.{i}.{name}.weight" for i in range(2) for name in ("attn.proj", "mlp.fc1", "mlp.fc2")}
    assert taken == [block, {f"blocks.{i}.attn.qkv.weight" for i in range(2)}]
    assert [group["pieces"] for group in muon.param_groups] == [1, 3]
    assert all(group["weight_decay"] == 0.1 for group in muon.param_groups)
    rest = {names[id(p)] for group in adamw.param_groups for p in group["params"]}
    assert rest == set(names.values()) - taken[0] - taken[1]
