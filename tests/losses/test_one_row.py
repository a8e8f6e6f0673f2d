"""InfoNCE of one row of similarities is InfoNCE of the vectors that have them."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch.autograd import gradcheck

from mlteach.losses import info_nce
from mlteach.losses.one_row import info_nce_of_row


@pytest.mark.parametrize("temperature", [0.05, 0.5, 5.0])
def test_it_is_info_nce_of_the_vectors(temperature):
    generator = torch.Generator().manual_seed(0)
    z = F.normalize(torch.randn(7, 5, generator=generator, dtype=torch.float64), dim=1)
    anchor, candidates = z[:1], z[1:]
    others = torch.arange(6) != 2
    expected = info_nce(anchor, candidates[[2]], candidates[others], temperature=temperature)
    loss = info_nce_of_row((candidates @ anchor.T)[:, 0], 2, temperature)
    torch.testing.assert_close(loss, expected, rtol=1e-7, atol=0)


def test_its_gradient_is_the_distance_of_the_softmax_from_the_truth():
    row = torch.tensor([0.9, -0.3, 0.2, 0.5], dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda s: info_nce_of_row(s, 1, 0.3), row)
    (gradient,) = torch.autograd.grad(info_nce_of_row(row, 1, 0.3), row)
    truth = F.one_hot(torch.tensor(1), 4)
    torch.testing.assert_close(gradient, ((row / 0.3).softmax(0) - truth) / 0.3)


def test_values_known_by_hand():
    equal = info_nce_of_row(torch.full((8,), 0.4), 3, 0.1)
    assert equal.item() == pytest.approx(math.log(8))
    best = info_nce_of_row(torch.tensor([1.0, -1.0]), 0, 0.01)
    assert 0 <= best.item() < 1e-6
