"""Batched augmentation on the device the images are on, each image by its own random draw."""

from headstart.data.augmentation.draws import Draws
from headstart.data.augmentation.settings import Augmentation
from headstart.data.augmentation.shift import augment

__all__ = ["Augmentation", "Draws", "augment"]
