import torch

from headstart.reporting.page.classes import class_results, confusion, mistakes

LABELS, GUESSES = torch.tensor([0, 0, 0, 1, 1, 2]), torch.tensor([0, 0, 1, 1, 2, 2])


def test_confusion_by_hand() -> None:
    assert confusion(LABELS, GUESSES, 3).tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]


def test_the_worst_class_comes_first() -> None:
    told = class_results(["cat", "dog", "owl"], LABELS, GUESSES, "6 images")
    assert "Each class on 6 images, worst first." in told
    order = [told.index(f'<th scope="row">{name}</th>') for name in ("dog", "cat", "owl")]
    assert order == sorted(order)
    row = told[order[0] : order[1]]
    assert [f'data-value="{value}"' in row for value in (2, 0.5)] == [True, True] and "owl (1)" in row
    assert 'style="--share:0.667">2</td>' in told


def test_many_classes_are_told_by_their_largest_mistakes() -> None:
    labels = torch.arange(120).repeat(2)
    guesses = labels.clone()
    guesses[[3, 123]] = 7
    told = class_results([f"class {n}" for n in range(120)], labels, guesses, "240 images")
    assert "The 100 worst of 120 classes." in told
    assert 'class 3 taken for class 7</th><td data-value="2">2</td>' in told
    assert "--share" not in told


def test_a_class_without_images_is_left_out() -> None:
    told = class_results(["cat", "dog"], torch.tensor([0, 0]), torch.tensor([0, 0]), "2 images")
    assert told.count('<th scope="row">dog</th>') == 1  # in the confusion alone


def test_the_surest_mistakes_come_first() -> None:
    shares = torch.tensor([[0.4, 0.6], [0.1, 0.9], [0.8, 0.2]])
    pictures = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    told = mistakes(["<cat>", "dog"], torch.tensor([0, 0, 0]), shares, pictures, "validation images")
    assert "2 of 3 validation images" in told
    assert told.index("&lt;cat&gt;, taken for dog, 90 % sure") < told.index("&lt;cat&gt;, taken for dog, 60 % sure")
    none = mistakes(["cat", "dog"], torch.tensor([1]), shares[:1], pictures[:1], "validation images")
    assert none == "<p>No mistakes on validation images.</p>"
