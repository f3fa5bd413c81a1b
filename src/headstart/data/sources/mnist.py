"""MNIST and the two that share its layout, Fashion-MNIST and KMNIST: 60,000 + 10,000 grey images of 28×28.

The files may lie gzipped, as published, or unpacked, as torchvision keeps them under ``NAME/raw``.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import torch

from headstart.data.dataset import Split
from headstart.data.formats.idx import read_idx
from headstart.data.source import Arrays, RemoteFile, Source
from headstart.errors import HeadstartError

__all__ = ["SOURCES"]

STEMS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
NEEDS = tuple(f"{stem}.gz|{stem}" for stem in STEMS)
FASHION = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
HIRAGANA = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")


def read_mnist(folder: Path, *, classes: tuple[str, ...]) -> Arrays:
    """Read the four idx files, gzipped or not.

    Raises:
        HeadstartError: if a file was cut, or if images and labels do not fit.
    """
    packed = [folder / f"{stem}.gz" for stem in STEMS]
    arrays = [read_idx(path if path.exists() else path.with_suffix("")) for path in packed]
    splits = {}
    for part, images, labels in (("train", arrays[0], arrays[1]), ("test", arrays[2], arrays[3])):
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise HeadstartError(
                f"expected {part} images of shape (n, 28, 28) and n labels in {folder}, "
                f"got {images.shape} and {labels.shape}"
            )
        splits[part] = Split(torch.from_numpy(images[:, None].copy()), torch.from_numpy(labels.astype("int64")))
    return Arrays(splits, classes)


def _files(
    url: str, checksums: tuple[str, ...], sizes: tuple[int, ...], mirror: str = "", contents: tuple[str, ...] = ()
) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(
            f"{url}{stem}.gz",
            checksum=f"sha256:{checksums[i]}",
            size=sizes[i],
            mirrors=(f"{mirror}{stem}.gz",) if mirror else (),
            content=f"sha256:{contents[i]}" if contents else None,
        )
        for i, stem in enumerate(STEMS)
    )


MNIST_FILES = _files(
    "http://yann.lecun.com/exdb/mnist/",
    (
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
    (9_912_422, 28_881, 1_648_877, 4_542),
    mirror="https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_FILES = _files(
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    (
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
    (26_421_880, 29_515, 4_422_102, 5_148),
    # Of the unpacked files: Debian's dataset-fashion-mnist holds them with other gzip headers.
    contents=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
)
KMNIST_FILES = _files(
    "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    (
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
    ),
    (18_165_135, 29_497, 3_041_136, 5_120),
)


def _source(
    name: str, raw: str, files: tuple[RemoteFile, ...], classes: tuple[str, ...], *, flip_ok: bool, **about: Any
) -> Source:
    return Source(
        name=name,
        files=files,
        folders=("", f"{raw}/raw"),
        needs=NEEDS,
        read=partial(read_mnist, classes=classes),
        counts={"train": 60_000, "test": 10_000},
        classes=10,
        image_size=28,
        channels=1,
        flip_ok=flip_ok,
        **about,
    )


SOURCES = (
    _source(
        "mnist",
        "MNIST",
        MNIST_FILES,
        tuple("0123456789"),
        flip_ok=False,
        mean=(0.1307,),
        std=(0.3081,),
        title="MNIST, handwritten digits",
        homepage="http://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0",
        citation="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, Gradient-Based Learning Applied to Document Recognition, "
        "Proceedings of the IEEE, 1998",
    ),
    _source(
        "fashion_mnist",
        "FashionMNIST",
        FASHION_FILES,
        FASHION,
        flip_ok=True,
        mean=(0.2860,),
        std=(0.3530,),
        title="Fashion-MNIST, ten kinds of clothes",
        homepage="https://github.com/zalandoresearch/fashion-mnist",
        licence="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine "
        "Learning Algorithms, 2017 (arXiv:1708.07747)",
    ),
    _source(
        "kmnist",
        "KMNIST",
        KMNIST_FILES,
        HIRAGANA,
        flip_ok=False,
        mean=(0.1918,),
        std=(0.3483,),
        title="Kuzushiji-MNIST, ten hiragana in old cursive writing",
        homepage="https://github.com/rois-codh/kmnist",
        licence="CC BY-SA 4.0",
        citation="T. Clanuwat et al., Deep Learning for Classical Japanese Literature, 2018 (arXiv:1812.01718)",
    ),
)
