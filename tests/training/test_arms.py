from pathlib import Path

import pytest

from headstart.errors import HeadstartError
from headstart.training import Recipe, compare
from headstart.training.arms import Matrix, of_arm
from headstart.training.comparison import plan
from headstart.training.statistics import paired_difference
from headstart.training.together import Together


def test_an_arm_is_an_initialization_and_methods(tiny: Recipe) -> None:
    recipe = of_arm(tiny, "impulse:sharpness=0.8 + convffn:kernel=5+overlap")
    assert (recipe.init, recipe.methods) == ("impulse:sharpness=0.8", ("convffn:kernel=5", "overlap"))
    assert of_arm(tiny.override(["methods=overlap"]), "default+convffn").methods == ("overlap", "convffn")
    assert of_arm(tiny, "default").methods == ()


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ("impulze+convffn", "did you mean 'impulse'"),
        ("impulse+convfn", "unknown method 'convfn': did you mean 'convffn'"),
        ("impulse+convffn+convffn", "'convffn' is asked for 2 times"),
    ],
)
def test_a_bad_arm_writes_nothing(tiny: Recipe, tmp_path: Path, arm: str, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        compare(tiny, ["default", arm], [0], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_matrix_is_read_and_written() -> None:
    matrix = Matrix.parse("with=none,convffn,overlap+convffn", "init=default,impulse")
    added = ["", "+convffn", "+overlap+convffn"]
    assert matrix.arms == [init + methods for init in ("default", "impulse") for methods in added]
    assert str(matrix) == "init=default,impulse with=none,convffn,overlap+convffn"
    assert matrix.corners("impulse+convffn") == ("impulse", "default+convffn", "default")
    assert [matrix.alone(arm) for arm in ("impulse+convffn", "default+convffn", "impulse")] == [
        "impulse",
        "default",
        None,
    ]
    assert [matrix.corners(arm) for arm in ("default", "impulse", "default+convffn")] == [None] * 3


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (("init=default", "wiht=none"), "expected --matrix init=A,B with=none,C, got 'init=default wiht=none'"),
        (
            ("init=default", "with=convffn"),
            "with=none,…, so that gains can be counted from it, got with=convffn",
        ),
    ],
)
def test_a_matrix_that_can_not_be_read_is_told(texts: tuple[str, str], message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        Matrix.parse(*texts)


def test_the_results_of_a_matrix_have_costs_and_interactions(tiny: Recipe, tmp_path: Path) -> None:
    short, matrix = tiny.override(["passes=1"]), Matrix(("default", "mimetic"), ("none", "convffn"))
    results = compare(short, matrix, [0, 1], tmp_path)
    assert results["matrix"] == {"init": ["default", "mimetic"], "with": ["none", "convffn"]}
    assert "--matrix init=default,mimetic with=none,convffn --seeds 2" in results["command"]
    arms = {arm["name"]: arm for arm in results["arms"]}
    tests = {name: [run["test"] for run in arm["runs"]] for name, arm in arms.items()}
    sums = [a + b - c for a, b, c in zip(tests["mimetic"], tests["default+convffn"], tests["default"], strict=True)]
    difference, interval = paired_difference(tests["mimetic+convffn"], sums)
    assert arms["mimetic+convffn"]["interaction"] == pytest.approx(difference)
    assert arms["mimetic+convffn"]["interaction_interval"] == pytest.approx(interval)
    assert arms["default+convffn"]["interaction"] is None
    for name, alone in (("mimetic+convffn", "mimetic"), ("default+convffn", "default")):
        assert arms[name]["gain"] == pytest.approx(paired_difference(tests[name], tests[alone])[0])
    assert arms["mimetic"]["gain"] is None
    first, other = (arms[name]["runs"][0] for name in ("default", "default+convffn"))
    assert other["parameters"] > first["parameters"] and other["flops"] > first["flops"]


def test_only_arms_of_one_architecture_train_at_once(tiny: Recipe, tmp_path: Path) -> None:
    chosen = plan(tiny, Matrix(("default", "mimetic"), ("none", "convffn")), [0], tmp_path)
    groups = [[run.arm for run in group] for group in Together(8).groups(chosen)]
    assert groups == [["default", "mimetic"], ["default+convffn", "mimetic+convffn"]]
