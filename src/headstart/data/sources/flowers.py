"""Oxford Flowers-102: 1,020 training, 1,020 validation and 6,149 test images of 102 kinds of flowers.

M.-E. Nilsback, A. Zisserman, 2008. The names of the classes are on the authors' page, in the order of the labels.
"""

from __future__ import annotations

from pathlib import Path

from headstart.data.formats.mat import read_mat
from headstart.data.listing import Listing, from_paths
from headstart.data.source import RemoteFile, Source
from headstart.errors import HeadstartError

__all__ = ["SOURCES"]

URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
PARTS = {"trnid": "train", "valid": "val", "tstid": "test"}
CLASSES = tuple(
    name.strip()
    for name in """
pink primrose, hard-leaved pocket orchid, canterbury bells, sweet pea, english marigold, tiger lily, moon
orchid, bird of paradise, monkshood, globe thistle, snapdragon, colt's foot, king protea, spear thistle,
yellow iris, globe-flower, purple coneflower, peruvian lily, balloon flower, giant white arum lily, fire lily,
pincushion flower, fritillary, red ginger, grape hyacinth, corn poppy, prince of wales feathers, stemless
gentian, artichoke, sweet william, carnation, garden phlox, love in the mist, mexican aster, alpine sea holly,
ruby-lipped cattleya, cape flower, great masterwort, siam tulip, lenten rose, barbeton daisy, daffodil, sword
lily, poinsettia, bolero deep blue, wallflower, marigold, buttercup, oxeye daisy, common dandelion, petunia,
wild pansy, primula, sunflower, pelargonium, bishop of llandaff, gaura, geranium, orange dahlia, pink-yellow
dahlia?, cautleya spicata, japanese anemone, black-eyed susan, silverbush, californian poppy, osteospermum,
spring crocus, bearded iris, windflower, tree poppy, gazania, azalea, water lily, rose, thorn apple, morning
glory, passion flower, lotus, toad lily, anthurium, frangipani, clematis, hibiscus, columbine, desert-rose,
tree mallow, magnolia, cyclamen, watercress, canna lily, hippeastrum, bee balm, ball moss, foxglove,
bougainvillea, camellia, mallow, mexican petunia, bromelia, blanket flower, trumpet creeper, blackberry lily
""".replace("\n", " ").split(",")
)


def read_flowers(folder: Path) -> Listing:
    """``imagelabels.mat`` labels image 1, 2, …, counted from 1; ``setid.mat`` says which are of which part."""
    labels = read_mat(folder / "imagelabels.mat").get("labels")
    parts = read_mat(folder / "setid.mat")
    if labels is None or not set(PARTS) <= set(parts):
        raise HeadstartError(f"expected labels in imagelabels.mat and trnid, valid, tstid in setid.mat, in {folder}")
    flat = labels.reshape(-1).astype(int)
    numbers = [(int(number), kind) for name, kind in PARTS.items() for number in parts[name].reshape(-1)]
    wrong = [number for number, _ in numbers if not 1 <= number <= len(flat)]
    if wrong:
        raise HeadstartError(f"setid.mat in {folder} names image {wrong[0]}: expected 1 to {len(flat)}")
    paths = [folder / "jpg" / f"image_{number:05d}.jpg" for number, _ in numbers]
    return from_paths(
        folder, paths, [int(flat[number - 1]) - 1 for number, _ in numbers], [kind for _, kind in numbers], CLASSES
    )


SOURCES = (
    Source(
        name="flowers102",
        title="Oxford Flowers-102, kinds of flowers that grow in Britain",
        homepage=URL,
        licence="not stated by the authors",
        citation="M.-E. Nilsback, A. Zisserman, Automated Flower Classification over a Large Number of Classes, "
        "ICVGIP 2008",
        files=(
            RemoteFile(
                URL + "102flowers.tgz",
                checksum="sha256:2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246",
                size=344_862_509,
                unpacks_to=500_000_000,
            ),
            RemoteFile(
                URL + "imagelabels.mat",
                checksum="sha256:4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d",
                size=502,
            ),
            RemoteFile(
                URL + "setid.mat",
                checksum="sha256:46b8678f91fd95d3c8f4feab80d271a6c834a1dd896fe29fd3e6ad9ce5c8dccd",
                size=14_989,
            ),
        ),
        folders=("", "flowers-102"),
        needs=("jpg", "imagelabels.mat", "setid.mat"),
        read=read_flowers,
        counts={"train": 1_020, "val": 1_020, "test": 6_149},
        classes=102,
        image_size=224,
        flip_ok=True,
    ),
)
