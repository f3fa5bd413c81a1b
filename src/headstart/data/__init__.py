"""Datasets with checked sources, as tensors on one device, split and augmented there."""

from headstart.data.augmentation import augment, batches, normalize
from headstart.data.dataset import Dataset, Split
from headstart.data.loading import dataset_names, load_dataset

__all__ = ["Dataset", "Split", "augment", "batches", "dataset_names", "load_dataset", "normalize"]
