from typing import Any

from rich.console import Console

from headstart.reporting import gains, markdown_table, measured, rich_table


def test_the_markdown_table_holds_the_numbers_of_the_file(results: dict[str, Any]) -> None:
    assert markdown_table(results).splitlines() == [
        "| init | test accuracy, % | n | difference to default [95 % interval] |",
        "|---|---:|---:|---:|",
        "| `default` | 51.0 ± 1.4 | 2 | – |",
        "| `impulse` | 59.0 ± 1.4 | 2 | +8.0 [−17.4, +33.4] |",
        "",
        "Mean ± standard deviation over n seeds; the test set is used once, after the last pass. "
        "`headstart compare digits --init default,impulse --seeds 2`: 30 s a run on 2 CPU cores, 2030-01-02, "
        "config 0123456789ab, commit ffffffffff.",
    ]


def test_one_seed_has_no_spread_and_no_interval(results: dict[str, Any]) -> None:
    for arm in results["arms"]:
        arm.update(n=1, sd=None, interval=None)
    results["commit"] = None
    results["hardware"]["gpu"] = "a GPU"
    text = markdown_table(results)
    assert "| `default` | 51.0 | 1 | – |" in text
    assert "| `impulse` | 59.0 | 1 | +8.0 |" in text
    assert text.endswith("on a GPU, 2030-01-02, config 0123456789ab.")


def test_the_terminal_shows_the_same_cells(results: dict[str, Any]) -> None:
    results["arms"][1]["name"] = "impulse:offsets=[0,1]"
    console = Console(width=120, record=True, quiet=False, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(rich_table(results))
    text = capture.get()
    for cell in ("51.0 ± 1.4", "+8.0 [−17.4, +33.4]", "impulse:offsets=[0,1]"):
        assert cell in text


def test_a_comparison_in_a_sentence_names_the_first_arm_and_the_best(results: dict[str, Any]) -> None:
    assert measured(results) == (
        "51.0 ± 1.4 % from default, 59.0 ± 1.4 % from impulse (test accuracy, n = 2), 30 s a run on 2 CPU cores, "
        "2030-01-02."
    )
    results["arms"].reverse()
    assert measured(results).startswith("59.0 ± 1.4 % from impulse (test accuracy")


def test_single_measurements_stay_in_the_file() -> None:
    rows = [{"way": "ours", "images/s": 5.0, "rounds": [4.0, 5.0, 6.0]}]
    table = markdown_table({"rows": rows, "command": "c", "hardware": {"gpu": "G"}, "commit": None})
    assert table == "| way | images/s |\n|---|---|\n| ours | 5.0 |\n\n`c` on G."


def test_every_commit_of_the_runs_is_told_once(results: dict[str, Any]) -> None:
    results["commit"] = ", ".join(("a" * 40, "b" * 40, "a" * 40))
    assert markdown_table(results).endswith("commits aaaaaaaaaa, bbbbbbbbbb.")


def test_a_matrix_has_costs_and_what_goes_beyond_the_single_gains(results: dict[str, Any]) -> None:
    results["matrix"] = {"init": ["default"], "with": ["none", "drloc"]}
    for arm, beyond, interval in zip(results["arms"], (None, -0.012), (None, [-0.03, 0.006]), strict=True):
        arm |= {"interaction": beyond, "interaction_interval": interval, "gain": beyond and 0.02, "gain_interval": None}
        for run in arm["runs"]:
            run |= {"parameters": 1_234_567, "flops": 25_000_000, "images_per_second": 1234.4}
    header, _, first, second, *_ = markdown_table(results).splitlines()
    assert header.endswith(
        "| gain over its init alone | beyond the sum of single gains | M parameters | GFLOP an image | images/s |"
    )
    assert first.endswith("| – | – | – | 1.235 | 0.0250 | 1,234 |")
    assert second.endswith("| +8.0 [−17.4, +33.4] | +2.0 | −1.2 [−3.0, +0.6] | 1.235 | 0.0250 | 1,234 |")


def test_the_gains_of_a_method_are_told_for_each_initialization(results: dict[str, Any]) -> None:
    results["matrix"] = {"init": ["default", "impulse"], "with": ["none", "drloc"]}
    for arm, gain, interval in zip(results["arms"], (0.012, -0.004), ([0.001, 0.023], None), strict=True):
        arm |= {"name": f"{arm['name']}+drloc", "gain": gain, "gain_interval": interval}
    assert gains(results, "drloc") == (
        "Points of test accuracy over the initialization alone, n = 2 [95 % interval]: `default` +1.2 [+0.1, +2.3], "
        "`impulse` −0.4."
    )


def test_models_of_other_sizes_show_what_they_cost_and_methods_what_they_compute_beside_them() -> None:
    def arm(name: str, parameters: int, costs: list[str]) -> dict[str, Any]:
        run = {"seconds": 1.0, "images_per_second": 50.0, "parameters": parameters, "flops": 2e6, "costs": costs}
        return {"name": name, "mean": 0.5, "sd": None, "n": 1, "difference": None, "interval": None, "runs": [run]}

    lines = ["bootstrap: 0 M parameters, 0 GFLOP an image; in training 1 M parameters and 2 GFLOP of its own beside it"]
    results = {
        "arms": [arm("default", 1000, []), arm("default+bootstrap", 1000, lines)],
        "command": "c", "hardware": {"gpu": None, "cores": 2}, "date": "d", "config_hash": "h", "commit": None,
    }  # fmt: skip
    assert "M parameters |" not in markdown_table(results)
    assert markdown_table(results).endswith(f"\n\n* {lines[0]}")
    results["arms"][1]["runs"][0]["parameters"] = 2_500_000
    assert "| `default+bootstrap` | 50.0 | 1 | – | 2.500 | 0.0020 | 50 |" in markdown_table(results)
