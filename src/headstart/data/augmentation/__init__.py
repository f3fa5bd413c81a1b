"""Batched augmentation on the device the images are on, each image by its own random draw."""

from headstart.data.augmentation.shift import augment

__all__ = ["augment"]
