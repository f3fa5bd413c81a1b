"""Who is who: the identities that a model is asked about have to be strangers to it, and to each other's groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from headstart.data import Dataset
from headstart.errors import HeadstartError, unknown
from headstart.evaluation.verification.pairs import Pairs, all_pairs

__all__ = ["People", "check_disjoint", "left_out", "people", "split_identities"]


@dataclass(frozen=True)
class People:
    """Images of some identities; where no persons are at hand, the classes of any dataset are identities.

    Args:
        images: uint8 (n, C, H, W), as stored.
        labels: int64 (n,), number of the identity.
        names: of the identities, by number.
    """

    images: Tensor
    labels: Tensor
    names: tuple[str, ...]

    @property
    def pairs(self) -> Pairs:
        """Every image with every other one."""
        return all_pairs(self.labels)


def check_disjoint(groups: Mapping[str, Iterable[str]]) -> None:
    """Raise :class:`~headstart.errors.HeadstartError` when an identity is in two of the named groups."""
    seen: dict[str, str] = {}
    for group, names in groups.items():
        members = dict.fromkeys(names, group)
        for name in members:
            if name in seen:
                raise HeadstartError(
                    f"identity {name!r} is in {seen[name]} and in {group}; verification is about identities that were "
                    "not seen before: choose groups without common names."
                )
        seen |= members


def left_out(classes: Sequence[str], *seen: Sequence[str]) -> tuple[str, ...]:
    """Those of ``classes`` that none of the lists ``seen`` holds, in their order.

    >>> left_out(["a", "b", "c", "d"], ["a"], ["a", "c"])
    ('b', 'd')
    """
    known = {name for names in seen for name in names}
    return tuple(name for name in classes if name not in known)


def split_identities(names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(development, test): the first third of the identities, at least two, and the others.

    Raises :class:`~headstart.errors.HeadstartError` for fewer than four.

    >>> split_identities("abcdefg")
    (('a', 'b'), ('c', 'd', 'e', 'f', 'g'))
    """
    if len(names) < 4:
        raise HeadstartError(
            f"to choose a layer or learn a fusion takes two identities for that and two others for the test, got "
            f"{len(names)} unseen: {', '.join(names) or 'none'}. Leave more classes out of the training, or name one "
            "layer and one distance and do not fuse."
        )
    cut = max(2, len(names) // 3)
    return tuple(names[:cut]), tuple(names[cut:])


def people(dataset: Dataset, names: Sequence[str], most: int | None = None) -> People:
    """The images of the named classes: of the test part, then of the validation and the training part.

    All parts serve, since of an identity that was left out of the training no image was ever seen.

    Args:
        dataset: its classes are identities.
        names: of the identities.
        most: images of each, the first ones; all unless given.

    Raises :class:`~headstart.errors.HeadstartError` for fewer than two names, one that is no class, and one without
    an image.
    """
    if len(set(names)) < 2:
        raise HeadstartError(f"verification takes two identities or more, got {', '.join(names) or 'none'}.")
    images, labels = [], []
    for number, name in enumerate(names):
        if name not in dataset.classes:
            raise unknown(f"identity of {dataset.name}", name, dataset.classes)
        left, label = most, dataset.classes.index(name)
        for split in (dataset.test, dataset.val, dataset.train):
            rows = (split.labels == label).nonzero().flatten()[:left]
            images.append(split[rows].images)
            labels.append(torch.full_like(rows, number))
            left = None if left is None else left - len(rows)
        if not sum(map(len, images[-3:])):
            raise HeadstartError(f"identity {name!r} of {dataset.name} has no image.")
    return People(torch.cat(images), torch.cat(labels), tuple(names))
