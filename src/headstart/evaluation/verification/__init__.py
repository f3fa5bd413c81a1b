"""Verification with off-the-shelf features (2407.19472): do two images show the same one, asked of a model that was
trained for something else?
"""

from headstart.evaluation.verification.contest import Entry, enter, fuse
from headstart.evaluation.verification.distances import DISTANCES, chi_square, cosine
from headstart.evaluation.verification.features import features, features_of
from headstart.evaluation.verification.fusion import Fusion, fit_fusion
from headstart.evaluation.verification.identities import People, check_disjoint, left_out, people, split_identities
from headstart.evaluation.verification.layers import layers
from headstart.evaluation.verification.measures import (
    DetCurve,
    Verification,
    det_curve,
    equal_error_rate,
    frr_at_far,
    measure,
)
from headstart.evaluation.verification.pairs import Pairs, all_pairs, similarities
from headstart.evaluation.verification.sweep import Contender, Swept, best, sweep

__all__ = [
    "DISTANCES", "Contender", "DetCurve", "Entry", "Fusion", "Pairs", "People", "Swept", "Verification", "all_pairs",
    "best", "check_disjoint", "chi_square", "cosine", "det_curve", "enter", "equal_error_rate", "features",
    "features_of", "fit_fusion", "frr_at_far", "fuse", "layers", "left_out", "measure", "people", "similarities",
    "split_identities", "sweep",
]  # fmt: skip
