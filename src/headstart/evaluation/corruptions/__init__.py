"""Common corruptions (1903.12261): noise, blur, weather and digital damage, and how well a model stands them."""

from headstart.evaluation.corruptions.corrupting import corrupt
from headstart.evaluation.corruptions.evaluating import evaluate_corruptions, evaluate_corruptions_of
from headstart.evaluation.corruptions.frost import read_frost
from headstart.evaluation.corruptions.measures import mce, mean_error, relative_mce
from headstart.evaluation.corruptions.published import Published, open_published
from headstart.evaluation.corruptions.result import CorruptionResult
from headstart.evaluation.corruptions.tables import CORRUPTIONS, GROUPS, SEVERITIES, SUITES, Suite, suite_for

__all__ = [
    "CORRUPTIONS",
    "GROUPS",
    "SEVERITIES",
    "SUITES",
    "CorruptionResult",
    "Published",
    "Suite",
    "corrupt",
    "evaluate_corruptions",
    "evaluate_corruptions_of",
    "mce",
    "mean_error",
    "open_published",
    "read_frost",
    "relative_mce",
    "suite_for",
]
