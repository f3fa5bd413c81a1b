"""Batched augmentation on the device the images are on, each image by its own random draw."""

from headstart.data.augmentation.draws import Draws
from headstart.data.augmentation.settings import Augmentation

__all__ = ["Augmentation", "Draws"]
