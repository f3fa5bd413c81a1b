"""Write the digits carried in the package from scikit-learn's copy, and print the file's SHA-256.

    pip install scikit-learn && python scripts/make_digits.py

The file holds ``images``, uint8 (1797, 8, 8) with the source's values 0 to 16, and ``labels``, uint8 (1797,),
in the source's order. After a change, enter the printed SHA-256 in src/headstart/data/digits.py.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

TARGET = Path(__file__).parent.parent / "src" / "headstart" / "data" / "files" / "digits.npz"


def main() -> None:
    digits = load_digits()
    images = digits.images.astype(np.uint8)
    if not np.array_equal(images, digits.images):
        raise SystemExit("expected whole numbers 0 to 16 as pixel values; got others")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(TARGET, images=images, labels=digits.target.astype(np.uint8))
    print(f"{TARGET}: {len(images)} images, sha256 {hashlib.sha256(TARGET.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    main()
