"""Datasets with checked sources, as tensors on one device, split and augmented there."""

from headstart.data.augmentation import Augmentation, Draws
from headstart.data.checkup import checkup
from headstart.data.dataset import Dataset, Split
from headstart.data.loading import load_collection, load_dataset
from headstart.data.normalizing import normalize
from headstart.data.sheet import contact_sheet, save_sheet
from headstart.data.spec import dataset_names, spec_name, spec_place

__all__ = [
    "Augmentation", "Dataset", "Draws", "Split", "checkup", "contact_sheet", "dataset_names", "load_collection",
    "load_dataset", "normalize", "save_sheet", "spec_name", "spec_place",
]  # fmt: skip
