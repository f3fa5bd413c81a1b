import pytest

from headstart.errors import HeadstartError
from headstart.evaluation.corruptions import CORRUPTIONS, GROUPS, SUITES, suite_for


def test_fifteen_corruptions_of_five_severities() -> None:
    assert len(CORRUPTIONS) == 15 == len(set(CORRUPTIONS)) and [len(names) for names in GROUPS.values()] == [3, 4, 4, 4]
    for suite in SUITES.values():
        assert tuple(suite.parameters) == CORRUPTIONS
        assert all(len(rows) == 5 for rows in suite.parameters.values())


def test_the_nearer_size_gives_the_suite() -> None:
    assert [suite_for(n, n).name for n in (28, 64, 84, 85, 224)] == ["cifar-c"] * 3 + ["imagenet-c"] * 2


def test_unknown() -> None:
    with pytest.raises(HeadstartError, match="unknown corruption 'mist'"):
        SUITES["cifar-c"].of("mist", 1)
    with pytest.raises(HeadstartError, match="got 0"):
        SUITES["cifar-c"].of("fog", 0)
