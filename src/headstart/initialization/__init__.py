"""Initialization: offsets give targets, a solver finds weights, a scheme is the whole choice, a report what came."""

from headstart.initialization.apply import init_, measure, names, resolve
from headstart.initialization.impulse import Impulse
from headstart.initialization.mimetic import Conditioned, Default, Mimetic, ReleasedMimetic
from headstart.initialization.norm_matched import NormMatched
from headstart.initialization.report import HeadReport, InitReport
from headstart.initialization.scheme import Scheme

__all__ = [
    "Conditioned", "Default", "HeadReport", "Impulse", "InitReport", "Mimetic", "NormMatched", "ReleasedMimetic",
    "Scheme", "init_", "measure", "names", "resolve",
]  # fmt: skip
