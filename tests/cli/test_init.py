import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from headstart.attention import attention_view
from headstart.cli import app
from headstart.initialization import measure
from headstart.models.libraries import build_model

SMALL = ["--set", "img_size=32", "--set", "patch_size=4", "--set", "depth=2", "--set", "num_classes=5"]


def run(*args):
    return CliRunner().invoke(app, ["init", *args])


def test_init_writes_weights_that_the_library_loads_and_a_picture(tmp_path):
    pytest.importorskip("timm")
    out = tmp_path / "new" / "start.safetensors"
    result = run("vit_tiny_patch16_224", *SMALL, "--init", "impulse:sharpness=0.8", "--out", str(out))
    assert result.exit_code == 0, result.output
    assert "mean target mass 0.800" in result.output and str(out) in result.output.replace("\n", "")
    model = build_model("vit_tiny_patch16_224", "timm", img_size=32, patch_size=4, depth=2, num_classes=5)
    model.load_state_dict(load_file(out))
    assert measure(attention_view(model)).target_mass == pytest.approx(0.8, abs=0.01)
    assert out.with_suffix(".png").stat().st_size > 5_000


def test_the_same_seed_writes_the_same_file_and_leaves_the_global_generator(tmp_path):
    pytest.importorskip("timm")
    state = torch.get_rng_state()
    files = []
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        out = tmp_path / f"{name}.safetensors"
        assert run("vit_tiny_patch16_224", *SMALL, "--seed", seed, "--out", str(out)).exit_code == 0
        files.append(out.read_bytes())
    assert files[0] == files[1] != files[2]
    assert torch.equal(torch.get_rng_state(), state)


def test_a_wrong_name_is_one_line(tmp_path):
    pytest.importorskip("timm")
    result = run("vit_tiny_patch16_22", "--out", str(tmp_path / "x.safetensors"))
    assert result.exit_code == 1
    assert "unknown timm model 'vit_tiny_patch16_22': did you mean" in result.stderr.replace("\n", " ")
    assert not (tmp_path / "x.safetensors").exists()
