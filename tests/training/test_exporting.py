import json
from pathlib import Path

import pytest
import torch

from headstart import load
from headstart.errors import HeadstartError
from headstart.evaluation import onnx_session
from headstart.training import Recipe, exporting, train
from headstart.training.exporting import export
from headstart.training.graphs import read_onnx


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a second, of permuted patches: the graphs have to permute them too."""
    place = tmp_path_factory.mktemp("run")
    sizes = {"patch_size": 2, "width": 24, "depth": 1, "heads": 3}
    train(Recipe(limit=200, init="default", passes=1, batch_size=50, permute_patches=1, **sizes), place)
    return place


def test_the_graphs_agree_with_the_run_on_real_images(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    made = export(folder, tmp_path, ["safetensors", "onnx", "torch-export"], images=20)
    assert made.images == 20
    assert list(made.differences) == ["safetensors", "onnx", "torch-export"]
    assert max(made.differences.values()) <= 1e-4
    assert made.files == ("README.md", "headstart.safetensors", "model.onnx", "model.pt2")
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(made.files)

    # As somebody without this library would use them.
    import onnxruntime

    predictor = load(folder)
    images = torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map
    assert json.loads(said["classes"]) == list(predictor.classes)
    assert json.loads(said["image_shape"]) == [1, 8, 8]
    for count in (1, 9):
        (shares,) = session.run(["probabilities"], {"images": images[:count].numpy()})
        assert torch.allclose(torch.from_numpy(shares), predictor.probabilities(images[:count]), atol=1e-4)
    extra = {"headstart.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    assert json.loads(extra["headstart.json"]) == said
    assert torch.allclose(program(images)[1], predictor.probabilities(images), atol=1e-4)
    assert torch.allclose(read_onnx(tmp_path / "model.onnx")(images), predictor.logits(images), atol=1e-4)


def test_an_export_that_disagrees_does_not_stay(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = exporting.FORMATS["safetensors"]
    wrong = exporting._Format(one.save, lambda place: lambda images: one.read(place)(images) + 2e-4)
    monkeypatch.setitem(exporting.FORMATS, "safetensors", wrong)
    with pytest.raises(
        HeadstartError, match=r"gives other logits than the run's: they differ by up to 2.0e-04, at mos"
    ):
        export(folder, tmp_path)
    assert not list(tmp_path.iterdir())

    def broken(*_: object) -> list[Path]:
        raise ModuleNotFoundError("Could not import module 'BeitModel'.\nmore")

    monkeypatch.setitem(exporting.FORMATS, "safetensors", exporting._Format(broken, one.read))
    with pytest.raises(HeadstartError, match="for safetensors needs can't be imported: Could not import module 'Beit"):
        export(folder, tmp_path)

    def old(_: Path) -> None:
        raise RuntimeError("unknown source\nmore")

    monkeypatch.setitem(exporting.FORMATS, "safetensors", exporting._Format(one.save, old))  # type: ignore[arg-type]
    with pytest.raises(
        HeadstartError, match="for safetensors can't be read again: RuntimeError: unknown source The exp"
    ):
        export(folder, tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_can_not_be_exported_is_refused(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HeadstartError, match="unknown export format 'onxx': did you mean 'onnx'"):
        export(folder, tmp_path, ["onxx"])
    with pytest.raises(HeadstartError, match=r"expected one or more of safetensors, .*, and one image or more"):
        export(folder, tmp_path, [])
    with pytest.raises(HeadstartError, match=r"timm and transformers both want a config.json .* a folder of its own"):
        export(folder, tmp_path, ["timm", "transformers"])
    with pytest.raises(HeadstartError, match="is a run folder, whose files would be overwritten; choose another"):
        export(folder, folder)
    with pytest.raises(HeadstartError, match="there is no run folder nowhere"):
        export("nowhere", tmp_path)
    monkeypatch.setattr(onnx_session.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(HeadstartError, match=r'ONNX needs onnx, .*; pip install "headstart\[onnx\]"'):
        export(folder, tmp_path, ["onnx"])
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_not_finished_is_refused(tiny: Recipe, tmp_path: Path) -> None:
    train(tiny.override(["passes=1"]), tmp_path / "run")
    (tmp_path / "run/model.safetensors").unlink()
    with pytest.raises(HeadstartError, match="run is not finished; train it to the end, then export it"):
        export(tmp_path / "run", tmp_path / "out")
