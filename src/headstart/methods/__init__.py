"""The published ways of training a ViT on little data, one file each, behind one class.

To add one: write its file, import it below. ``docs/methods/add-your-own.md`` shows it step by step.
"""

from headstart.methods.adversarial_noise import AdversarialNoise
from headstart.methods.bootstrap import Bootstrap
from headstart.methods.conditioned_choice import ConditionedChoice
from headstart.methods.conditioned_strength import ConditionedStrength
from headstart.methods.convffn import ConvFFN
from headstart.methods.convstem import ConvStem
from headstart.methods.drloc import DRLoc
from headstart.methods.fourier import Fourier
from headstart.methods.gaussian_noise import GaussianNoise
from headstart.methods.life import LIFE
from headstart.methods.method import Method, Step
from headstart.methods.overlap import Overlap
from headstart.methods.registry import METHODS, method_names, register, resolve_methods
from headstart.methods.slim import Slim
from headstart.methods.smoothing import Smoothing

__all__ = [
    "LIFE",
    "METHODS",
    "AdversarialNoise",
    "Bootstrap",
    "ConditionedChoice",
    "ConditionedStrength",
    "ConvFFN",
    "ConvStem",
    "DRLoc",
    "Fourier",
    "GaussianNoise",
    "Method",
    "Overlap",
    "Slim",
    "Smoothing",
    "Step",
    "method_names",
    "register",
    "resolve_methods",
]
