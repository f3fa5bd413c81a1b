import re

import pytest
import torch

from headstart import create_vit, init_, measure
from headstart.errors import HeadstartError
from headstart.initialization.content import content_places, mimetic_qk
from headstart.initialization.draw import Draw


def start(spec: str, heads: int = 3, seed: int = 0, **options):
    torch.manual_seed(seed)
    model = create_vit("tiny", image_size=32, patch_size=4, width=24 * heads, depth=3, heads=heads, **options)
    return model, init_(model, spec, generator=torch.Generator().manual_seed(seed))


def qkv(model, block: int) -> torch.Tensor:
    """The rows of queries and keys of each head: (2, heads, R, D)."""
    weight = model.blocks[block].attn.qkv.weight.detach()
    return weight[: 2 * len(weight) // 3].unflatten(0, (2, model.blocks[block].attn.num_heads, -1))


def test_content_heads_come_in_turn_and_the_others_go_on_through_the_window() -> None:
    assert content_places([3, 3, 3, 3], 1) == [[0], [1], [2], [0]]
    assert content_places([4, 4, 2], 2) == [[0, 1], [1, 2], [0, 1]]
    assert content_places([3, 3], 0) == [[], []]
    _, report = start("impulse:content_heads=1")
    aimed = [(h.block, h.head) for h in report.heads if h.aimed]
    assert aimed == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]
    window = [(0, 0), (-1, 0), (0, 1), (0, -1), (1, 0), (-1, -1)]
    assert [h.offset for h in report.heads if h.aimed] == window
    assert all(h.target_mass == pytest.approx(0.5, abs=0.01) for h in report.heads if h.aimed)
    assert report.target_mass == pytest.approx(0.5, abs=0.01)  # of the others alone
    assert str(report).count(" content ") == 3


def test_a_content_head_has_the_product_of_mimetic_initialization() -> None:
    model, _ = start("impulse:content_heads=1")
    q, k = qkv(model, 1)[:, 1].double()
    singular = torch.linalg.svdvals(q.T @ k)[:24]
    # Both factors have the root of every singular value, so the product's are theirs squared.
    torch.testing.assert_close(torch.linalg.svdvals(q) ** 2, singular, rtol=1e-4, atol=1e-5)
    draw = Draw(torch.Generator().manual_seed(0), torch.device("cpu"))
    expected = [
        torch.linalg.svdvals(a @ b.T)[:24] for a, b in zip(*mimetic_qk(72, 200, 24, 0.7, 0.7, draw), strict=True)
    ]
    stacked = torch.stack(expected)
    assert (singular > stacked.min(0).values - 0.1).all() and (singular < stacked.max(0).values + 0.1).all()
    # A patch looks at patches like itself: tr(Q Kᵀ) is what a token's logit with itself is on average.
    assert torch.trace(q.T @ k) > 24 * 0.7


def test_a_patch_looks_at_its_like_wherever_they_are() -> None:
    model, _ = start("impulse:content_heads=1:position_std=0.1")
    image = torch.zeros(1, 3, 32, 32)
    noise = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    kinds = torch.randint(2, (8, 8), generator=torch.Generator().manual_seed(2))
    for y in range(8):
        for x in range(8):
            image[0, :, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4] = 2 * noise[kinds[y, x]]
    with torch.no_grad():
        x = model.blocks[0].norm1(model.pos_embed + model.patch_embed(image))[0]
        q, k = qkv(model, 0)
        weights = ((x @ q.transpose(1, 2)) @ (x @ k.transpose(1, 2)).transpose(1, 2) / 24**0.5).softmax(-1)
    like = kinds.flatten()[:, None] == kinds.flatten()[None]
    elsewhere = like & ~torch.eye(64, dtype=torch.bool)
    share = (weights * elsewhere).sum(-1).mean(-1)
    assert share[0] > 0.8 and share[2] < 0.65  # the last one looks at the patch above, which is of any kind


def test_none_is_as_before_and_any_number_is_reproducible() -> None:
    plain, _ = start("impulse")
    none, _ = start("impulse:content_heads=0")
    one, _ = start("impulse:content_heads=1")
    again, _ = start("impulse:content_heads=1")
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), none.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), again.parameters(), strict=True))
    assert not torch.equal(qkv(plain, 0)[:, 0], qkv(one, 0)[:, 0])


def test_scrambled_heads_and_solving_on_images_go_with_it() -> None:
    model, report = start("impulse:content_heads=1:control=scrambled")
    assert [h.aimed for h in report.heads[:3]] == [False, True, True]
    assert min(h.target_mass for h in report.heads if h.aimed) > 0.45
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(0)
    model = create_vit("tiny", image_size=32, patch_size=4, width=72, depth=3, heads=3)
    report = init_(model, "impulse:content_heads=2", images=images, generator=torch.Generator().manual_seed(0))
    assert sum(h.aimed for h in report.heads) == 3
    # What later reads the model knows nothing of aims: an offset is then the one looked at most.
    assert not any(h.aimed for h in measure(model, images).heads)


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("content_heads=3", {}, "expected fewer than the 3 heads of a block, got 3; for all heads use 'mimetic'"),
        ("content_heads=-1", {}, "content_heads: expected a whole number of heads from 0 up, got -1"),
    ],
)
def test_what_cannot_be_is_told(spec: str, options: dict, message: str) -> None:
    with pytest.raises(HeadstartError, match=re.escape(message)):
        start(f"impulse:{spec}", **options)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "vit_small_patch16_rope_mixed_224",
            {},
            "Eva is told positions in another way (rotary): leave",
        ),
        (
            "vit_tiny_patch16_224",
            {"qk_norm": True},
            "VisionTransformer normalises queries and keys: leave",
        ),
    ],
)
def test_models_without_place_for_it_are_told(name: str, options: dict, message: str) -> None:
    timm = pytest.importorskip("timm")
    model = timm.create_model(name, img_size=128, embed_dim=72, depth=2, num_heads=3, **options)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(HeadstartError, match=re.escape(message)):
        init_(model, "impulse:content_heads=1")
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
