import re
from typing import Any

from headstart.reporting.page.numbers import curves, how, result, speed


def cells(html: str) -> list[tuple[str, float | None]]:
    found = re.findall(r"<td(?: data-value=\"([^\"]+)\")?>([^<]*)</td>", html)
    return [(text, float(value) if value else None) for value, text in found]


def test_the_table_has_the_numbers_of_the_result_file(results: dict[str, Any]) -> None:
    told = result(results)
    table = told[: told.index("<details")]
    found = cells(table)
    width = len(found) // 2
    assert found[:3] == [("51.0 ± 1.4", 0.51), ("2", None), ("–", None)]
    assert found[width : width + 3] == [("59.0 ± 1.4", 0.59), ("2", None), ("+8.0 [−17.4, +33.4]", 0.08)]
    runs = [value for _, value in cells(told[told.index("<details") :])]
    assert runs[::2] == [0.50, 0.52, 0.60, 0.58]


def test_a_long_name_is_folded_between_its_parts(results: dict[str, Any]) -> None:
    results["arms"][1]["name"] = "impulse:sharpness=0.5+drloc, a@b"
    assert '<th scope="row">impulse<wbr>:sharpness=0.5<wbr>+drloc, a<wbr>@b</th>' in result(results)


def test_a_single_run_has_no_difference(results: dict[str, Any]) -> None:
    told = result({**results, "arms": results["arms"][:1]})
    assert "difference" not in told and "51.0" in told


def test_what_works_beside_a_model_in_training_is_told_once(results: dict[str, Any]) -> None:
    assert "in training" not in result(results)
    for arm in results["arms"]:
        arm["runs"][0]["costs"] = ["bootstrap: 0 M parameters; in training 5 M <beside> it"]
    assert (
        result(results).count('<p class="note">bootstrap: 0 M parameters; in training 5 M &lt;beside&gt; it</p>') == 1
    )


def test_sizes_may_be_noted_of_the_arm(results: dict[str, Any]) -> None:
    for arm in results["arms"]:
        arm |= {"parameters": 1_234_000, "flops": 56_700_000}
        for run in arm["runs"]:
            run.pop("parameters", None), run.pop("flops", None)
    assert {("1.234", 1_234_000), ("0.0567", 56_700_000)} <= set(cells(result(results)))


def test_a_half_trained_run_has_no_test_accuracy(results: dict[str, Any]) -> None:
    arm = {**results["arms"][0], "mean": None}
    assert "50.0 % of the validation images are right so far" in result({**results, "arms": [arm]})
    assert speed({**results, "arms": [arm]}) == ""


def test_how_it_was_made(results: dict[str, Any]) -> None:
    told = how(results | {"protocol": "Paired <by> seed."}, {"data": "digits, 8×8"})
    for words in ("digits, 8×8", "0123456789ab", "0, 1", "a CPU, 2 cores, 2 threads", "f" * 40, "2030-01-02"):
        assert words in told
    assert "Paired &lt;by&gt; seed." in told
    single = {**results["hardware"], "cores": 1, "threads": 1}
    assert "a CPU, 1 core, 1 thread<" in how({**results, "hardware": single}, {})
    assert "not noted" in how({**results, "hardware": None, "commit": None}, {})


def test_curves_are_means_with_the_spread(results: dict[str, Any]) -> None:
    told = curves(results)
    assert "default ends at 51.0 % after 3 passes. impulse ends at 59.0 % after 3 passes." in told
    assert told.count("<polygon") == 2 and "bands reach from the lowest seed to the highest" in told
    last = cells(told)[-2:]
    assert last == [("51.0", 0.51), ("59.0", 0.59)]
    for arm in results["arms"]:
        for run in arm["runs"]:
            run["history"] = []
    assert curves(results) == ""


def test_speed_needs_two_arms_that_were_timed(results: dict[str, Any]) -> None:
    assert speed(results) == ""
    for number, arm in enumerate(results["arms"]):
        for run in arm["runs"]:
            run["images_per_second"] = 1000.0 * (number + 1)
    told = speed(results)
    assert "default: 51.0 % at 1,000 images a second. impulse: 59.0 % at 2,000 images a second." in told
    assert "different hardware" not in told
    results["arms"][0]["runs"][0]["hardware"] = {}
    assert "different hardware" in speed(results)
