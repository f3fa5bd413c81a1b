"""MedMNIST, version 3: eleven sets of biomedical images of 28×28, each with official training, validation, test.

J. Yang et al., 2023. ChestMNIST is left out: its images have several labels each. Mirrored images are not taken to be
the same: left and right tell in the body.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from headstart.data.formats.npz import read_npz
from headstart.data.source import Arrays, RemoteFile, Source

__all__ = ["SOURCES"]

URL = "https://zenodo.org/records/10519652/files/"
ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right", "liver", "lung-left", "lung-right",
    "pancreas", "spleen",
)  # fmt: skip
SETS: dict[str, tuple[str, str, tuple[int, int, int], int, tuple[str, ...]]] = {
    # name: what, MD5, images of train, val and test, channels, classes
    "pathmnist": (
        "PathMNIST, tissues in colon histology", "a8b06965200029087d5bd730944a56c1", (89_996, 10_004, 7_180), 3,
        ("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle", "normal colon mucosa",
         "cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
    ),
    "dermamnist": (
        "DermaMNIST, pigmented skin lesions", "0744692d530f8e62ec473284d019b0c7", (7_007, 1_003, 2_005), 3,
        ("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma", "benign keratosis-like lesions",
         "dermatofibroma", "melanoma", "melanocytic nevi", "vascular lesions"),
    ),
    "octmnist": (
        "OCTMNIST, retinal diseases in optical coherence tomography", "c68d92d5b585d8d81f7112f81e2d0842",
        (97_477, 10_832, 1_000), 1,
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    ),
    "pneumoniamnist": (
        "PneumoniaMNIST, chest X-rays of children", "28209eda62fecd6e6a2d98b1501bb15f", (4_708, 524, 624), 1,
        ("normal", "pneumonia"),
    ),
    "retinamnist": (
        "RetinaMNIST, grades of diabetic retinopathy", "bd4c0672f1bba3e3a89f0e4e876791e4", (1_080, 120, 400), 3,
        ("0", "1", "2", "3", "4"),
    ),
    "breastmnist": (
        "BreastMNIST, breast ultrasound", "750601b1f35ba3300ea97c75c52ff8f6", (546, 78, 156), 1,
        ("malignant", "normal, benign"),
    ),
    "bloodmnist": (
        "BloodMNIST, blood cells", "7053d0359d879ad8a5505303e11de1dc", (11_959, 1_712, 3_421), 3,
        ("basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil",
         "platelet"),
    ),
    "tissuemnist": (
        "TissueMNIST, human kidney cortex cells", "ebe78ee8b05294063de985d821c1c34b", (165_466, 23_640, 47_280), 1,
        ("collecting duct, connecting tubule", "distal convoluted tubule", "glomerular endothelial cells",
         "interstitial endothelial cells", "leukocytes", "podocytes", "proximal tubule segments",
         "thick ascending limb"),
    ),
    "organamnist": (
        "OrganAMNIST, organs in axial CT", "68e3f8846a6bd62f0c9bf841c0d9eacc", (34_561, 6_491, 17_778), 1, ORGANS,
    ),
    "organcmnist": (
        "OrganCMNIST, organs in coronal CT", "b9ceb9546e10131b32923c5bbeaea2b1", (12_975, 2_392, 8_216), 1, ORGANS,
    ),
    "organsmnist": (
        "OrganSMNIST, organs in sagittal CT", "9ab87b696fb54e2a387ebe992d6ed5f1", (13_932, 2_452, 8_827), 1, ORGANS,
    ),
}  # fmt: skip


def read_medmnist(folder: Path, *, name: str, classes: tuple[str, ...]) -> Arrays:
    return Arrays(read_npz(folder / f"{name}.npz"), classes)


def _source(name: str) -> Source:
    title, md5, counts, channels, classes = SETS[name]
    return Source(
        name=name,
        title=title,
        homepage="https://medmnist.com/",
        licence="CC BY-NC 4.0" if name == "dermamnist" else "CC BY 4.0",
        citation="J. Yang et al., MedMNIST v2: A large-scale lightweight benchmark for 2D and 3D biomedical image "
        "classification, Scientific Data, 2023 (arXiv:2110.14795)",
        files=(RemoteFile(f"{URL}{name}.npz?download=1", checksum=f"md5:{md5}"),),
        folders=("",),
        needs=(f"{name}.npz",),
        read=partial(read_medmnist, name=name, classes=classes),
        counts=dict(zip(("train", "val", "test"), counts, strict=True)),
        classes=len(classes),
        image_size=28,
        channels=channels,
    )


SOURCES = tuple(_source(name) for name in SETS)
