"""The checks of arguments: what is accepted, what is refused, and that the message names all."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from mlteach import _validate


def test_whole_numbers_of_every_library_are_counts():
    assert [_validate.count("n", n) for n in (3, np.int64(3))] == [3, 3]


def test_numbers_become_floats_and_tensors_stay_as_they_are():
    for value in (0.5, Fraction(1, 2), np.float32(0.5), np.float64(0.5), np.array(0.5)):
        number = _validate.number("margin", value, above=0, at_most=1)
        assert (number, type(number)) == (0.5, float)
    tensor = torch.tensor(0.5, requires_grad=True)
    assert _validate.number("margin", tensor, above=0, at_most=1) is tensor


def test_functions_that_take_so_many_arguments():
    for f in (lambda x, y=1: x, lambda *x: x, torch.nn.MSELoss(), torch.add, max):
        assert _validate.function("f", f, takes=2) is f
    assert _validate.function("f", torch.nn.ReLU) is torch.nn.ReLU  # a class makes things, too


def test_rows_of_whole_numbers_of_every_kind():
    for row in ([2, 3], (2, np.int64(3)), np.array([2, 3]), torch.tensor([2, 3])):
        assert _validate.counts("n", row) == (2, 3)


def test_a_tensor_is_refused_only_where_its_value_is_known():
    def double(t):
        return 2 * _validate.number("t", t, above=0)

    for t in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="t must be finite and > 0"):
            double(torch.tensor(t))
    assert torch.vmap(double)(torch.tensor([1.0, 2.0])).tolist() == [2, 4]
    assert torch.vmap(torch.func.grad(double))(torch.tensor([1.0, 2.0])).tolist() == [2, 2]
    compiled = torch.compile(double, backend="eager", fullgraph=True)
    assert compiled(torch.tensor(3.0)) == 6


def test_flags_are_true_or_false():
    assert [_validate.flag("normalise", value) for value in (True, np.False_)] == [True, False]
    for value in (1, "no", None, torch.tensor(True)):
        with pytest.raises(TypeError, match="normalise must be True or False, got"):
            _validate.flag("normalise", value)


def test_strengths_become_floats():
    for value in (1, np.float32(1), torch.tensor(1.0)):
        assert type(_validate.strength("std", value, at_most=1)) is float


def test_labels_of_any_integer_type_become_int64():
    for dtype in (torch.uint8, torch.int16, torch.int32, torch.int64):
        labels = _validate.labels("labels", torch.tensor([0, 2, 1], dtype=dtype))
        assert labels.tolist() == [0, 2, 1]
        assert labels.dtype == torch.int64


def test_arrays_and_lists_become_features_and_labels():
    given = [[1, 2], [3, 4]]
    for value in (given, np.array(given), np.array(given, dtype=np.float16), torch.tensor(given)):
        features = _validate.features("z", value)
        assert features.tolist() == given
        assert features.dtype == torch.float32
    assert _validate.features("z", np.array(given, dtype=np.float64)).dtype == torch.float64
    for value in ([0, 2], (0, 2), np.array([0, 2], dtype=np.int16)):
        assert torch.equal(_validate.labels("y", value), torch.tensor([0, 2]))


def test_intervals_are_pairs_in_order():
    assert _validate.interval("scale", [1, 1], above=0, at_most=1) == (1, 1)
    assert _validate.interval("phase", (-5, np.float32(0.5))) == (-5, 0.5)
    assert _validate.interval("phase", np.array([-5, 0.5])) == (-5, 0.5)
    assert _validate.interval("phase", torch.tensor([-5, 0.5])) == (-5, 0.5)


def test_a_letter_of_a_shape_is_one_size():
    for value in (torch.ones(3, 3, 2), np.ones((3, 3, 2)), torch.ones(0, 0, 2)):
        assert _validate.shaped("x", value, "N", "N", 2) is value


def test_masks_become_booleans():
    for dtype in (torch.bool, torch.int64, torch.float32):
        mask = _validate.mask("same", torch.tensor([1, 0], dtype=dtype), size=2)
        assert mask.tolist() == [True, False]
        assert mask.dtype == torch.bool


def test_an_older_name_is_understood():
    assert _validate.choice("measure", "Euclid", ["cosine", "euclidean"]) == "euclidean"


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
            lambda: _validate.count("n", 10**400),
            ValueError,
            "n must be .* between 1 and 9223372036",
        ),
        (lambda: _validate.count("n", 10**9000), ValueError, "got a number of thousands of digits"),
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
        (lambda: _validate.strength("std", -1), ValueError, "std must be finite and >= 0, got -1"),
        (
            lambda: _validate.interval("scale", (0, 1), above=0, at_most=1),
            ValueError,
            r"scale must be \(low, high\) with 0 < low <= high <= 1, got \(0, 1\)",
        ),
        (lambda: _validate.interval("p", (2, 1)), ValueError, "p must be .* with low <= high, got"),
        (lambda: _validate.interval("p", (0, float("nan"))), ValueError, "p must be finite"),
        (lambda: _validate.interval("p", 1), ValueError, r"p must be \(low, high\) with .* got 1"),
        (lambda: _validate.interval("p", (0, "1")), TypeError, "p must be a number"),
        (lambda: _validate.tensor("x", [1]), TypeError, "x must be a tensor, got list"),
        (
            lambda: _validate.shaped("x", torch.ones(2, 3), "N", "N"),
            ValueError,
            r"x must be \(N, N\), got shape \(2, 3\)",
        ),
        (
            lambda: _validate.shaped("x", torch.ones(0, 3), "K", 3, at_least=1),
            ValueError,
            r"x must be \(K >= 1, 3\), got shape \(0, 3\)",
        ),
        (
            lambda: _validate.shaped("x", torch.ones(2), "N", "D"),
            ValueError,
            r"x must be \(N, D\), got shape \(2,\)",
        ),
        (lambda: _validate.shaped("x", torch.ones(2), 3), ValueError, r"x must be \(3,\), got"),
        (lambda: _validate.shaped("x", [1, 2], 2), TypeError, "x must be a tensor, got list"),
        (
            lambda: _validate.matrices(x=torch.ones(1, 2), at_least=2),
            ValueError,
            r"x must be \(N >= 2, D >= 1\), got x \(1, 2\)",
        ),
        (
            lambda: _validate.matrices(x=torch.ones(1, 2), y=torch.ones(2)),
            ValueError,
            r"x, y must be \(N >= 1, D >= 1\), of one shape, got x \(1, 2\), y \(2,\)",
        ),
        (
            lambda: _validate.mask("same", torch.tensor([0, 2]), size=2),
            ValueError,
            "same must hold True and False, or 1 and 0, got 2",
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
        (
            lambda: _validate.features("z", "text"),
            TypeError,
            "z must be a tensor, an array or a li",
        ),
        (
            lambda: _validate.features("z", torch.ones(2, 2) > 0),
            TypeError,
            "z must hold numbers, go",
        ),
        (lambda: _validate.counts("n", [2], length=2), ValueError, "n must be at least 2 whole"),
        (lambda: _validate.counts("n", [2, 0]), ValueError, r"n\[1\] must be a whole number >= 1"),
        (lambda: _validate.counts("n", 2), TypeError, "n must be whole numbers in a row, got int"),
        (lambda: _validate.counts("n", "ab"), TypeError, "n must be whole numbers in a row, got"),
        (
            lambda: _validate.finite("x", torch.tensor([0.0, torch.nan])),
            ValueError,
            "x must be finite, got NaN or infinity",
        ),
        (
            lambda: _validate.function("f", lambda: 0, what="a function of x", takes=1),
            TypeError,
            "f must be a function of x, got <function .* which takes others",
        ),
        (
            lambda: _validate.function("f", torch.nn.ReLU, what="a function of x", takes=1),
            TypeError,
            "f must be a function of x, got the class ReLU",
        ),
        (
            lambda: _validate.function("f", torch.nn.ReLU(), what="a function of two", takes=2),
            TypeError,
            "f must be a function of two, got ReLU",
        ),
        (lambda: _validate.length("titles", "ab", 3), ValueError, "must have 3 entries, got 2"),
        (
            lambda: _validate.one_dtype(x=torch.ones(1), y=torch.ones(1).double()),
            TypeError,
            "x and y must be of one type, got float32 and float64",
        ),
        (
            lambda: _validate.images("x", torch.ones(1, 2, 8, 8), channels=(1, 3)),
            ValueError,
            "x must have 1 or 3 channels, got 2",
        ),
        (lambda: _validate.images("x", torch.ones(2, 3)), ValueError, r"x must be \(B, C, H, W\)"),
        (lambda: _validate.labels("y", torch.tensor([-1])), ValueError, "y must be >= 0, got -1"),
        (
            lambda: _validate.labels("y", torch.tensor([0, 5]), n_classes=5),
            ValueError,
            "y must be in 0 ... 4, got 0 to 5",
        ),
        (
            lambda: _validate.labels("y", torch.tensor([0, 1, 1]), size=2),
            ValueError,
            r"y must be \(2,\), got shape \(3,\)",
        ),
        (lambda: _validate.labels("y", torch.tensor([True])), TypeError, "y must be .* of bool"),
        (lambda: _validate.labels("y", torch.ones(2)), TypeError, "y must be a tensor of integers"),
    ],
)
def test_a_refusal_names_the_argument_what_is_allowed_and_what_was_given(call, error, message):
    with pytest.raises(error, match=message):
        call()
