from itertools import pairwise

import pytest
from torch import nn

from headstart.methods import Method
from headstart.models.vit import create_vit
from headstart.training import Recipe
from headstart.training.optimization import learning_rate, optimizers
from headstart.training.processes import Processes
from headstart.training.state import RunState


def test_the_learning_rate_warms_up_and_falls_by_a_cosine() -> None:
    recipe = Recipe(lr=1.0, warmup=0.2, min_lr=0.1)
    rates = [learning_rate(step, 10, recipe) for step in range(10)]
    assert rates[:3] == [0.5, 1.0, 1.0]
    assert rates[-1] == pytest.approx(0.1)
    # One step of warm-up, then four of cosine: the third of them is at 2/3, where (1 + cos)/2 is 1/4.
    assert learning_rate(3, 5, recipe) == pytest.approx(0.1 + 0.9 / 4)
    assert all(a >= b for a, b in pairwise(rates[1:]))


def test_a_single_step_and_no_warm_up_work() -> None:
    assert learning_rate(0, 1, Recipe(lr=1.0, warmup=0.0)) == 1.0


def test_biases_norms_positions_and_tokens_do_not_decay() -> None:
    model = create_vit(image_size=8, patch_size=2, width=24, depth=1, heads=3, pool="class", registers=1)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    decayed, free = ({names[id(p)] for p in g["params"]} for g in optimizers([model], Recipe())[0].param_groups)
    assert {"pos_embed", "cls_token", "reg_token", "blocks.0.norm1.weight", "head.bias"} <= free
    assert {"blocks.0.attn.qkv.weight", "patch_embed.proj.weight", "head.weight"} <= decayed
    assert decayed | free == set(names.values())


def test_a_fixed_position_embedding_is_not_optimized() -> None:
    model = create_vit(image_size=8, patch_size=2, width=24, depth=1, heads=3, position="sincos")
    optimized = {id(p) for group in optimizers([model], Recipe())[0].param_groups for p in group["params"]}
    assert id(model.pos_embed) not in optimized


def test_models_side_by_side_share_their_optimizers() -> None:
    models = [create_vit(image_size=8, patch_size=2, width=24, depth=1, heads=3) for _ in range(2)]
    (joint,) = optimizers(models, Recipe())
    taken = {id(p) for group in joint.param_groups for p in group["params"]}
    assert taken == {id(p) for model in models for p in model.parameters()}


def test_a_methods_own_parameters_learn_at_its_rate(tiny: Recipe) -> None:
    class Own(Method):
        def __init__(self, rate: float) -> None:
            super().__init__()
            self.rate, self.map = rate, nn.Linear(3, 3)

    model, methods = nn.Linear(3, 3), nn.ModuleList([Own(1.0), Own(5.0)])
    trained = optimizers([model, methods], tiny)
    state = RunState(model, trained, tiny, 4, Processes(tiny.precision), methods)
    state.set_rate()
    rates = {p: group["lr"] for group in trained[0].param_groups for p in group["params"]}
    assert len(rates) == 6
    for module, factor in ((model, 1), (methods[0], 1), (methods[1], 5)):
        assert {rates[p] for p in module.parameters()} == {factor * state.rate(0)}
    decays = {p: group["weight_decay"] for group in trained[0].param_groups for p in group["params"]}
    assert decays[methods[1].map.weight] == tiny.weight_decay and decays[methods[1].map.bias] == 0
