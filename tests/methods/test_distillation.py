import math

import pytest
import torch

from headstart.methods.distillation import distilled, feature_loss, shortened


def test_logits_by_hand() -> None:
    # T = 2: teacher (1/4, 3/4), student (1/2, 1/2): 4 · (¼·ln ½ + ¾·ln 3/2)
    teacher, student = torch.tensor([[0.0, 2 * math.log(3)]]), torch.tensor([[1.0, 1.0]])
    by_hand = 4 * (0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    assert distilled(student, teacher, 2.0).item() == pytest.approx(by_hand)
    assert distilled(student.repeat(3, 1), teacher.repeat(3, 1), 2.0).item() == pytest.approx(by_hand)
    assert distilled(teacher, teacher, 4.0).item() == 0


def test_only_the_student_follows() -> None:
    student, teacher = (torch.randn(4, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    distilled(student, teacher, 4.0).backward()
    assert teacher.grad is None
    # d/dz of T²·KL is T·(softmax(z/T) − softmax(t/T)) / B
    by_hand = (torch.softmax(student / 4, 1) - torch.softmax(teacher / 4, 1)).detach()
    torch.testing.assert_close(student.grad, by_hand, atol=1e-6, rtol=1e-5)


def test_lengths() -> None:
    x = torch.arange(8.0).view(1, 8, 1)
    assert shortened(x, 8) is x
    assert shortened(x, 2).flatten().tolist() == [1.5, 5.5]
    assert shortened(x, 3).flatten().tolist() == [1.0, 3.5, 6.0]  # of 0–2, 2–5, 5–7


def test_a_map_is_averaged_along_its_rows_and_normalised_then() -> None:
    tokens = torch.tensor([[[1.0, 3.0], [4.0, 0.0]]])  # LN: (−1, 1), (1, −1), as there is little ε beside 1 and 4
    rows = torch.tensor([[[[0.0, 0.0], [2.0, 2.0]], [[4.0, 4.0], [0.0, 0.0]]]])  # LN of rows: (−1, 1), (1, −1)
    assert feature_loss(tokens, rows).item() == pytest.approx(0, abs=1e-9)
    columns = rows.transpose(2, 3)  # each row now averages to (1, 2): LN (−1, 1)
    assert feature_loss(tokens, columns).item() == pytest.approx((0 + 0 + 4 + 4) / 4, abs=1e-3)


def test_tokens_are_averaged_where_they_are_more() -> None:
    tokens = torch.tensor([[[0.0, 2.0], [2.0, 6.0], [4.0, 4.0], [0.0, -4.0]]])  # (1, 4), (2, 0): LN (−1, 1), (1, −1)
    map_ = torch.tensor([[[[5.0, 1.0]], [[7.0, 3.0]]]])  # (5, 7), (1, 3): LN (−1, 1) twice
    assert feature_loss(tokens, map_).item() == pytest.approx(2.0, abs=1e-3)


def test_only_tokens_follow_and_scale_is_free() -> None:
    tokens, map_ = torch.randn(2, 6, 8, requires_grad=True), torch.randn(2, 8, 2, 3, requires_grad=True)
    loss = feature_loss(tokens, map_)
    loss.backward()
    assert map_.grad is None and tokens.grad is not None and tokens.grad.abs().sum() > 0
    torch.testing.assert_close(feature_loss(tokens * 5 + 3, map_ * 0.5 - 1), loss, atol=1e-3, rtol=1e-3)


def test_gradient() -> None:
    tokens, map_ = torch.randn(2, 6, 4), torch.randn(2, 4, 3, 3)
    tokens.requires_grad_()
    (found,) = torch.autograd.grad(feature_loss(tokens, map_), tokens)
    way = torch.randn_like(tokens)
    ahead, behind = (feature_loss(tokens.detach() + step * way, map_) for step in (1e-2, -1e-2))
    assert ((ahead - behind) / 2e-2).item() == pytest.approx((found * way).sum().item(), rel=2e-2, abs=1e-4)
