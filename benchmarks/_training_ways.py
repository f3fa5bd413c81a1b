"""What training_speed.py times: the engine's own loop, the ceiling, and timm's loader and step, on images of noise."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from headstart.data import Dataset, Split
from headstart.training import Recipe
from headstart.training.build import build_model
from headstart.training.feed import Feed
from headstart.training.one_pass import one_pass
from headstart.training.optimization import optimizers
from headstart.training.processes import Processes
from headstart.training.state import RunState
from headstart.training.step import TrainingStep
from headstart.training.trainee import build_trainee

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)


def random_dataset(count: int, size: int) -> Dataset:
    """Images of smooth noise, so that what Pillow and we do to them is what is done to photographs."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, size // 4, size // 4, generator=random)
    images = F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(0, 1).mul(255).to(torch.uint8)
    train = Split(images, torch.randint(10, (count,), generator=random))
    return Dataset("noise", tuple("0123456789"), train, train[:10], train[:10], MEAN, STD, flip_ok=True)


class Ours:
    """A pass of the engine's own loop."""

    def __init__(self, recipe: Recipe, dataset: Dataset, processes: Processes) -> None:
        self.trainee = build_trainee(recipe, dataset).to(processes.device)
        model = self.trainee.model
        self.feed = Feed(recipe, dataset.to(processes.device), processes, len(model.blocks))
        trained = optimizers([model], recipe, recorded=processes.records(recipe))
        self.state = RunState(model, trained, recipe, self.feed.steps_per_pass, processes)
        network = processes.prepare(self.trainee)
        if recipe.compile:
            self.trainee.compile()
        self.taken = TrainingStep(self.state, self.trainee, network, processes)

    def __call__(self) -> int:
        self.state.begin_pass()
        one_pass(self.state, self.feed, self.taken, lambda _loss: None)
        return self.feed.steps_per_pass


class Ceiling:
    """Forward and backward on random tensors."""

    def __init__(self, recipe: Recipe, dataset: Dataset, processes: Processes, steps: int) -> None:
        self.model = build_model(recipe, dataset).to(processes.device)
        self.network, self.steps = processes.prepare(self.model), steps
        if recipe.compile:
            self.model.compile()
        self.images = torch.randn(recipe.batch_size, *dataset.train.image_shape, device=processes.device)
        self.labels = torch.randint(10, (recipe.batch_size,), device=processes.device)

    def step(self) -> Tensor:
        loss = F.cross_entropy(self.network(self.images), self.labels, label_smoothing=0.1)
        loss.backward()
        self.model.zero_grad()
        return loss

    def __call__(self) -> int:
        for _ in range(self.steps):
            self.step()
        return self.steps


class Timm:
    """timm's loader, and the step of its training script."""

    def __init__(self, recipe: Recipe, dataset: Dataset, processes: Processes, steps: int, workers: int) -> None:
        from PIL import Image
        from timm.data import create_loader
        from timm.optim import create_optimizer_v2
        from timm.utils import dispatch_clip_grad

        pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in dataset.train.images]

        class Pictures(torch.utils.data.Dataset[tuple[Any, int]]):
            transform: Callable[[Any], Any] | None = None

            def __len__(self) -> int:
                return len(pictures)

            def __getitem__(self, index: int) -> tuple[Any, int]:
                assert self.transform is not None
                return self.transform(pictures[index]), int(dataset.train.labels[index])

        self.cuda = processes.device.type == "cuda"
        self.loader = create_loader(
            Pictures(),
            input_size=dataset.train.image_shape,
            batch_size=recipe.batch_size,
            is_training=True,
            use_prefetcher=self.cuda,
            auto_augment="rand-m9-n2",
            color_jitter=None,
            mean=MEAN,
            std=STD,
            num_workers=workers,
            persistent_workers=True,
            device=processes.device,
            **({"pin_memory": True} if self.cuda else {}),
        )
        self.model = build_model(recipe, dataset).to(processes.device)
        self.network, self.steps, self.ahead = processes.prepare(self.model), steps, 2 * workers
        self.optimizer = create_optimizer_v2(self.model, opt="adamw", lr=recipe.lr, weight_decay=recipe.weight_decay)
        self.loss, self.clip = nn.CrossEntropyLoss(label_smoothing=recipe.label_smoothing), dispatch_clip_grad
        self.batches = self._forever()

    def _forever(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from self.loader

    def drain(self) -> None:
        """Throw away what was made while others were timed."""
        for _ in range(self.ahead):
            next(self.batches)

    def __call__(self) -> int:
        self.network.train()
        for _ in range(self.steps):
            images, labels = next(self.batches)
            loss = self.loss(self.network(images), labels)
            loss.backward()
            self.clip(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return self.steps


def let_timm_be_imported() -> None:
    """Beside a CPU wheel of torch, torchvision lacks operators that timm never calls; tests/conftest.py has them."""
    path = Path(__file__).parents[1] / "tests/conftest.py"
    spec = importlib.util.spec_from_file_location("conftest", path)
    assert spec is not None and spec.loader is not None
    sys.modules["conftest"] = module = importlib.util.module_from_spec(spec)
    threads = torch.get_num_threads()
    spec.loader.exec_module(module)
    torch.set_num_threads(threads)
