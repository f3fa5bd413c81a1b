from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from headstart.errors import HeadstartError
from headstart.models.vit import create_vit
from headstart.training.alike import check_alike


def vit(**options: object) -> nn.Module:
    return create_vit(image_size=8, patch_size=4, num_classes=5, **{"width": 24, "depth": 2, "heads": 2, **options})


def tied() -> nn.Module:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    return model


def test_models_that_differ_in_weights_and_mode_alone_are_alike() -> None:
    check_alike([vit(), vit().eval(), vit()])


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "expected at least one model"),
        ([vit(), vit(width=48)], r"patch_embed.proj.out_channels is 24 in model 0 and 48 in model 1"),
        ([vit(), vit(heads=3)], "blocks.0.attn.num_heads is 2 in model 0 and 3 in model 1"),
        ([vit(), vit(), vit(depth=3)], "blocks.2 is missing in model 0 and Block in model 2"),
        ([vit(), vit(drop_path=0.1)], "blocks.1.drop_path is 0.0 in model 0 and 0.1 in model 1"),
        ([vit(), vit().double()], r"is \(1, 4, 24\) torch.float32 on cpu, trained in model 0 and .*float64"),
        ([vit(), vit(position="sincos")], "pos_embed is .*, trained in model 0 and .*, fixed in model 1"),
        ([nn.Linear(2, 2), nn.Identity()], "the model is Linear in model 0 and Identity in model 1"),
        ([nn.Sequential(nn.BatchNorm1d(2))], r"0 of model 0 \(BatchNorm1d\) changes running statistics in place"),
        ([tied()], "1.weight of model 0 is the same tensor as 0.weight of model 0"),
        (2 * [nn.Linear(2, 2)], "weight of model 1 is the same tensor as weight of model 0"),
    ],
)
def test_what_differs_is_said(models: list[nn.Module], message: str) -> None:
    with pytest.raises(HeadstartError, match=message) as caught:
        check_alike(models)
    if models:
        assert "train these separately" in str(caught.value)


def test_tensors_kept_as_plain_attributes_count() -> None:
    one = nn.Identity()
    one.table = torch.arange(3)
    other = copy.deepcopy(one)
    check_alike([one, other])
    other.table[0] = 7
    with pytest.raises(HeadstartError, match=r"table is \[0, 1, 2\] in model 0 and \[7, 1, 2\] in model 1"):
        check_alike([one, other])
