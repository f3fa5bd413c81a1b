import pytest
import torch
from torch import Tensor, nn

from headstart.errors import HeadstartError
from headstart.evaluation import throughput
from headstart.evaluation.throughput import WAYS
from headstart.models import create_vit

QUICK = {"seconds": 0.0, "least": 2}


class Counted(nn.Module):
    """Does nothing, counts its passes by batch size, and runs out of memory where it is told to."""

    def __init__(self, too_many: int = 10**9) -> None:
        super().__init__()
        self.too_many, self.passes = too_many, {}

    def forward(self, images: Tensor) -> Tensor:
        if len(images) >= self.too_many:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:1] DefaultCPUAllocator: can't allocate memory")
        self.passes[len(images)] = self.passes.get(len(images), 0) + 1
        return images


def vit() -> nn.Module:
    return create_vit(image_size=8, patch_size=2, width=24, depth=1, heads=3)


def test_a_sweep_goes_upwards_marks_the_best_and_measures_memory() -> None:
    timings = throughput(vit(), (3, 8, 8), batch_sizes=(16, 1, 4, 4), **QUICK)
    assert [timing.batch_size for timing in timings] == [1, 4, 16]
    assert [len(timing.seconds) for timing in timings] == [2, 2, 2]
    (best,) = [timing for timing in timings if timing.best]
    assert best.images_per_second == max(timing.images_per_second for timing in timings)
    one, four, sixteen = (timing.memory for timing in timings)
    weights = 4 * sum(parameter.numel() for parameter in vit().parameters())
    assert weights < one < four < sixteen
    # Beyond the weights it grows with the images.
    assert (sixteen - four) == pytest.approx(4 * (four - one), rel=0.05)


def test_warm_up_is_not_counted_and_ends_by_itself() -> None:
    model = Counted()
    (timing,) = throughput(model, (3, 2, 2), batch_sizes=[2], seconds=0.0, least=5, memory=False)
    assert (len(timing.seconds), model.passes) == (5, {2: 1 + 5})  # without time to warm up, one pass goes first
    model = Counted()
    throughput(model, (3, 2, 2), batch_sizes=[2], seconds=0.01, least=5, warmup=0, memory=False)
    assert model.passes[2] > 6


def test_out_of_memory_ends_the_sweep_with_a_note() -> None:
    timings = throughput(Counted(too_many=4), (3, 2, 2), batch_sizes=(1, 2, 4, 8), **QUICK)
    assert [(timing.batch_size, timing.note) for timing in timings] == [(1, ""), (2, ""), (4, "out of memory")]
    assert timings[-1].seconds == ()
    assert not timings[-1].best


def test_a_size_that_would_end_the_process_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules["headstart.evaluation.throughput"], "free_memory", lambda _: 2**20)
    model = Counted()
    timings = throughput(model, (3, 64, 64), batch_sizes=(1, 8, 64), **QUICK)
    assert timings[-1].note == "not tried: would take up to 0.0 GiB, 0.0 GiB are free"
    assert 64 not in model.passes


def test_the_model_comes_back_as_it_was() -> None:
    model = vit().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    throughput(model, (3, 8, 8), batch_sizes=[1], **QUICK)
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_onnx_is_timed_too() -> None:
    pytest.importorskip("onnxruntime")
    timings = throughput(vit(), (3, 8, 8), batch_sizes=(1, 3), way="onnx", **QUICK)
    assert [(t.way, t.batch_size, t.memory, len(t.seconds)) for t in timings] == [
        ("onnx", 1, None, 2),
        ("onnx", 3, None, 2),
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_sizes": ()}, r"batch sizes: expected numbers of at least 1, got \[\]"),
        ({"batch_sizes": (8, 0)}, r"batch sizes: expected numbers of at least 1, got \[8, 0\]"),
        ({"least": 0}, "least: expected at least 1 timed pass, got 0"),
        ({"way": "compile"}, "unknown way to run a model 'compile': did you mean 'compiled'"),
        ({"precision": "float"}, "unknown precision 'float': did you mean"),
    ],
)
def test_bad_options_are_told(options: dict, message: str) -> None:
    with pytest.raises(HeadstartError, match=message):
        throughput(vit(), (3, 8, 8), **options)


def test_a_model_that_does_not_take_the_images_is_told() -> None:
    with pytest.raises(HeadstartError, match="Linear does not run eager in float32 on cpu: mat1 and mat2"):
        throughput(nn.Linear(4, 2), (3, 8, 8), **QUICK)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("way", [way for way in WAYS if way != "onnx"])
def test_on_a_gpu(way: str, precision: str) -> None:
    model = vit()
    timings = throughput(model, (3, 8, 8), batch_sizes=(1, 64), device="cuda", way=way, precision=precision, **QUICK)
    assert all(timing.memory > 0 for timing in timings)
    assert next(model.parameters()).device.type == "cpu"


@pytest.mark.gpu
def test_a_gpu_runs_out_of_memory_with_a_note() -> None:
    timings = throughput(vit(), (3, 8, 8), batch_sizes=(1, 2**26), device="cuda", **QUICK)
    assert timings[-1].note == "out of memory"
