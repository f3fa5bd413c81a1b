import re
import warnings

import pytest
import torch

from headstart import HeadstartError, Impulse, create_vit, init_
from headstart.initialization.draw import Draw
from headstart.initialization.offsets import block_offsets, window

GRID = (8, 8)


def offsets(rule, kernel=3, blocks=4, heads=3, seed=0):
    draw = Draw(torch.Generator().manual_seed(seed), torch.device("cpu"))
    return torch.stack(block_offsets(rule, kernel, [heads] * blocks, [GRID] * blocks, draw))


def test_the_released_order_is_centre_up_right_left_down_then_diagonals():
    # Entries [4, 1, 5, 3, 7, 0, 2, 6, 8] of the 3×3 window in row-major order (2505.19985).
    order = [(k // 3 - 1, k % 3 - 1) for k in (4, 1, 5, 3, 7, 0, 2, 6, 8)]
    assert window(3) == order
    assert offsets("released", heads=12)[2].tolist() == [list(order[h % 9]) for h in range(12)]


def test_cycle_goes_on_from_block_to_block():
    flat = offsets("cycle", heads=3, blocks=4).flatten(0, 1).tolist()
    assert flat == [list(window(3)[i % 9]) for i in range(12)]


@pytest.mark.parametrize(("kernel", "heads"), [(3, 4), (3, 9), (3, 20), (5, 12)])
def test_random_repeats_none_until_the_window_is_used_up(kernel, heads):
    drawn = offsets("random", kernel, heads=heads)
    for block in drawn.tolist():
        for start in range(0, heads, kernel**2):
            part = [tuple(o) for o in block[start : start + kernel**2]]
            assert len(set(part)) == len(part)
    assert not torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn, offsets("random", kernel, heads=heads))
    assert not torch.equal(drawn, offsets("random", kernel, heads=heads, seed=1))


def test_explicit_offsets_for_all_blocks_or_each():
    per_head = [(0, 0), (-2, 1), (0, 3)]
    assert offsets(per_head).tolist() == [[list(o) for o in per_head]] * 4
    assert offsets([per_head] * 4).shape == (4, 3, 2)
    assert torch.equal(offsets(per_head, kernel=4), offsets(per_head))  # no window to draw from


@pytest.mark.parametrize(
    ("rule", "kernel", "message"),
    [
        ("cycle", 4, "kernel must be an odd number ≥ 1, so that it has a centre; got 4."),
        ("cycle", 9, "kernel 9 is wider than the 8×8 grid of patches; choose at most 7, or smaller patches."),
        ("cicle", 3, "unknown offsets 'cicle': did you mean 'cycle'?"),
        ("released", 5, "offsets='released' is defined for kernel 3, got 5"),
        ([(0, 0)], 3, "one for each of the 3 heads, or 4 such lists"),
        ([(0, 0.5)] * 3, 3, "must be integers"),
        (1, 3, "must be integers (dy, dx), one for each of the 3 heads, or 4 such lists, one for each block; got 1."),
        (None, 3, "one for each block; got None."),
        ([(0, 8)] * 3, 3, "must stay inside the 8×8 grid"),
    ],
)
def test_what_does_not_fit_says_so(rule, kernel, message):
    with pytest.raises(HeadstartError) as error:
        offsets(rule, kernel)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("depth", "scheme", "end"),
    [
        (2, Impulse(), "all blocks together take 6 of them."),
        (1, Impulse(content_heads=1), "all blocks together take 2 of them."),
        (4, Impulse(offsets="released"), "every block has the same offsets."),
    ],
)
def test_a_window_that_all_heads_cannot_cover_is_a_warning_and_a_note(depth, scheme, end):
    heads = 3 - scheme.content_heads
    told = f"{heads} heads cannot cover the 3×3 window of 9 offsets in one block; {end}"
    with pytest.warns(UserWarning, match=re.escape(told)):
        report = init_(create_vit(width=48, depth=depth, heads=3), scheme)
    assert report.notes[0] == told


def test_a_window_that_the_blocks_share_is_a_note_alone():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = init_(create_vit(width=48, depth=3, heads=3), Impulse())
        assert report.notes == [
            "3 heads cannot cover the 3×3 window of 9 offsets in one block; other blocks take others."
        ]
        assert not init_(create_vit(width=72, depth=2, heads=9), Impulse()).notes
        # Offsets of one's own come from no window.
        assert not init_(create_vit(width=48, depth=2, heads=3), Impulse(offsets=[(0, 0), (0, 1), (1, 0)])).notes
