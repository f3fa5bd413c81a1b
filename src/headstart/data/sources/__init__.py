"""The public datasets by name. A new one is one more :class:`~headstart.data.source.Source` in one of these files."""

from __future__ import annotations

from headstart.data.source import Source
from headstart.data.sources.cifar import SOURCES as CIFAR
from headstart.data.sources.dtd import SOURCES as DTD
from headstart.data.sources.eurosat import SOURCES as EUROSAT
from headstart.data.sources.flowers import SOURCES as FLOWERS
from headstart.data.sources.food import SOURCES as FOOD
from headstart.data.sources.gtsrb import SOURCES as GTSRB
from headstart.data.sources.imagenet import SOURCES as IMAGENET
from headstart.data.sources.imagenette import SOURCES as IMAGENETTE
from headstart.data.sources.medmnist import SOURCES as MEDMNIST
from headstart.data.sources.mnist import SOURCES as MNIST
from headstart.data.sources.pets import SOURCES as PETS
from headstart.data.sources.stl10 import SOURCES as STL10
from headstart.data.sources.svhn import SOURCES as SVHN
from headstart.data.sources.tiny_imagenet import SOURCES as TINY_IMAGENET

__all__ = ["SOURCES"]

ALL = (
    *CIFAR, *SVHN, *STL10, *MNIST, *TINY_IMAGENET, *IMAGENETTE, *FLOWERS, *PETS, *FOOD, *EUROSAT, *GTSRB, *DTD,
    *IMAGENET, *MEDMNIST,
)  # fmt: skip

SOURCES: dict[str, Source] = {source.name: source for source in ALL}
