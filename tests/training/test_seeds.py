import torch

from headstart.training.seeds import generator, seeded


def test_streams_depend_on_seed_purpose_and_number_only() -> None:
    keys = [(0, "order", 1), (1, "order", 1), (0, "crop", 1), (0, "order", 2)]
    draws = [torch.rand(4, generator=generator(*key)).tolist() for key in keys]
    assert len({tuple(draw) for draw in draws}) == 4
    assert draws[0] == torch.rand(4, generator=generator(*keys[0])).tolist()


def test_seeded_leaves_the_global_state_alone() -> None:
    before = torch.get_rng_state()
    with seeded(0, "weights"):
        first = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), before)
    with seeded(0, "weights"):
        assert torch.equal(torch.rand(3), first)
