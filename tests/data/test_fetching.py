import threading

import pytest
import torch

from headstart.data import Dataset, Split
from headstart.data.fetching import fetch, fits, to_device
from headstart.data.mapped import MappedSplit

CPU, META = torch.device("cpu"), torch.device("meta")


def numbered(count: int) -> Split:
    images = torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4).contiguous()
    return Split(images, torch.arange(count))


def test_batches_come_in_the_order_asked_for() -> None:
    rows = [torch.tensor([4, 0]), slice(2, 5)]
    found = [(images[:, 0, 0, 0].tolist(), labels.tolist()) for images, labels in fetch(numbered(6), rows, CPU)]
    assert found == [([4, 0], [4, 0]), ([2, 3, 4], [2, 3, 4])]


def test_a_mapped_split_reads_what_is_asked_for() -> None:
    whole = numbered(6)
    mapped = MappedSplit(whole.images, torch.tensor([5, 3, 1]), torch.tensor([0, 1, 2]))
    ((images, labels),) = fetch(mapped, [torch.tensor([2, 0])], CPU)
    assert images[:, 0, 0, 0].tolist() == [1, 5]
    assert labels.tolist() == [2, 0]


class Watched(Split):
    """Notes which rows are gathered, and where."""

    def __init__(self, split: Split) -> None:
        super().__init__(split.images, split.labels)
        object.__setattr__(self, "seen", [])

    def __getitem__(self, index: torch.Tensor | slice) -> Split:
        assert isinstance(index, torch.Tensor)
        self.seen.append((index.tolist(), threading.current_thread() is threading.main_thread()))
        return super().__getitem__(index)


def test_for_another_device_threads_gather_a_few_batches_ahead() -> None:
    split = Watched(numbered(40))
    rows = [torch.tensor([number, number + 1]) for number in range(30)]
    batches = fetch(split, iter(rows), META, workers=2)
    images, labels = next(batches)
    assert images.device.type == labels.device.type == "meta"
    assert images.shape == (2, 3, 4, 4)
    assert len(split.seen) <= 5  # two batches for each thread, and one for the batch that was taken
    assert len(list(batches)) == 29
    assert sorted(rows for rows, _ in split.seen) == [row.tolist() for row in rows]
    assert not any(main for _, main in split.seen)


def test_an_error_of_a_thread_is_told_and_a_pass_can_be_left_early() -> None:
    batches = fetch(numbered(3), [torch.tensor([0]), torch.tensor([7])], META)
    next(batches)
    with pytest.raises(IndexError):
        next(batches)
    early = fetch(numbered(3), [torch.tensor([0])] * 50, META)
    next(early)
    early.close()


def test_images_lie_on_a_gpu_when_they_leave_it_room(monkeypatch: pytest.MonkeyPatch) -> None:
    splits = [numbered(count) for count in (6, 2, 2)]  # 480 bytes
    dataset = Dataset("numbers", ("a",), *splits, mean=(0.0,), std=(1.0,))
    assert fits(dataset, CPU)
    for free, fitting in ((1200, True), (1199, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device, free=free: (free, 10**6))
        assert fits(dataset, torch.device("cuda")) is fitting


def test_a_small_tensor_comes_to_the_device() -> None:
    assert to_device(torch.ones(2), META).device.type == "meta"
    assert to_device(torch.ones(2), CPU).tolist() == [1, 1]
