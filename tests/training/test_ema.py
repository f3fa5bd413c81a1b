import torch
from torch import nn

from headstart.training.ema import averaged, copy_buffers, follow


def test_the_average_follows_the_formula_and_takes_no_gradient() -> None:
    model = nn.Linear(2, 1)
    average = averaged(model)
    expected = model.weight.detach().clone()
    assert not any(parameter.requires_grad for parameter in average.parameters())
    for step in range(20):
        with torch.no_grad():
            model.weight.add_(step)
        follow(average, model, step, 0.6)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    torch.testing.assert_close(average.weight, expected)


def test_buffers_are_copied() -> None:
    model = nn.BatchNorm1d(3)
    average = averaged(model)
    model.train()(torch.randn(8, 3))
    follow(average, model, 0, 0.9)
    assert torch.equal(average.running_mean, model.running_mean)
    assert average.num_batches_tracked == 1


def test_buffers_that_no_checkpoint_holds_are_given_without_a_step() -> None:
    model = nn.Linear(2, 1)
    model.register_buffer("width", torch.zeros(3), persistent=False)
    average = averaged(model)
    model.get_buffer("width").fill_(2.0)
    weight = average.weight.clone()
    copy_buffers(average, model)
    assert average.get_buffer("width").tolist() == [2.0, 2.0, 2.0] and torch.equal(average.weight, weight)
