"""Every command in README.md and the pages under docs/ is understood.

A ``headstart`` command is parsed by the command line's own parser, and what its options name has to exist: recipes and
their keys, initializations, methods, studies and their settings, datasets. Nothing is run. Of other programs, pip's
extras, make's targets and the scripts of the repository are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.console import Console

from headstart.cli import app
from headstart.data import dataset_names
from headstart.errors import HeadstartError
from headstart.initialization import resolve
from headstart.methods import METHODS, resolve_methods
from headstart.studies import STUDIES, Request
from headstart.training import Recipe, named_recipe
from headstart.training.arms import Matrix, of_arm

from .blocks import PAGES, ROOT, SHELLS, Block, blocks, commands, of_page

# Programs of others that pages show, and what a shell has built in.
OTHERS = ("srun", "torchrun", "accelerate", "hf")
HEADSTART = typer.main.get_command(app)


def arguments(words: list[str]) -> list[str] | None:
    """What is given to ``headstart``, behind torchrun too, or to a script that a page shows; None for others."""
    if "-m" in words and words[words.index("-m") + 1 :][:1] == ["headstart"]:
        return words[words.index("-m") + 2 :]
    if words[0] == "python" and not (ROOT / words[1]).exists() and "/" not in words[1]:
        return words[2:]
    return words[1:] if words[0] == "headstart" else None


def parsed(words: list[str]) -> tuple[str, dict[str, Any]]:
    """The command that was meant, such as "data check", and the values of its parameters."""
    context = HEADSTART.make_context("headstart", list(words))
    names: list[str] = []
    while hasattr(context.command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, rest)
        assert name is not None and command is not None
        names.append(name)
        context = command.make_context(name, rest, parent=context)
    return " ".join(names), context.params


class Understood(Exception):
    """The settings of a study were read."""


class Asked(Request):
    """A study's request that goes no further than its settings."""

    def options(self, **defaults: Any) -> dict[str, Any]:
        super().options(**defaults)
        raise Understood


def check_study(given: dict[str, Any]) -> None:
    if given["name"] is None:
        return
    request = Asked(Path("nowhere"), 1, False, tuple(given["set_"] or ()), Console(quiet=True))
    with pytest.raises(Understood):
        STUDIES[given["name"]].run(request)


def check_init(given: dict[str, Any]) -> None:
    from headstart.models.libraries import build_model, parse_options

    if given["library"] == "timm":
        pytest.importorskip("timm")
    build_model(given["name"], given["library"], **parse_options(given["set_"] or []))
    resolve(given["scheme"])


def check_dataset(spec: str) -> None:
    name = spec.partition(":")[0]
    path = re.search(r"/|\.(csv|tsv|parquet|arrow)\b", spec) or spec in ("photos", "runs")
    assert name in dataset_names() or path, f"{spec!r} is neither a known dataset nor looks like a path"


def check(words: list[str]) -> None:
    """Raises unless the command is understood."""
    command, given = parsed(words)
    if command == "study":
        return check_study(given)
    if command == "init":
        return check_init(given)
    recipe = named_recipe(given["recipe"]) if isinstance(given.get("recipe"), str) else Recipe()
    recipe = recipe.override(given.get("set_") or [])
    if command == "recipes" and given.get("name"):
        named_recipe(given["name"])
    for arm in (given.get("init") or "").split(","):
        if arm:
            of_arm(recipe, arm)
    if given.get("matrix"):
        for arm in Matrix.parse(*given["matrix"]).arms:
            of_arm(recipe, arm)
    resolve_methods([text for text in (given.get("with_") or "").split(",") if text])
    for key in ("dataset", "on"):
        if given.get(key):
            check_dataset(given[key])
    if given.get("cluster"):
        from headstart.training.cluster import Cluster

        try:
            Cluster(given["cluster"], given["cluster_set"] or [])
        except HeadstartError as error:  # the settings are read first
            assert re.search("submitit|sbatch|Slurm", str(error)), error


def check_other(words: list[str]) -> None:
    """Raises unless what is asked of another program exists."""
    if words[0] == "pip":
        told = (ROOT / "pyproject.toml").read_text()
        for extra in re.findall(r"headstart\[([\w,]+)\]", " ".join(words)):
            assert all(re.search(rf"^{name} = \[", told, re.MULTILINE) for name in extra.split(",")), (
                f"no extra {extra}"
            )
    elif words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text(), f"no target {words[1]}"
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), f"no script {words[1]}"
    else:
        assert words[0] in OTHERS, f"{words[0]!r} is no program that pages use"


def check_all(found: Iterable[Block]) -> None:
    """Raises, naming page and line, unless every command of the blocks is understood."""
    for block in found:
        if block.reason is not None or block.language not in ("", *SHELLS):
            continue
        for place, words in commands(block):
            mine = arguments(words)
            try:
                check_other(words) if mine is None else check(mine)
            except (Exception, SystemExit) as error:
                if isinstance(error, pytest.skip.Exception):
                    continue
                said = getattr(error, "message", None) or str(error)
                raise AssertionError(f"{place}: {' '.join(words)}: {said}") from error


@pytest.fixture
def shown_methods() -> Iterable[None]:
    """The methods that pages define, as they do it."""
    known = dict(METHODS)
    for page in PAGES:
        for block in of_page(page):
            if "@register" in block.code:
                exec(block.code, {"__name__": "page"})
    yield
    METHODS.clear()
    METHODS.update(known)


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_understood(page: str, shown_methods: None) -> None:
    check_all(of_page(page))


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("headstart trian digits", "trian"),
        ("headstart train digits --depth 4", "--depth"),
        ("headstart compare digits --seeds few", "few"),
        ("headstart train digits --set passs=3", "passs"),
        ("headstart train digits --set passes=many", "passes"),
        ("headstart train digits --recipe nothing", "nothing"),
        ("headstart train digit", "digit"),
        ("headstart compare digits --init impulse,impluse", "impluse"),
        ("headstart compare digits --init impulse:sharpnes=1", "sharpnes"),
        ("headstart compare digits --matrix init=default with=none,drlok", "drlok"),
        ("headstart train digits --with drloc:weights=1", "weights"),
        ("headstart study filter", "filter"),
        ("headstart study filters --set kernel=3", "kernel"),
        ("torchrun --nproc-per-node=2 -m headstart train digits --oops", "--oops"),
        ("pip install 'headstart[everything]'", "everything"),
        ("make tea", "tea"),
        ("python benchmarks/none.py", "none.py"),
        ("cd nowhere", "cd"),
    ],
)
def test_a_wrong_command_is_found(command: str, message: str) -> None:
    found = blocks(f"Right, then wrong:\n\n```bash\nmake test\n{command}  # why\n```\n", "page.md")
    with pytest.raises(AssertionError, match=rf"page\.md:5: .*{re.escape(message)}"):
        check_all(found)


def test_lines_that_go_on_are_one_command() -> None:
    code = "first=$(hostname)\nOMP=1 headstart train digits \\\n    --seed 1 && make test\n"
    (block,) = blocks(f"```bash\n{code}```", "page.md")
    train = ["headstart", "train", "digits", "--seed", "1"]
    assert list(commands(block)) == [("page.md:3", train), ("page.md:3", ["make", "test"])]
