"""Common corruptions (1903.12261): noise, blur, weather and digital damage, and how well a model stands them."""

from headstart.evaluation.corruptions.corrupting import corrupt
from headstart.evaluation.corruptions.tables import CORRUPTIONS, GROUPS, SEVERITIES, SUITES, Suite, suite_for

__all__ = ["CORRUPTIONS", "GROUPS", "SEVERITIES", "SUITES", "Suite", "corrupt", "suite_for"]
