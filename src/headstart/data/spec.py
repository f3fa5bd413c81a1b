"""What a person types for a dataset: a name, a name and a place, or a path, perhaps with columns behind it."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

from headstart.data.sources import SOURCES
from headstart.errors import HeadstartError, unknown

__all__ = ["dataset_names", "expect_there", "nothing_there", "parse_spec", "spec_name", "spec_place"]

OPTIONS = ("image", "label", "split")


def dataset_names() -> tuple[str, ...]:
    """The names that :func:`headstart.data.load_dataset` knows; it takes paths beside them.

    >>> dataset_names()[:5]
    ('bloodmnist', 'breastmnist', 'cifar10', 'cifar100', 'dermamnist')
    """
    return tuple(sorted(["digits", *SOURCES]))


def spec_name(spec: str) -> str:
    """What the dataset of a spec is called: without the place of a known one, the last part of a path.

    >>> spec_name("cifar10:/data/cifar"), spec_name("photos/fruit/"), spec_name("fruit.parquet:label=kind")
    ('cifar10', 'fruit', 'fruit')
    """
    name, colon, _ = spec.partition(":")
    if name in ("digits", *SOURCES) and (colon or name == spec):
        return name
    path = Path(_without_options(spec)[0])
    path = path if path.name not in ("", "..") else path.expanduser().absolute()
    return path.stem if path.suffix.lower() in (".csv", ".parquet", ".arrow") else path.name


def spec_place(spec: str) -> str:
    """``spec`` with its path made absolute, so that it names the same files from any folder.

    >>> spec_place("digits")
    'digits'
    """
    text, options = _without_options(spec)
    name, colon, place = text.partition(":")
    known = name in ("digits", *SOURCES)
    if known and not colon:
        return spec
    path = str(Path(place if known else text).expanduser().absolute())
    if not Path(path).exists():
        return spec  # the error will speak of what was typed
    return ":".join([*([name] if known else []), path, *(f"{key}={value}" for key, value in options.items())])


def parse_spec(spec: str) -> tuple[str | None, Path | None, dict[str, str]]:
    """(name of a known dataset, place, options) of a spec; one of the first two at least."""
    text, options = _without_options(spec)
    name, colon, place = text.partition(":")
    if name in ("digits", *SOURCES):
        return name, Path(place).expanduser() if place else None, options
    if colon and re.fullmatch(r"[a-z0-9_]{2,}", name) and not Path(text).exists():
        raise unknown("dataset", name, dataset_names())
    if not text:
        raise HeadstartError(f"expected the name of a dataset or a path, got {spec!r}")
    if re.match(r"\.{1,2}/|.*/$", text) and not Path(text).expanduser().exists():
        raise nothing_there(text)  # written as a path, so no name was meant; a Path keeps no slash to tell it by
    return None, Path(text).expanduser(), options


def expect_there(spec: str) -> None:
    """Raise, before anything takes its time, where a spec names a dataset that is not known or a path with nothing."""
    name, place, _ = parse_spec(spec)
    if name is None and place is not None and not place.exists():
        raise nothing_there(str(place))


def nothing_there(text: str) -> HeadstartError:
    """The error for a path, or a name that is no dataset's, at which nothing is; with what nearly has that name."""
    place = Path(text).expanduser()
    try:
        beside = sorted(one.name for one in place.parent.iterdir() if not one.name.startswith("."))
    except OSError:  # no folder, or one that may not be read
        beside = []
    near = [str(place.with_name(name)) for name in difflib.get_close_matches(place.name, beside, n=3, cutoff=0.7)]
    meant = f"did you mean {' or '.join(near)}?" if near else ""
    if text == place.name and not place.suffix:
        here = f"There is no folder of that name here either{f'; {meant}' if meant else '.'}"
        return HeadstartError(f"{unknown('dataset', text, dataset_names())} {here}")
    what = "folder " if text.endswith("/") else ""
    expected = (
        "a folder with one folder for each class, a CSV or parquet file, or a name that `headstart data list` shows"
    )
    return HeadstartError(f"there is no {what}{text}: {f'{meant} Expected' if meant else 'expected'} {expected}")


def _without_options(spec: str) -> tuple[str, dict[str, str]]:
    """``path:label=kind`` as ``("path", {"label": "kind"})``."""
    options: dict[str, str] = {}
    while found := re.fullmatch(rf"(.+):({'|'.join(OPTIONS)})=([^:]+)", spec):
        spec, key, value = found.groups()
        options = {key: value, **options}
    return spec, options
