import pytest
import torch

from headstart import HeadstartError, Impulse, Mimetic, NormMatched
from headstart.initialization import names, resolve


@pytest.mark.parametrize(
    ("text", "scheme"),
    [
        ("impulse", Impulse()),
        ("impulse:sharpness=0.8:kernel=5", Impulse(sharpness=0.8, kernel=5)),
        ("impulse:solver=rotation:sharpness=0.9/0.5", Impulse(solver="rotation", sharpness=(0.9, 0.5))),
        ("mimetic:beta=1", Mimetic(beta=1)),
        ("impulse:whiten=True:mlp_mean=-0.01", Impulse(whiten=True, mlp_mean=-0.01)),
        ("norm-matched", NormMatched()),
        ("norm-matched:to=impulse", NormMatched()),
        ("norm-matched:to=(impulse:kernel=5)", NormMatched(Impulse(kernel=5))),
        (
            "norm-matched:to=(impulse:offsets=(0,0)/(0,1)):mlp_mean=0.1",
            NormMatched(Impulse(offsets=[(0, 0), (0, 1)]), mlp_mean=0.1),
        ),
        ("impulse:offsets=0/0/0/1/1/0", Impulse(offsets=[(0, 0), (0, 1), (1, 0)])),
        ("impulse:offsets=(0,0)/(0,-1)", Impulse(offsets=torch.tensor([(0, 0), (0, -1)]))),
        ("impulse:offsets=((0,0),(0,1))/((1,0),(0,0))", Impulse(offsets=[[(0, 0), (0, 1)], [(1, 0), (0, 0)]])),
        ("impulse:offsets=(0,1)", Impulse(offsets=[(0, 1)])),
        ("impulse:sharpness=(0.5,)", Impulse(sharpness=[0.5])),
    ],
)
def test_text_and_scheme_are_the_same(text, scheme):
    assert resolve(text) == scheme
    assert resolve(scheme.spec) == scheme
    assert hash(scheme) == hash(resolve(text))


def test_every_scheme_says_whether_it_uses_images():
    assert [name for name in names() if resolve(name).uses_images] == []
    assert resolve("impulse:solver=decoder").uses_images
    assert resolve("default:whiten=True").uses_images
    assert NormMatched(Impulse(solver="decoder")).uses_images


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "impulze",
            "unknown scheme 'impulze': did you mean 'impulse'? Known: conditioned, default, impulse, mimetic,",
        ),
        ("impulse:solvr=rotation", "unknown option of scheme 'impulse' 'solvr': did you mean 'solver'?"),
        ("impulse:solver=rotatoin", "unknown solver 'rotatoin': did you mean 'rotation'?"),
        ("impulse:value=balance", "unknown value 'balance': did you mean 'balanced'?"),
        ("impulse:control=scrambeld", "unknown control 'scrambeld': did you mean 'scrambled'?"),
        ("impulse:sharpness", "expected name:key=value:key=value, got 'sharpness'"),
        ("impulse:kernel=3:solver=rotation:kernel=5", "kernel is given twice; leave one of them out."),
        ("norm-matched:to=mimetic", "unknown scheme 'mimetic': Known: impulse."),
        ("norm-matched:to=3", "to must be an Impulse, or its text such as (impulse:kernel=5), got 3."),
        ("norm-matched:to=(impulse:kernel=three)", "scheme 'impulse:kernel=three': kernel must be a int"),
        ("impulse:kernel=three", "kernel must be a int, got 'three'"),
        ("impulse:solver=gradient:steps=-5", "steps: expected a whole number of steps from 0 up, got -5."),
        ("impulse:sharpness=1", "a number strictly between 0 and 1; got 1"),
        ("impulse:sharpness=0", "a number strictly between 0 and 1; got 0"),
        ("impulse:sharpness=high", "sharpness is the attention a head gives its target patch"),
    ],
)
def test_bad_text_says_what_is_wrong(text, message):
    with pytest.raises(HeadstartError) as error:
        resolve(text)
    assert message in str(error.value)


def test_what_is_no_scheme_says_so():
    with pytest.raises(HeadstartError, match="scheme must be a name or a Scheme, got int"):
        resolve(3)
