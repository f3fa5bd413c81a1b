import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from headstart.errors import HeadstartError, UnsupportedModel
from headstart.methods.teachers import StagedCNN, library_cnn, matched, read_weights
from headstart.models.agent import AgentCNN

pytest.importorskip("timm")


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.stages = nn.ModuleList([nn.Sequential(nn.Conv2d(4, 6, 2, 2)), nn.Conv2d(6, 8, 2, 2)])
        self.squeeze = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        x = self.stages[1](torch.relu(self.stages[0](self.stem(x))))
        return self.head(self.squeeze(x).flatten(1)), None


def test_the_last_map_of_each_resolution() -> None:
    plain = Plain()
    cnn = StagedCNN("plain", plain, (1, 8, 12))
    assert cnn.channels == [4, 6, 8]
    images = torch.randn(2, 1, 8, 12)
    logits, maps = cnn.forward_maps(images)
    torch.testing.assert_close(logits, plain(images)[0])
    assert [tuple(m.shape) for m in maps] == [(2, 4, 8, 12), (2, 6, 4, 6), (2, 8, 2, 3)]
    torch.testing.assert_close(maps[1], plain.stages[0](plain.stem(images)))


@pytest.mark.parametrize(
    ("name", "channels", "side"),
    [
        ("timm/resnet18", [64, 64, 128, 256, 512], 32),
        ("timm/convnext_atto", [40, 80, 160, 320], 64),
        ("torchvision/resnet18", [64, 64, 128, 256, 512], 64),
        ("torchvision/mobilenet_v3_small", [16, 16, 24, 48, 576], 64),
    ],
)
def test_cnns_of_libraries(name: str, channels: list[int], side: int) -> None:
    cnn = library_cnn(name, 7, (3, side, side)).eval()
    logits, maps = cnn.forward_maps(torch.zeros(1, 3, side, side))
    assert logits.shape == (1, 7)
    assert cnn.channels == channels == [m.shape[1] for m in maps]
    assert [m.shape[2] for m in maps] == sorted({m.shape[2] for m in maps}, reverse=True)


def test_grey_images() -> None:
    assert library_cnn("timm/resnet18", 7, (1, 32, 32)).forward_maps(torch.randn(2, 1, 32, 32))[0].shape == (2, 7)
    with pytest.raises(HeadstartError, match="torchvision/resnet18 takes images of 3 channels, got 1; use an agent of"):
        library_cnn("torchvision/resnet18", 7, (1, 32, 32))


def test_what_is_no_cnn_of_stages_is_told() -> None:
    with pytest.raises(UnsupportedModel, match=r"timm/mixer_s32_224 .* and MlpMixer gives \d; use timm/resnet18"):
        library_cnn("timm/mixer_s32_224", 7, (3, 224, 224))
    with pytest.raises(HeadstartError, match="unknown timm model 'resnet19': did you mean"):
        library_cnn("timm/resnet19", 7, (3, 32, 32))
    with pytest.raises(HeadstartError, match=r"agent torchvision/alexnet can't take images of shape \(3, 32, 32\)"):
        library_cnn("torchvision/alexnet", 7, (3, 32, 32))


def test_stages_and_blocks() -> None:
    assert matched(5, 12) == [(0, 2), (1, 4), (2, 7), (3, 9), (4, 11)]
    assert matched(12, 5) == [(2, 0), (4, 1), (7, 2), (9, 3), (11, 4)]
    assert matched(4, 4) == [(0, 0), (1, 1), (2, 2), (3, 3)]


def agent(classes: int = 5) -> AgentCNN:
    return AgentCNN((8, 8), (4, 4), classes, 8, 2, 3, 16)


def test_weights_of_a_file_or_a_run(tmp_path: Path) -> None:
    one, two, three = agent(), agent(), agent()
    save_file(one.state_dict(), tmp_path / "model.safetensors")
    read_weights(str(tmp_path), two, "mirror")
    read_weights(str(tmp_path / "model.safetensors"), three, "mirror")
    assert all(torch.equal(v, two.state_dict()[k]) and torch.equal(v, three.state_dict()[k]) for k, v in
               one.state_dict().items())  # fmt: skip


def test_weights_that_do_not_fit_are_told(tmp_path: Path) -> None:
    save_file(agent(10).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model": "agent_s", "dataset": "cifar10"}))
    with pytest.raises(
        HeadstartError,
        match=r"of a run of model agent_s on cifar10, do not fit the agent mirror: head\.weight is \(10, 8\) and "
        r"should be \(5, 8\), and 1 more; they have to be those of an agent with this ViT's width, depth, heads and "
        "MLP; name the agent that the run trained, on the same classes and image size",
    ):
        read_weights(str(tmp_path), agent(), "mirror")
    with pytest.raises(HeadstartError, match="they have to be those of model=agent_s; name the agent"):
        read_weights(str(tmp_path), agent(), "agent_s")
    with pytest.raises(HeadstartError, match=r"the weights of agent mirror, .*nowhere, can't be read \(.*No such file"):
        read_weights(str(tmp_path / "nowhere"), agent(), "mirror")
    (tmp_path / "bad").write_bytes(b"not safetensors")
    with pytest.raises(HeadstartError, match=r"bad, can't be read \("):
        read_weights(str(tmp_path / "bad"), agent(), "mirror")
