import pytest
import torch

from headstart.errors import HeadstartError
from headstart.training.start import accelerator_for


def test_without_a_gpu_training_is_in_float32_on_the_cpu() -> None:
    if torch.cuda.is_available():
        pytest.skip("a GPU has bfloat16")
    for precision in ("auto", "float32"):
        accelerator = accelerator_for(precision)
        assert accelerator.device.type == "cpu"
        assert accelerator.mixed_precision == "no"
    with pytest.raises(HeadstartError, match="'bfloat16' needs a CUDA GPU; use --set precision=auto or float32"):
        accelerator_for("bfloat16")
