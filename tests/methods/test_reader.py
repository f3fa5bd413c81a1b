"""The reader: nothing to say at first, one image at a time, blind when asked."""

import pytest
import torch

from headstart.methods.reader import Reader


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 8, 16), (3, 33, 31)])
def test_it_says_nothing_before_it_is_trained(shape: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    reader, images = Reader(shape[0], 5, 16), torch.randn(3, *shape)
    assert torch.equal(reader(images), torch.zeros(3, 5))
    torch.nn.init.normal_(reader.head.weight)
    said = reader(images)
    assert said.std(dim=0).min() > 0
    torch.testing.assert_close(reader(images[1:2])[0], said[1])


def test_a_blind_one_says_the_same_of_every_image_and_is_trained() -> None:
    torch.manual_seed(0)
    reader = Reader(3, 2, 8, blind=True)
    torch.nn.init.normal_(reader.head.weight)
    images = torch.randn(4, 3, 8, 8, requires_grad=True)
    said = reader(images)
    assert torch.equal(said, said[:1].expand(4, 2)) and said.abs().min() > 0
    said.sum().backward()
    assert images.grad is None and reader.second.bias.grad is not None and reader.second.bias.grad.abs().sum() > 0
