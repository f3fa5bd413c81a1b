"""Studies: questions about why a head start works, each answered by one command, with a result file and pictures."""

from headstart.studies import ablation, corruptions, filters, locality, permutation, recipe, starts, verification
from headstart.studies.study import STUDIES, Request, Study

__all__ = [
    "STUDIES",
    "Request",
    "Study",
    "ablation",
    "corruptions",
    "filters",
    "locality",
    "permutation",
    "recipe",
    "starts",
    "verification",
]
