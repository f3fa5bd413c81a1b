from headstart.reporting.page.plan import BUDGET, Size, _text_bytes, plan_maps

VIT = Size((3,) * 12, 65, 4)


def test_a_small_model_is_shown_whole() -> None:
    plan = plan_maps(VIT)
    assert plan is not None
    assert (plan.images, plan.moments, plan.blocks) == (4, (0, 1, 2, 3), tuple(range(12)))


def test_images_go_first_then_moments_then_blocks() -> None:
    one = _text_bytes(VIT.heads, VIT.tokens)
    plans = [plan_maps(VIT, budget) for budget in (8 * one, 7 * one, 3 * one, 2 * one - 1)]
    assert [(p.images, len(p.moments), len(p.blocks)) for p in plans if p] == [
        (2, 4, 12),
        (2, 2, 12),
        (1, 2, 12),
        (1, 2, 11),
    ]
    assert plans[1] is not None and plans[1].moments == (0, 3)
    last = plan_maps(VIT, one // 2)
    assert last is not None and {0, 11} <= set(last.blocks)


def test_what_is_planned_fits_and_what_can_not_fit_is_told() -> None:
    for size in (Size((6,) * 12, 197, 4), Size((12,) * 12, 197, 2), Size((3, 6, 12), 50, 3)):
        plan = plan_maps(size)
        assert plan is not None
        heads = [size.heads[block] for block in plan.blocks]
        assert plan.images * len(plan.moments) * _text_bytes(heads, size.tokens) <= BUDGET
    assert plan_maps(Size((12,), 2000, 2)) is None


def test_a_single_moment_is_both_ends() -> None:
    plan = plan_maps(Size((2,), 16, 1))
    assert plan is not None and plan.moments == (0,)
