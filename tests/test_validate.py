"""The checks of arguments: what is accepted, what is refused, and that the message names all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from mlteach import _validate


def test_whole_numbers_of_every_library_are_counts():
    assert [_validate.count("n", n) for n in (3, np.int64(3))] == [3, 3]


def test_numbers_are_returned_as_they_are():
    for value in (0.5, 1, Fraction(1, 2), np.float32(0.5), torch.tensor(0.5)):
        assert _validate.number("margin", value, above=0, at_most=1) is value


def test_labels_of_any_integer_type_become_int64():
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        labels = _validate.labels("labels", torch.tensor([0, 2, 1], dtype=dtype))
        assert labels.tolist() == [0, 2, 1]
        assert labels.dtype == torch.int64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: _validate.count("n", 3.0), TypeError, "n must be a whole number, got float: 3.0"),
        (lambda: _validate.count("n", True), TypeError, "n must be a whole number, got bool"),
        (lambda: _validate.count("n", 0), ValueError, "n must be a whole number >= 1, got 0"),
        (
            lambda: _validate.count("n", 9, at_most=5),
            ValueError,
            "n must be a whole number between",
        ),
        (
            lambda: _validate.number("t", float("nan"), above=0),
            ValueError,
            "t must be finite and > 0",
        ),
        (lambda: _validate.number("t", float("nan")), ValueError, "t must be finite, got nan"),
        (lambda: _validate.number("t", "0.5"), TypeError, "t must be a number or a 0-d tensor"),
        (
            lambda: _validate.number("t", 2, at_least=0, at_most=1),
            ValueError,
            r"in \[0, 1\], got 2",
        ),
        (lambda: _validate.choice("kind", "c", ["a", "b"]), ValueError, "one of 'a', 'b', got 'c'"),
        (lambda: _validate.generator("generator", 0), TypeError, "generator must be a torch.Gen"),
        (lambda: _validate.seed("seed", -1), ValueError, "seed must be a whole number between 0"),
        (
            lambda: _validate.features("z", torch.ones(3)),
            ValueError,
            r"z must be \(N >= 1, D >= 1\)",
        ),
        (
            lambda: _validate.features("z", torch.full((2, 2), torch.nan)),
            ValueError,
            "z must be fin",
        ),
        (lambda: _validate.features("z", np.ones((2, 2))), TypeError, "z must be a floating-point"),
        (lambda: _validate.images("x", torch.ones(2, 3)), ValueError, r"x must be \(B, C, H, W\)"),
        (lambda: _validate.labels("y", torch.tensor([-1])), ValueError, "y must be >= 0, got -1"),
        (lambda: _validate.labels("y", torch.ones(2)), TypeError, "y must be a tensor of integers"),
    ],
)
def test_a_refusal_names_the_argument_what_is_allowed_and_what_was_given(call, error, message):
    with pytest.raises(error, match=message):
        call()
