"""What a person types for a dataset: a name, a name and a place, or a path, perhaps with columns behind it."""

from __future__ import annotations

import re
from pathlib import Path

from headstart.data.sources import SOURCES
from headstart.errors import HeadstartError, unknown

__all__ = ["dataset_names", "parse_spec", "spec_name", "spec_place"]

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
    return None, Path(text).expanduser(), options


def _without_options(spec: str) -> tuple[str, dict[str, str]]:
    """``path:label=kind`` as ``("path", {"label": "kind"})``."""
    options: dict[str, str] = {}
    while found := re.fullmatch(rf"(.+):({'|'.join(OPTIONS)})=([^:]+)", spec):
        spec, key, value = found.groups()
        options = {key: value, **options}
    return spec, options
