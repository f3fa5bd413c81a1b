"""What a step is of: hand-made parts, a linear model, plain sums."""

import pytest
import torch
from torch import Tensor, nn

from headstart.training import Recipe
from headstart.training.feed import Part
from headstart.training.optimization import optimizers
from headstart.training.processes import Processes
from headstart.training.state import RunState
from headstart.training.step import TrainingStep
from headstart.training.trainee import Trainee


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(12, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(images.flatten(1))


def made(**changes: object) -> tuple[TrainingStep, Linear]:
    recipe = Recipe(label_smoothing=0.0, weight_decay=0.0, **changes)
    processes = Processes("float32")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Linear()
    model = model.to(processes.device)
    trainee = Trainee(model)
    trained = optimizers([model], recipe, recorded=processes.records(recipe))
    state = RunState(model, trained, recipe, 4, processes)
    return TrainingStep(state, trainee, processes.prepare(trainee), processes), model


def batch(device: torch.device, count: int = 8) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    images, labels = torch.randn(count, 3, 2, 2, generator=random), torch.randint(3, (count,), generator=random)
    return images.to(device), labels.to(device)


def test_a_step_is_forward_backward_and_adamw() -> None:
    taken, model = made(clip=None, lr=0.1)
    images, labels = batch(taken.processes.device)
    other = Linear().to(images.device)
    other.load_state_dict(model.state_dict())
    optimizer = torch.optim.AdamW(other.parameters(), lr=0.1, weight_decay=0.0)
    logits = other(images)
    expected = nn.functional.cross_entropy(logits, labels)
    expected.backward()
    optimizer.step()

    loss, correct = taken(iter([Part(images, labels, labels, None)]))

    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert correct.item() == (logits.argmax(dim=1) == labels).sum().item()
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_parts_of_a_batch_give_the_step_of_the_whole() -> None:
    whole, one = made(clip=1.0)
    parts, other = made(clip=1.0, accumulate=2)
    images, labels = batch(whole.processes.device)
    loss, correct = whole(iter([Part(images, labels, labels, None)]))
    halves = [Part(images[half], labels[half], labels[half], None) for half in (slice(0, 4), slice(4, 8))]
    again, counted = parts(iter(halves))
    assert again.item() == pytest.approx(loss.item(), abs=1e-6)
    assert counted == correct
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one.parameters(), other.parameters(), strict=True))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_recorded_steps_are_the_ordinary_ones() -> None:
    recorded, one = made()
    ordinary, other = made(graph=False)
    images, labels = batch(recorded.processes.device)
    for number in range(8):
        for taken in (recorded, ordinary):
            taken.state.set_rate()
            taken.state.count(*taken(iter([Part(images * (1 + number), labels, labels, None)])))
            taken.state.done %= 4
    assert recorded.recorded is not None and recorded.recorded.graph is not None
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
