"""Learned locality: whether heads look at the patches that belong together, and how far training moved them."""

from headstart.evaluation.locality.association import chance, near_patches, patch_association, same_set
from headstart.evaluation.locality.distance import attention_distance, uniform_distance
from headstart.evaluation.locality.measuring import locality
from headstart.evaluation.locality.report import HeadLocality, LocalityReport, PositionLocality

__all__ = [
    "HeadLocality", "LocalityReport", "PositionLocality", "attention_distance", "chance", "locality", "near_patches",
    "patch_association", "same_set", "uniform_distance",
]  # fmt: skip
