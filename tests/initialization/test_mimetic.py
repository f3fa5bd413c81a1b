import math

import pytest
import torch

from headstart import HeadstartError, Impulse, Mimetic, NormMatched, attention_view, create_vit, init_


def product(block, left, right):
    return torch.einsum("hdr,hre->de", block.read(left), block.read(right))


def test_value_and_output_multiply_to_a_z_minus_b_identity(seeded):
    model = create_vit("tiny", depth=2)
    init_(model, "mimetic", generator=seeded())
    for block in attention_view(model).blocks:
        got = product(block, "v", "o")
        # Stated form: diagonal −0.400 with std 0.4/√192 = 0.029, as everywhere else.
        assert got.diagonal().mean().item() == pytest.approx(-0.4, abs=0.01)
        assert (got + 0.4 * torch.eye(192)).std().item() == pytest.approx(0.4 / math.sqrt(192), rel=0.03)
        assert got.diagonal().std().item() == pytest.approx(0.029, abs=0.006)


def test_the_released_form_has_the_released_spread_on_the_diagonal(seeded):
    model = create_vit("tiny", depth=4)
    init_(model, "mimetic-released", generator=seeded())
    diagonals = torch.stack([product(b, "v", "o").diagonal() for b in attention_view(model).blocks])
    assert diagonals.mean().item() == pytest.approx(-0.4, abs=0.05)
    assert diagonals.std().item() == pytest.approx(0.237, abs=0.03)


def test_queries_and_keys_are_the_best_rank_r_part_of_a_z_plus_b_identity(seeded):
    model = create_vit(width=96, depth=1, heads=1)  # one head: full rank, so nothing is cut
    init_(model, Mimetic(alpha=0.5, beta=0.9), generator=seeded())
    block = attention_view(model).blocks[0]
    got = block.read("q")[0] @ block.read("k")[0].T
    assert got.diagonal().mean().item() == pytest.approx(0.9, abs=0.02)
    assert (got - 0.9 * torch.eye(96)).std().item() == pytest.approx(0.5 / math.sqrt(96), rel=0.03)
    model = create_vit(width=96, depth=1, heads=3)
    init_(model, "mimetic", generator=seeded())
    block = attention_view(model).blocks[0]
    for q, k in zip(block.read("q"), block.read("k"), strict=True):  # an SVD's halves have equal Gram matrices
        torch.testing.assert_close(q.T @ q, k.T @ k, atol=1e-4, rtol=1e-3)


def test_conditioned_weights_have_condition_number_one(seeded):
    model = create_vit(width=96, depth=2, heads=3)
    proj = model.blocks[0].attn.proj.weight.detach().clone()
    init_(model, "conditioned", generator=seeded())
    block = attention_view(model).blocks[0]
    for name in "qk":
        for head in block.read(name):
            torch.testing.assert_close(head.T @ head, torch.eye(32), atol=1e-5, rtol=0)
    torch.testing.assert_close(block.read("v").transpose(0, 1).flatten(1), torch.eye(96))
    assert torch.equal(model.blocks[0].attn.proj.weight, proj)


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_norm_matched_keeps_directions_and_takes_sizes(seeded):
    model, structured = (create_vit(width=96, depth=2, heads=3) for _ in range(2))
    structured.load_state_dict(model.state_dict())
    before = [{n: b.read(n) for n in "qkvo"} for b in attention_view(model).blocks]
    table = model.pos_embed.detach().clone()
    scheme = Impulse(sharpness=0.8)
    init_(structured, scheme, generator=seeded())
    init_(model, NormMatched(scheme), generator=seeded())
    for mine, theirs, old in zip(attention_view(model).blocks, attention_view(structured).blocks, before, strict=True):
        for n in "qkvo":
            torch.testing.assert_close(
                torch.linalg.matrix_norm(mine.read(n)),
                torch.linalg.matrix_norm(theirs.read(n)),
                rtol=1e-4,
                atol=0,
            )
            cosine = torch.nn.functional.cosine_similarity(mine.read(n).flatten(1), old[n].flatten(1))
            torch.testing.assert_close(cosine, torch.ones(3))
    rms = structured.pos_embed.square().mean().sqrt()
    torch.testing.assert_close(model.pos_embed, table * rms / table.square().mean().sqrt())


@pytest.mark.filterwarnings("ignore:.*cannot cover")
def test_norm_matched_beside_a_fixed_table_changes_the_heads_alone(images, seeded):
    model = create_vit(width=48, depth=1, heads=3, position="sincos")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    init_(model, NormMatched(Impulse(solver="decoder")), images=images[:8], generator=seeded())
    changed = {k for k, v in model.state_dict().items() if not torch.equal(v, before[k])}
    assert changed == {"blocks.0.attn.qkv.weight", "blocks.0.attn.proj.weight"}


def test_default_changes_nothing(seeded):
    model = create_vit(width=48, depth=2, heads=3)
    before = {k: v.clone() for k, v in model.state_dict().items()}
    report = init_(model, "default", generator=seeded())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert report.target_mass < 0.1 and report.asked is None


@pytest.mark.parametrize("scheme", ["default", "mimetic", "mimetic-released"])
def test_another_value_start_leaves_queries_and_keys(seeded, scheme):
    plain, crossed = (create_vit(width=48, depth=2, heads=3) for _ in range(2))
    crossed.load_state_dict(plain.state_dict())
    init_(plain, scheme, generator=seeded())
    report = init_(crossed, f"{scheme}:value=contrast", generator=seeded())
    assert f"{scheme}:value=contrast" in str(report)
    for one, other in zip(attention_view(plain).blocks, attention_view(crossed).blocks, strict=True):
        assert scheme != "default" or torch.equal(one.read("q"), other.read("q"))
        v, o = other.read("v"), other.read("o")
        strengths = torch.linalg.matrix_norm(o, dim=(1, 2)) / torch.linalg.matrix_norm(v, dim=(1, 2))
        torch.testing.assert_close(o, -strengths[:, None, None] * v.transpose(1, 2), atol=1e-5, rtol=1e-4)
        assert not torch.equal(one.read("v"), v)


def test_an_unknown_value_start_is_told():
    with pytest.raises(HeadstartError, match="unknown value 'contrats': did you mean 'contrast'"):
        init_(create_vit(width=48, depth=1, heads=3), "mimetic:value=contrats")
