"""The published ways of training a ViT on little data, one file each, behind one class.

To add one: write its file, import it below. ``docs/methods/add-your-own.md`` shows it step by step.
"""

from headstart.methods.bootstrap import Bootstrap
from headstart.methods.convffn import ConvFFN
from headstart.methods.convstem import ConvStem
from headstart.methods.drloc import DRLoc
from headstart.methods.life import LIFE
from headstart.methods.method import Method, Step
from headstart.methods.overlap import Overlap
from headstart.methods.registry import METHODS, method_names, register, resolve_methods
from headstart.methods.slim import Slim
from headstart.methods.smoothing import Smoothing

__all__ = [
    "LIFE",
    "METHODS",
    "Bootstrap",
    "ConvFFN",
    "ConvStem",
    "DRLoc",
    "Method",
    "Overlap",
    "Slim",
    "Smoothing",
    "Step",
    "method_names",
    "register",
    "resolve_methods",
]
