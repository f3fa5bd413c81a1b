"""Datasets with checked sources, as tensors on one device, split and augmented there."""

from headstart.data.augmentation import augment, batches, normalize
from headstart.data.dataset import Dataset, Split
from headstart.data.loading import load_collection, load_dataset
from headstart.data.spec import dataset_names, spec_name, spec_place

__all__ = [
    "Dataset", "Split", "augment", "batches", "dataset_names", "load_collection", "load_dataset", "normalize",
    "spec_name", "spec_place",
]  # fmt: skip
