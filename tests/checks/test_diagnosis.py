"""What is said of wrong functions that no list of mistakes has: each sentence is true of them."""

import math
import time

import pytest
import torch
import torch.nn.functional as F

from mlteach import checks
from mlteach.checks._case import Case, normal
from mlteach.checks._diagnosis import WAITED
from mlteach.mistakes import Mistake


def diagnose(given, definition, cases, mistakes=(), **options):
    options = {"gradients": False, **options}
    verdict = checks.judge(given, definition, cases, mistakes, **options)
    assert not verdict.passed
    return verdict.message


# --- exact symptoms ------------------------------------------------------------------------------


def softmax(x, *, temperature):
    return (x / temperature).softmax(1)


SOFTMAX = [
    Case(f"with {n} rows at {t}", (normal(n, n + 1, seed=n),), {"temperature": t})
    for n, t in ((3, 0.5), (4, 1.0), (5, 2.0), (6, 0.7))
]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x, temperature: softmax(x, temperature=temperature) * len(x), "the number of rows"),
        (lambda x, t: softmax(x, temperature=t) / t, "the right ones divided by `t`"),
        (lambda x, t: softmax(x, temperature=t) + math.log(len(x)), "by the logarithm of the num"),
        (lambda x, t: 0.1 * len(x) * softmax(x, temperature=t), "1/10 · the number of rows of `x`"),
        (lambda x, t: 2 * softmax(x, temperature=t) + 1, "2 times the right one + 1"),
        (lambda x, t: softmax(x, temperature=t).round(decimals=2), "rounded to two digits"),
        (lambda x, t: softmax(x, temperature=t).log(), "the logarithm of the right one"),
        (lambda x, t: softmax(x, temperature=t).softmax(1), "the softmax of the right ones"),
        (lambda x, t: softmax(x, temperature=t) / math.log(2), "a logarithm of base 2"),
        (lambda x, t: 100 * softmax(x, temperature=t), "not percent"),
        (lambda x, t: softmax(x, temperature=t).clamp(min=0.3), "is it clamped?"),
        (lambda x, t: softmax(x, temperature=t)[:, :1], "a part of the right one (shape (3, 1)"),
        (lambda x, t: F.pad(softmax(x, temperature=t), (0, 1)), "holds the right one and more"),
        (lambda x, t: softmax(x, temperature=t).mean(1), "a mean too much is taken"),
        (lambda x, t: torch.full_like(x, t), "all entries of your result are the same number"),
        (lambda x, t: (x, softmax(x, temperature=t)), "entry 1 of it is right, so return that"),
    ],
)
def test_what_the_numbers_are_of_the_right_ones(given, message):
    assert message in diagnose(given, softmax, SOFTMAX)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x, t: (x * t).softmax(1), "1 / `t` instead of `t`"),
        (lambda x, t: (x / t**2).softmax(1), "the square of `t` instead of `t`"),
        (lambda x, t: (-x / t).softmax(1), "minus `x` instead of `x`"),
        (lambda x, t: (F.normalize(x, dim=1) / t).softmax(1), "rows of `x` divided by their leng"),
        (lambda x, t: (x.relu() / t).softmax(1), "what is below 0 becomes 0"),
        (lambda x, t: -(x / t**2).softmax(1), "the square of `t` instead of `t`; besides, it has"),
    ],
)
def test_which_argument_is_used_in_a_wrong_way(given, message):
    assert message in diagnose(given, softmax, SOFTMAX)


def test_arguments_that_are_mixed_up_are_told():
    def chance(n_bits, n_tables):
        return 1 - (1 - 0.9**n_bits) ** n_tables

    cases = [Case(f"with {a} and {b}", (a, b)) for a, b in ((4, 3), (8, 2), (3, 8))]
    assert "`a` and `b` swapped" in diagnose(lambda a, b: chance(b, a), chance, cases)


def hinge(x, y, *, margin):
    return (margin - (x - y).norm(dim=1)).relu().square().mean()


@pytest.mark.parametrize(
    ("reduce", "message"),
    [
        (torch.max, "the largest of the right values"),
        (torch.median, "the median of the right values"),
        (lambda rows: rows[1:].mean(), "the mean of all but the first of the right values"),
        (lambda rows: rows[rows > 0].mean(), "the mean of those that are not 0 among"),
    ],
)
def test_what_is_taken_of_the_rows_in_place_of_their_mean(reduce, message):
    cases = [
        Case(f"with margin {m}", (normal(6, 3, seed=1), normal(6, 3, seed=2)), {"margin": m})
        for m in (1.5, 2.0, 3.0)
    ]

    def of_rows(x, y, m):
        return reduce((m - (x - y).norm(dim=1)).relu().square())

    assert message in diagnose(of_rows, hinge, cases)


def test_an_argument_that_does_nothing_is_told():
    told = diagnose(lambda x, y: cosines(x, x[:4]), cosines, COSINES)
    assert told == "your result does not depend on `y`"


# --- patterns ------------------------------------------------------------------------------------


def kernel(x):
    weights = (1 / (1 + torch.cdist(x, x) ** 2)).fill_diagonal_(0)
    return weights / weights.sum()


KERNEL = [Case(f"with {n} rows", (normal(n, 2, seed=n),)) for n in (5, 8)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x: kernel(x) ** 2 / (kernel(x) ** 2).sum(), "go with the square of the right ones"),
        (lambda x: kernel(x) ** 0.5 / (kernel(x) ** 0.5).sum(), "with the root of the right ones"),
        (lambda x: kernel(x) + torch.eye(len(x)), "only the diagonal is wrong"),
        (
            lambda x: torch.cat([kernel(x)[:, :1] + 1, kernel(x)[:, 1:]], 1),
            "only the first column is wrong",
        ),
        (lambda x: kernel(x) / kernel(x).sum(1, keepdim=True) / 3, "each of your rows is right up"),
    ],
)
def test_where_and_how_results_are_wrong(given, message):
    assert message in diagnose(given, kernel, KERNEL)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x: x > -9, "your mask is True everywhere"),
        (lambda x: x <= 0.3, "True and False are swapped"),
        (lambda x: x > 0.1, "and more: is a condition missing?"),
        (lambda x: x > 0.8, "some is missing: is a condition too strict?"),
    ],
)
def test_a_mask_is_told_by_what_it_has_too_much_or_too_little(given, message):
    cases = [Case(f"with {n} numbers", (normal(n, seed=n),)) for n in (9, 12)]
    assert message in diagnose(given, lambda x: x > 0.3, cases)


# --- probes --------------------------------------------------------------------------------------


def cosines(x, y):
    return F.normalize(x, dim=1) @ F.normalize(y, dim=1).T


COSINES = [Case(f"with {n} and 4", (normal(n, 3, seed=n), normal(4, 3, seed=9))) for n in (5, 6)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x, y: (cosines(x, y) * x.norm(dim=1)[:, None]).tanh(), "number of `x` is doubled"),
        (lambda x, y: cosines(x, y) - cosines(x, y).amax(0), "entry 0 of `x` changes, only entry"),
        (lambda x, y: cosines(x, y[:1]).sin().expand(-1, 4), "does not depend on the last entry"),
    ],
)
def test_what_a_change_of_the_arguments_tells(given, message):
    assert message in diagnose(given, cosines, COSINES)


def test_the_edge_is_told_where_only_such_cases_are_wrong():
    cases = [
        Case("with ones", (torch.ones(3),)),
        Case("with twos", (torch.full((3,), 2.0),)),
        Case("with a zero", (torch.tensor([1.0, 0.0, 2.0]),), edge="0 is no positive number"),
    ]
    told = diagnose(lambda x: x + (x == 0), lambda x: x.clone(), cases)
    assert told == "right in the other cases, but not with a zero: 0 is no positive number"


def test_an_edge_that_right_cases_have_too_explains_nothing():
    cases = [
        Case(f"with {n} rows", (normal(n, 3, seed=n),), edge="every case has rows") for n in (3, 5)
    ]
    told = diagnose(lambda x: x + (len(x) == 5), lambda x: x.clone(), cases)
    assert "every case has rows" not in told


def test_random_numbers_are_seen_though_two_draws_of_the_first_case_are_alike():
    draws = iter([0, 1, 1] + [1, 0] + [1] * 100)  # once more: 1 as before, then 0

    def sometimes(x):
        return x + next(draws)

    cases = [Case(f"with {n} rows", (normal(n, seed=n),)) for n in (2, 3, 4)]
    assert "two calls" in diagnose(sometimes, lambda x: x.clone(), cases)


# --- shapes, errors, two at once, time -----------------------------------------------------------


def test_shapes_that_clash_do_not_end_the_diagnosis():
    def products(x, y):
        return x @ y.T

    cases = [Case(f"with {n} rows", (normal(n, 3, seed=n), normal(4, 3, seed=9))) for n in (5, 6)]
    told = diagnose(lambda x, y: x @ y, products, cases)
    assert "is a `.T` missing? Where all sizes are equal it runs, and there: " in told
    assert told.endswith("`y` transposed")


def test_a_size_that_is_wrong_is_told_with_the_right_one():
    cases = [Case(f"with k = {k}", (normal(8, seed=k),), {"k": k}) for k in (2, 3)]
    told = diagnose(lambda x, k: x.exp()[:5], lambda x, *, k: x.topk(k).values, cases)
    assert told.endswith("Its size along dimension 0 is 5, and should be `k`")


def test_a_known_mistake_and_another_one_besides_are_both_told():
    mistakes = [Mistake(lambda x, *, temperature: softmax(x, temperature=temperature).T, "turned")]
    told = diagnose(lambda x, t: -softmax(x, temperature=t).T, softmax, SOFTMAX, mistakes)
    assert told == "turned; besides, it has the wrong sign"


def test_a_slow_function_is_not_asked_a_hundred_times():
    def slow(x, temperature):
        time.sleep(0.2)
        return (x / temperature).sinh()

    begun = time.monotonic()
    diagnose(slow, softmax, SOFTMAX)
    assert time.monotonic() - begun < WAITED + 4


# --- gradients -----------------------------------------------------------------------------------


def energy(x, y):
    return (x * y).square().sum()


ENERGY = [Case(f"with {n} rows", (normal(n, 3, seed=n), normal(n, 3, seed=n + 9))) for n in (4, 5)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda x, y: energy(x.detach(), y), "no gradient arrives at `x`"),
        (lambda a, b: (a * b * (a * b).detach()).sum(), "`a` and `b` is 0.5 times the right one"),
        (
            lambda x, y: energy(torch.cat([x[:1].detach(), x[1:]]), y),
            "`x` is right for some entries, and wrong for others",
        ),
    ],
)
def test_which_gradient_is_wrong_and_how(given, message):
    assert message in diagnose(given, energy, ENERGY, gradients=True)
