"""The content of own images: what tells two folders of one name apart."""

from __future__ import annotations

from collections.abc import Callable

from headstart.data import load_collection, load_dataset


def test_a_move_keeps_it_and_a_changed_file_label_or_part_does_not(photos: Callable, encoded: Callable) -> None:
    place = photos({"cat": 4, "dog": 4})
    first = load_collection(str(place)).content
    assert len(first) == 16
    place = place.rename(place.with_name("moved"))
    assert load_collection(str(place)).content == first
    assert load_dataset(str(place), image_size=8, val_fraction=0.3).content == first
    met = {first}
    (place / "cat" / "0.png").write_bytes(encoded(50))
    met.add(load_collection(str(place)).content)
    (place / "cat" / "3.png").rename(place / "dog" / "3a.png")
    met.add(load_collection(str(place)).content)
    (place / "dog").rename(place / "wolf")
    met.add(load_collection(str(place)).content)
    (place / "train").mkdir()
    for name in ("cat", "wolf"):
        (place / name).rename(place / "train" / name)
    met.add(load_collection(str(place)).content)
    assert len(met) == 5


def test_it_does_not_hang_on_the_order_of_the_disk_or_on_the_path(photos: Callable) -> None:
    one, other = photos({"cat": 3, "dog": 3}, name="one"), photos({"cat": 3, "dog": 3}, name="two/deeper")
    assert load_collection(str(one)).content == load_collection(str(other)).content
    assert load_collection("digits").content == ""
