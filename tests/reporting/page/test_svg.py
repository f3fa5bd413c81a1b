import re

from headstart.reporting.page.svg import Series, legend, line_chart, point_chart, ticks


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0.731, 0.9) == [0.75, 0.8, 0.85, 0.9]
    assert ticks(1, 100) == [20, 40, 60, 80, 100]
    assert ticks(0, 2300) == [0, 500, 1000, 1500, 2000]


def test_a_line_says_in_words_what_it_shows() -> None:
    series = [Series('a"b', [1, 2, 3], [0.2, 0.4, 0.6], [0.1, 0.3, 0.5], [0.3, 0.5, 0.7])]
    drawn = line_chart(series, 'the "line"', "passes", "accuracy, %")
    assert 'role="img" aria-label="the &quot;line&quot;"' in drawn
    points = re.search(r'<polyline points="([^"]+)"', drawn)
    assert points is not None
    xs, ys = zip(*(map(float, point.split(",")) for point in points[1].split()), strict=True)
    assert xs[1] - xs[0] == xs[2] - xs[1] > 0 and ys[0] > ys[1] > ys[2]
    assert drawn.count("<polygon") == 1
    assert "#" not in drawn  # colours are the page's


def test_passes_are_counted_in_whole_numbers() -> None:
    drawn = line_chart([Series("a", [1, 2, 3, 4], *[[0.1, 0.2, 0.3, 0.4]] * 3)], "", "passes", "")
    assert re.findall(r'text-anchor="middle">([\d.]+)<', drawn) == ["1", "2", "3", "4"]


def test_one_pass_is_a_point_and_one_seed_has_no_band() -> None:
    drawn = line_chart([Series("a", [1], [0.5], [0.5], [0.5])], "a point", "passes", "accuracy, %")
    assert "<circle" in drawn and "<polygon" not in drawn


def test_many_lines_stay_apart() -> None:
    series = [Series(str(n), [1, 2], [0.1, 0.2], [0.1, 0.2], [0.1, 0.2]) for n in range(9)]
    drawn = line_chart(series, "", "", "")
    assert drawn.count("stroke-dasharray") == 2
    assert legend([one.name for one in series]).count("dashed") == 2


def test_points_stand_at_their_speed() -> None:
    series = [Series("a", [1000], [0.5], [0.4], [0.6]), Series("b", [2000], [0.7], [0.7], [0.7])]
    drawn = point_chart(series, "", "images a second", "accuracy, %")
    first, second = (float(x) for x in re.findall(r'<circle cx="([\d.]+)"', drawn))
    assert round((second - 46) / (first - 46), 2) == 2.0  # from 0 at the left
