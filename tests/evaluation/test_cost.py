import headstart
from headstart.evaluation import Cost, cost


def test_a_large_and_a_small_model_in_words() -> None:
    assert str(Cost(5_360_000, 718_000_000)) == "5.36 M parameters, 0.718 GFLOP an image"
    assert str(Cost(15_250, 495_072)) == "0.015 M parameters, 0.0005 GFLOP an image"


def test_attention_is_counted_and_the_model_stays_as_it_is() -> None:
    model = headstart.create_vit("tiny", width=8, depth=1, heads=2, image_size=8, patch_size=2, num_classes=3)
    tokens, width, patch = 16, 8, 3 * 2 * 2
    block = 12 * tokens * width**2 + 2 * tokens**2 * width  # Q, K, V, O and the MLP; scores and their sums
    assert cost(model, (3, 8, 8)).flops == 2 * (tokens * patch * width + block + width * 3)
    assert model.training
