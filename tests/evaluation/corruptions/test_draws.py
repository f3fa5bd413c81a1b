import torch

from headstart.evaluation.corruptions.draws import Draws, image_seeds

SEEDS = image_seeds(6, torch.Generator().manual_seed(1))
CPU = torch.device("cpu")


def test_an_image_draws_alike_alone_and_among_others() -> None:
    rates = torch.linspace(1, 50, 60).view(6, 10)
    some = torch.tensor([4, 1])
    for draw in (
        lambda draws, _: draws.normal(3, 5),
        lambda draws, _: draws.uniform(-2, 2, 4),
        lambda draws, _: draws.integers(-1, 3, 7),
        lambda draws, rows: draws.poisson(rates[rows]),
    ):
        together = draw(Draws(SEEDS, CPU), torch.arange(6))
        assert together[some].equal(draw(Draws(SEEDS[some], CPU), some))
        assert not together[0].equal(together[1])


def test_ranges_and_means() -> None:
    draws = Draws(SEEDS, CPU)
    uniform, whole = draws.uniform(-45, 45, 1000), draws.integers(-2, 2, 1000)
    assert uniform.min() >= -45 and uniform.max() < 45 and uniform.mean().abs() < 2
    assert set(whole.unique().tolist()) == {-2, -1, 0, 1}
    assert abs(draws.poisson(torch.full((6, 2000), 7.0)).mean() - 7) < 0.2
