from collections.abc import Iterator

import pytest

from headstart.errors import HeadstartError
from headstart.methods import METHODS, Method, method_names, register, resolve_methods


@pytest.fixture
def toy() -> Iterator[type[Method]]:
    class Toy(Method):
        name = "toy-method"

        def __init__(self, weight: float = 0.5, pairs: int = 4, shuffled: bool = False) -> None:
            super().__init__()
            self.weight, self.pairs, self.shuffled = weight, pairs, shuffled

    yield register(Toy)
    del METHODS["toy-method"]


def test_a_method_is_made_by_its_name_with_options(toy: type[Method]) -> None:
    made, other = (resolve_methods([text])[0] for text in ("toy-method", "toy-method:weight=1:pairs=8:shuffled=True"))
    assert isinstance(made, toy) and isinstance(other, toy)
    assert (made.weight, made.pairs, made.shuffled) == (0.5, 4, False)
    assert (other.weight, other.pairs, other.shuffled) == (1, 8, True)
    assert "toy-method" in method_names()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["toy-methd"], "unknown method 'toy-methd': did you mean 'toy-method'?"),
        (["toy-method:weigth=1"], "unknown option of method 'toy-method' 'weigth': did you mean 'weight'?"),
        (["toy-method:pairs=many"], "method 'toy-method:pairs=many': pairs must be a int, got 'many'"),
        (["toy-method", "toy-method:pairs=2"], "method 'toy-method' is asked for 2 times; once is enough"),
    ],
)
def test_bad_names_and_options_are_told(toy: type[Method], texts: list[str], message: str) -> None:
    with pytest.raises(HeadstartError) as told:
        resolve_methods(texts)
    assert message in str(told.value)


def test_two_methods_of_one_name_are_refused(toy: type[Method]) -> None:
    class Other(Method):
        name = "toy-method"

    with pytest.raises(HeadstartError, match=r"there is a method 'toy-method' already \(Toy\); choose another name"):
        register(Other)
    assert register(toy) is toy


@pytest.mark.parametrize("name", ["", "a:b", "a,b", "a+b"])
def test_a_name_has_to_be_one_that_can_be_written(name: str) -> None:
    class Nameless(Method):
        pass

    Nameless.name = name
    with pytest.raises(HeadstartError, match="Nameless needs a name of letters, digits, - and _ to be asked for by"):
        register(Nameless)
