import json
import math

import pytest

from headstart import Impulse, create_vit, init_, measure

pytestmark = pytest.mark.filterwarnings("ignore:.*cannot cover")


@pytest.fixture
def report(seeded):
    return init_(create_vit(width=96, depth=2, heads=3), Impulse(sharpness=0.9), generator=seeded())


def test_heads_say_block_head_offset_mass_and_entropy(report):
    assert [(h.block, h.head, h.offset) for h in report.heads] == [
        (0, 0, (0, 0)), (0, 1, (-1, 0)), (0, 2, (0, 1)), (1, 0, (0, -1)), (1, 1, (1, 0)), (1, 2, (-1, -1)),
    ]  # fmt: skip
    assert report.target_mass == pytest.approx(sum(h.target_mass for h in report.heads) / 6)
    assert all(0 < h.entropy < math.log(64) for h in report.heads)
    assert report.seconds > 0


def test_the_table_holds_every_heads_numbers(report):
    lines = str(report).splitlines()
    assert lines[0] == "impulse:sharpness=0.9: 6 heads, mean target mass 0.900 on position embedding"
    assert lines[3].split() == ["0", "1", "(-1,", "+0)", "0.900", f"{report.heads[1].entropy:.2f}"]
    assert any(line.startswith("gain of spatial frequencies through the network: ") for line in lines)
    assert lines[-1] == f"took {report.seconds:.2f} s"


def test_to_dict_is_json_with_the_same_numbers(report):
    data = json.loads(json.dumps(report.to_dict()))
    assert data["scheme"] == "impulse:sharpness=0.9"
    assert data["heads"][1] == {
        "block": 0,
        "head": 1,
        "offset": [-1, 0],
        "target_mass": report.heads[1].target_mass,
        "entropy": report.heads[1].entropy,
        "aimed": True,
    }


def test_the_figure_shows_every_head_with_its_peak_at_the_offset(report):
    figure = report.figure()
    drawn = [ax for ax in figure.axes if ax.images and ax.get_title()]
    assert len(drawn) == 6
    for ax, head in zip(drawn, report.heads, strict=True):
        image = ax.images[0].get_array()
        middle = image.shape[0] // 2
        peak = divmod(int(image.argmax()), image.shape[1])
        assert (peak[0] - middle, peak[1] - middle) == head.offset
        assert f"{head.target_mass:.2f}" in ax.get_title()


def test_measure_finds_offsets_nobody_told_it(report, seeded):
    model = create_vit(width=96, depth=1, heads=3)
    init_(model, Impulse(sharpness=0.6, offsets=[(2, 0), (0, -3), (1, 1)], kernel=7), generator=seeded())
    found = measure(model)
    assert [h.offset for h in found.heads] == [(2, 0), (0, -3), (1, 1)]
    assert [h.target_mass for h in found.heads] == pytest.approx([0.6] * 3, abs=0.02)
    assert found.gain is None and found.asked is None


def test_a_shortfall_is_reported_with_the_worst_head(images, seeded):
    model = create_vit(width=96, depth=4, heads=3)
    with pytest.warns(
        UserWarning, match=r"heads are more than 0.03 below the sharpness asked for; furthest is block \d"
    ):
        report = init_(model, Impulse(solver="rotation", sharpness=0.95), images=images, generator=seeded())
    assert report.target_mass < 0.9
