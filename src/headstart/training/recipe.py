"""A recipe: everything that decides a run, in one frozen, typed, flat record."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headstart.data import spec_name
from headstart.errors import HeadstartError, unknown
from headstart.training.architectures import check_architecture

__all__ = ["Recipe"]

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Probability = Annotated[float, Field(ge=0, le=1)]
Strength = Annotated[float, Field(ge=0)]
ADDED = (
    "per_class", "fraction", "image_size", "max_bad", "content", "step_back", "resized_crop", "augment", "magnitude",
    "operations", "color_jitter", "erase", "mixup", "cutmix", "repeats", "fill", "optimizer", "ema", "accumulate",
    "eps", "methods", "permute_patches", "permute_size", "classes", "graph",
    "val_every",
)  # fmt: skip
Beta = Annotated[float, Field(ge=0, lt=1)]
SYNONYMS = {
    "epochs": "passes", "epoch": "passes", "learning_rate": "lr", "batch": "batch_size", "bs": "batch_size",
    "wd": "weight_decay", "dim": "width", "embed_dim": "width", "num_heads": "heads", "layers": "depth",
    "patch": "patch_size", "img_size": "image_size", "warmup_epochs": "warmup", "smoothing": "label_smoothing",
    "clip_grad": "clip", "opt": "optimizer", "initialization": "init", "dtype": "precision", "random_erasing": "erase",
    "eval_every": "val_every", "eval_interval": "val_every",
}  # fmt: skip


class Recipe(BaseModel):
    """How to train one model; two equal recipes give two equal runs.

    Keys are flat, so that ``override(["passes=3"])`` and ``--set passes=3`` reach all of them. ``None`` for
    ``width``, ``depth`` or ``heads`` takes the value of the named ``model``. A *pass* is one look at every
    training image.

    ``model`` is a plain ViT (tiny, small, base), which has the keys below it, or another one with options of its own:
    ``edgevit_xxs:patch_size=2``, ``timm/resnet18``, ``torchvision/resnet18``. Models whose attention can't be seen, or
    have none, are trained from ``init="default"``.

    Raises :class:`~headstart.errors.HeadstartError` for an unknown key (naming the nearest) or a value of the
    wrong type or range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # data
    dataset: str = "digits"
    classes: str | None = None  # train on these alone, as names, numbers or ranges: 0-6; all unless given
    limit: Count | None = None  # keep that many training images, all classes alike
    per_class: Count | None = None  # keep that many training images of each class
    fraction: Annotated[float, Field(gt=0, le=1)] | None = None  # keep that share of the training images
    image_size: Count | None = None  # resize to that many pixels a side; by the dataset unless given
    max_bad: Share = 0.01  # share of unreadable image files that may be left out
    content: str | None = None  # of own images: a hash of files, labels and parts; tells folders of one name apart
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    # which images are kept and validated on: the same for every seed, so that runs can be paired
    split_seed: Annotated[int, Field(ge=-(2**63), lt=2**64)] = 0  # a torch.Generator's
    # augmentation, see headstart.data.Augmentation
    crop: Annotated[int, Field(ge=0)] = 0  # random shift by up to that many pixels
    resized_crop: Annotated[float, Field(gt=0, le=1)] | None = None  # smallest share of the area cut out and resized
    flip: bool = False
    augment: Literal["none", "randaugment", "trivialaugment", "3augment"] = "none"
    magnitude: Annotated[float, Field(ge=0, le=30)] = 9.0  # of randaugment, as in torchvision
    operations: Count = 2  # of randaugment, one after another
    color_jitter: Share = 0.0  # brightness, contrast and saturation by factors from 1 − v to 1 + v
    erase: Probability = 0.0  # of random erasing
    mixup: Strength = 0.0  # alpha of its Beta distribution
    cutmix: Strength = 0.0  # likewise; with both, one or the other
    repeats: Count = 1  # times an image stands in a batch, each time augmented otherwise (1901.09335)
    fill: Literal["black", "mean"] = "black"  # what comes in from outside an image
    # then, in training and evaluation alike
    permute_patches: Annotated[int, Field(ge=0)] | None = None  # which random order the patches of all images get
    permute_size: Count | None = None  # pixels of the patches that are permuted; patch_size unless given
    # model
    model: str = "tiny"  # or small, base, edgevit_xxs, timm/resnet18 …; with options of its own: name:option=value
    width: Count | None = None
    depth: Count | None = None
    heads: Count | None = None
    patch_size: Count = 4
    mlp_ratio: Annotated[float, Field(gt=0)] = 4.0
    drop_path: Share = 0.0
    pool: Literal["mean", "class"] = "mean"
    registers: Annotated[int, Field(ge=0)] = 0
    position: Literal["learned", "sincos", "harmonic"] = "learned"
    # initialization and methods
    init: str = "impulse"
    methods: tuple[str, ...] = ()  # small-data methods, as --with names them: drloc,life
    init_images: Count = 256  # unlabelled training images shown to schemes that ask for some
    # optimisation
    passes: Count = 100
    batch_size: Count = 128  # of a step, over all processes and parts
    accumulate: Count = 1  # parts that a batch goes through the model in; saves memory, changes no result
    optimizer: Literal["adamw", "muon"] = "adamw"
    lr: Annotated[float, Field(gt=0)] = 1e-3
    min_lr: Annotated[float, Field(ge=0, le=1)] = 0.01  # where the cosine ends, as a share of lr
    warmup: Share = 0.1  # share of all steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    eps: Annotated[float, Field(gt=0)] = 1e-8  # added to AdamW's denominator
    label_smoothing: Share = 0.1
    clip: Annotated[float, Field(gt=0)] | None = 1.0  # largest gradient norm
    ema: Share = 0.0  # decay of a moving average of the weights, which is then what is evaluated and kept
    step_back: Annotated[int, Field(ge=0)] = 0  # times a diverged run may go back a pass, with a third of the lr
    # running
    seed: int = 0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: float32 on CPU, bfloat16 on CUDA
    compile: bool = False
    graph: bool = True  # on a GPU, launch a step's kernels all at once (a CUDA graph)
    eval_batch: Count = 512
    val_every: Count = 1  # look at the validation images after every that many passes, and after the last

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _readable(error) from None
        check_architecture(self)

    def override(self, assignments: Iterable[str]) -> Recipe:
        """The same recipe with ``key=value`` strings applied; ``none`` clears an optional key.

        Another ``model`` comes with its own width, depth and heads, where these are not given beside it.

        >>> Recipe().override(["passes=3", "betas=0.9,0.95"]).betas
        (0.9, 0.95)
        """
        values: dict[str, Any] = {}
        for assignment in assignments:
            key, equals, text = (part.strip() for part in assignment.partition("="))
            if not equals or not key:
                raise HeadstartError(f"--set expects key=value, got {assignment!r}; for example --set passes=3.")
            values[key] = text
            if key in ("betas", "methods"):
                parts = [part.strip() for part in text.strip("()[]").split(",")]
                values[key] = [] if parts in (["none"], [""]) else parts
            elif text.lower() == "none" and not _means_none(key):
                values[key] = None
        own = {"width": None, "depth": None, "heads": None} if values.get("model", self.model) != self.model else {}
        return Recipe(**{**self.model_dump(), **own, **values})

    def validates(self, number: int) -> bool:
        """Whether the validation images are looked at after the pass of that number (from 1)."""
        return number % self.val_every == 0 or number == self.passes

    @property
    def dataset_name(self) -> str:
        """The dataset without the place where it lies: ``cifar10`` for ``cifar10:/some/folder``."""
        return spec_name(self.dataset)

    def portable(self) -> dict[str, Any]:
        """All keys as JSON values, the dataset by name only: the same on every machine.

        Keys that later versions added are left out at their default, so that a recipe keeps its hash.
        """
        values = {**self.model_dump(mode="json"), "dataset": self.dataset_name}
        defaults = {key: Recipe.model_fields[key].default for key in ADDED}
        return {k: v for k, v in values.items() if k not in ADDED or getattr(self, k) != defaults[k]}

    @property
    def config_hash(self) -> str:
        """First 12 hex digits of the SHA-256 of the canonical JSON of :meth:`portable`."""
        return config_hash(self.portable())


def _means_none(key: str) -> bool:
    """Whether "none" is one of the key's own words, as for ``augment``."""
    return key in Recipe.model_fields and "none" in get_args(Recipe.model_fields[key].annotation)


def config_hash(config: dict[str, Any]) -> str:
    """First 12 hex digits of the SHA-256 of ``config`` as JSON with sorted keys and no spaces."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _readable(error: ValidationError) -> HeadstartError:
    """Pydantic's first complaint in one line: the key, what was expected, what was got, what to type."""
    first = error.errors()[0]
    key = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        if key in SYNONYMS:
            return HeadstartError(f"unknown recipe key {key!r}: it is called {SYNONYMS[key]!r} here.")
        return unknown("recipe key", key, Recipe.model_fields)
    expected = first["msg"].replace("Input should be ", "").split(", unable to")[0]
    default = Recipe.model_fields[key].default
    example = ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()
    return HeadstartError(
        f"recipe key {key!r}: expected {expected}, got {first['input']!r}; for example --set {key}={example}."
    )
