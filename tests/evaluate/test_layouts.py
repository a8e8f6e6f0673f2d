"""Measures of layouts, against loops and cases known by hand."""

import pytest
import torch
from support.numbers import normal32

from mlteach.evaluate.layouts import layout_moves, nearest_others, trustworthiness


def test_nearest_others_by_a_loop():
    x = normal32(12, 3)
    found = nearest_others(x, 4)
    for i, row in enumerate(found.tolist()):
        gaps = {j: (x[i] - x[j]).norm().item() for j in range(12) if j != i}
        assert row == sorted(gaps, key=gaps.get)[:4]


def test_a_point_is_never_its_own_neighbour_even_among_copies():
    x = torch.cat([normal32(12, 3), normal32(12, 3)])
    neighbours = nearest_others(x, 5)
    assert not (neighbours == torch.arange(24)[:, None]).any()
    assert torch.equal(neighbours[:12, 0], torch.arange(12, 24))


def test_a_map_of_itself_is_trusted_and_a_shuffled_one_is_not():
    x = normal32(60, 2)
    assert trustworthiness(x, 3 * x + 1, k=5) == 1
    assert 0.4 < trustworthiness(x, normal32(60, 2, seed=1), k=5) < 0.6


def test_moves_leave_out_a_shift_and_are_shares_of_the_spread():
    square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    layouts = torch.stack([square, square + 5, 2 * square + 5])
    assert layout_moves(layouts).tolist() == pytest.approx([0, 0, 0.5])
