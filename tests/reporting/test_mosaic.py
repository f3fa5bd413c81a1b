import torch

from headstart.reporting.mosaic import mosaic


def test_tiles_stand_in_rows_with_gaps_and_small_ones_in_the_middle() -> None:
    laid = mosaic([[torch.ones(3, 3), torch.full((1, 1), 2.0)], [torch.zeros(3, 3)]], gap=(2, 1))
    assert laid.cells.shape == (2 * (3 + 2), 2 * 3 + 1)
    assert laid.cells[:2].isnan().all() and laid.cells[:, 3].isnan().all()
    assert (laid.cells[2:5, :3] == 1).all() and laid.cells[3, 5] == 2
    assert laid.cells[2:5, 4:].nansum() == 2
    assert (laid.rows, laid.columns, laid.tops) == ([3.0, 8.0], [1.0, 5.0], [1.5, 6.5])
