import json
from collections.abc import Callable
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from rich.console import Console

from headstart.errors import HeadstartError
from headstart.initialization import resolve
from headstart.studies import STUDIES, Request
from headstart.studies import ablation as study
from headstart.studies.ablation_picture import draw_ablation
from headstart.studies.ablation_questions import QUESTIONS, questions
from headstart.studies.questions import RELEASED, Arm


def request(out: Path, *settings: str, seeds: int = 2) -> Request:
    return Request(out, seeds, True, settings, Console(quiet=True))


def test_the_study_runs_answers_and_goes_on(tmp_path: Path, forbid_training: Callable[[], None]) -> None:
    results = STUDIES["ablation"].run(request(tmp_path, "questions=pooling,values", "depths=1,2"))
    assert json.loads((tmp_path / "results.json").read_text()) == json.loads(json.dumps(results))
    assert (tmp_path / "ablation.png").stat().st_size > 10_000
    pooling, values = results["answers"]
    assert [(arm["init"], arm["changes"]) for arm in pooling["arms"]] == [
        ("default", []), ("impulse", []), ("default", ["pool=class"]), ("impulse", ["pool=class"]),
    ]  # fmt: skip
    plain, impulse, other, last = pooling["arms"]
    assert plain["difference"] is None and other["difference"] is None
    assert impulse["difference"] == pytest.approx(impulse["mean"] - plain["mean"])
    assert last["beside"] == {"init": "default", "changes": ["pool=class"]}
    assert last["difference"] == pytest.approx(last["mean"] - other["mean"])
    assert values["arms"][0]["test"] == impulse["test"]  # trained once for both questions
    assert [arm["changes"] for arm in values["arms"]] == [[]] * 5 + [["depth=2"]] * 5
    alone = json.loads((tmp_path / "values.json").read_text())
    assert alone["command"].endswith("--quick --set depths=1,2 --set questions=values")
    assert alone["rows"][0]["start"] == "`impulse`" and alone["n"] == 2
    forbid_training()
    assert study.run(request(tmp_path, "questions=pooling"))["answers"] == [pooling]


def test_unknown_questions_are_told(tmp_path: Path) -> None:
    with pytest.raises(HeadstartError, match="unknown question of this study 'poolin': did you mean 'pooling'"):
        study.run(request(tmp_path, "questions=poolin"))


@pytest.mark.parametrize(("width", "depth", "depths"), [(72, 4, (4, 12, 24)), (192, 12, (12, 4, 24))])
def test_every_arm_is_a_start_and_stands_beside_one(width: int, depth: int, depths: tuple[int, ...]) -> None:
    every = questions(width, depth, depths, True)
    assert tuple(every) == QUESTIONS
    for question in every.values():
        assert len(set(question.arms)) == len(question.arms)
        for arm in question.arms:
            resolve(arm.init)
            assert question.beside(arm).init == question.reference
            assert question.beside(question.beside(arm)) == question.beside(arm)
    heads = {arm.changes for arm in every["heads"].arms}
    assert ((("heads=9",) in heads), ("heads=12",) in heads) == (width % 9 == 0, True)
    controls = {"norm-matched", "impulse:control=scrambled"}
    assert {arm.init for arm in every["rate"].arms} == {"default", "mimetic", RELEASED, "impulse"} | controls
    assert every["values"].beside(Arm("impulse:value=random", ("depth=24",))) == Arm("impulse", ("depth=24",))


def test_sharpness_goes_from_one_end_to_the_other() -> None:
    inits = [arm.init for arm in questions(72, 4, (4,), False)["sharpness"].arms]
    assert "impulse:sharpness=0.8/0.6/0.4/0.2" in inits and "impulse:sharpness=0.2/0.4/0.6/0.8" in inits


def test_a_long_name_keeps_what_is_changed_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Figure] = []
    original = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (drawn.append(self), original(self, *a, **k)))
    plain = {"difference": None, "interval": None}
    arms = [{"init": RELEASED, "changes": list(changes), **plain} for changes in ((), ("heads=6",), ("heads=12",))]
    draw_ablation({"n": 3, "answers": [{"question": "How many?", "arms": arms}]}, tmp_path / "a.png")
    names = [label.get_text() for label in drawn[0].axes[0].get_yticklabels()]
    assert names[0] == RELEASED and [name.rpartition("… ")[2] for name in names[1:]] == ["heads=6", "heads=12"]
    assert max(map(len, names)) <= 64
