"""EuroSAT, the RGB version: 27,000 satellite images of 64×64 in ten kinds of land use, with no official split.

P. Helber, B. Bischke, A. Dengel, D. Borth, 2019.
"""

from __future__ import annotations

from headstart.data.formats.folders import read_folders
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]

SOURCES = (
    Source(
        name="eurosat",
        title="EuroSAT, land use seen from a satellite",
        homepage="https://github.com/phelber/EuroSAT",
        licence="MIT",
        citation="P. Helber, B. Bischke, A. Dengel, D. Borth, EuroSAT: A Novel Dataset and Deep Learning Benchmark for "
        "Land Use and Land Cover Classification, 2019 (arXiv:1709.00029)",
        files=(
            RemoteFile(
                "http://madm.dfki.de/files/sentinel/EuroSAT.zip",
                checksum="sha256:8ebea626349354c5328b142b96d0430e647051f26efc2dc974c843f25ecf70bd",
                size=94_280_567,
                mirrors=(
                    "https://huggingface.co/datasets/torchgeo/eurosat/resolve/"
                    "c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip",
                ),
                unpacks_to=200_000_000,
            ),
        ),
        folders=("2750", "eurosat/2750"),
        needs=("AnnualCrop", "SeaLake"),
        read=read_folders,
        counts={"train": 27_000},
        classes=10,
        image_size=64,
        flip_ok=True,
        note="No official split: a stratified fifth is the test set, the same one for every seed.",
    ),
)
