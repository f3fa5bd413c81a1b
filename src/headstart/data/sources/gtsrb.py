"""German Traffic Sign Recognition Benchmark: 39,209 training and 12,630 test images of 43 signs.

J. Stallkamp, M. Schlipsing, J. Salmen, C. Igel, 2012. torchvision downloads the contest's smaller training set of
26,640 images, which is read too where it lies.
"""

from __future__ import annotations

import csv
from pathlib import Path

from headstart.data.formats.folders import class_folders
from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source

__all__ = ["SOURCES"]

URL = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"


def read_gtsrb(folder: Path) -> Listing:
    """A folder of PPM files for each training class; the test labels are in ``GT-final_test.csv``."""
    training = folder / "GTSRB" / "Final_Training" / "Images"
    if not training.is_dir():
        training = folder / "GTSRB" / "Training"
    folders = class_folders(training)
    classes = [place.name for place in folders]
    paths, labels, parts = [], [], []
    for label, place in enumerate(folders):
        found = sorted(place.glob("*.ppm"))
        paths += found
        labels += [label] * len(found)
        parts += ["train"] * len(found)
    with (folder / "GT-final_test.csv").open(newline="") as file:
        for row in csv.DictReader(file, delimiter=";", skipinitialspace=True):
            paths.append(folder / "GTSRB" / "Final_Test" / "Images" / row["Filename"])
            labels.append(int(row["ClassId"]))
            parts.append("test")
    return from_paths(folder, paths, labels, parts, classes)


SOURCES = (
    Source(
        name="gtsrb",
        title="German Traffic Sign Recognition Benchmark",
        homepage="https://benchmark.ini.rub.de/",
        licence="not stated in the archives; see the authors' page",
        citation="J. Stallkamp, M. Schlipsing, J. Salmen, C. Igel, Man vs. computer: Benchmarking machine learning "
        "algorithms for traffic sign recognition, Neural Networks, 2012",
        files=(
            RemoteFile(
                URL + "GTSRB_Final_Training_Images.zip",
                checksum="md5:f33fd80ac59bff73c82d25ab499e03a3",
                size=276_294_756,
                unpacks_to=1_000_000_000,
            ),
            RemoteFile(
                URL + "GTSRB_Final_Test_Images.zip",
                checksum="md5:c7e4e6327067d32654124b0fe9e82185",
                size=88_978_620,
                unpacks_to=500_000_000,
            ),
            RemoteFile(
                URL + "GTSRB_Final_Test_GT.zip",
                checksum="md5:fe31e9c9270bbcd7b84b7f21a9d9d9e5",
                size=99_620,
                unpacks_to=10_000_000,
            ),
        ),
        folders=("", "gtsrb"),
        needs=("GTSRB/Final_Training/Images|GTSRB/Training", "GTSRB/Final_Test/Images", "GT-final_test.csv"),
        read=read_gtsrb,
        counts={"train": (39_209, 26_640), "test": 12_630},
        classes=43,
        image_size=48,
        note="Each sign was photographed 30 times: a validation split by chance is easier than the test set.",
    ),
)
