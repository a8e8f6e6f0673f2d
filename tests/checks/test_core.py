"""The core of every check: what it takes as an answer, what it names, and that it never raises."""

import pytest
import torch

from mlteach import checks
from mlteach.mistakes import Mistake


def right(x, y, *, power):
    return (x * y.detach()).pow(power).sum(1)


def summed(x, y, *, power):
    return right(x, y, power=power).sum()


def without_stop(x, y, *, power):
    return (x * y).pow(power).sum(1)


CASES = [
    checks.Case(
        f"with power {power}", (torch.arange(6.0).view(2, 3), torch.ones(2, 3)), {"power": power}
    )
    for power in (1, 2)
]
MISTAKES_IN_RIGHT = [
    Mistake(summed, "you add up"),
    Mistake(without_stop, "the value is right, but y gets a gradient"),
    Mistake(lambda x, y, *, power: right(x.detach(), y, power=power)),
]


def judged(given, **options):
    return checks.judge(given, right, CASES, MISTAKES_IN_RIGHT, **options)


@pytest.mark.parametrize(
    "given",
    [
        right,
        lambda x, y, power: right(x, y, power=power),
        lambda x, y, exponent: right(x, y, power=exponent),
        lambda *arguments: right(*arguments[:2], power=arguments[2]),
    ],
)
def test_a_hyperparameter_may_be_taken_by_place_or_by_name(given):
    assert judged(given).passed


def test_a_mistake_of_another_shape_is_named():
    assert judged(summed).message == "you add up"
    assert "shape ()" in judged(lambda x, y, power: x.sum()).message


def test_an_unknown_mistake_is_located():
    """The first entry that differs is named, not the first entry."""

    def first_column_twice(x, y, power):
        return right(x, y, power=power) + (power - 1) * right(x[:, ::3], y[:, ::3], power=power)

    unknown = judged(first_column_twice)
    assert unknown.message == "right with power 1, wrong with power 2"
    assert (
        unknown.where == "Case 2 of 2: with power 2. Right in 1 of 2 cases. 1 of 2 entries differ."
    )
    assert unknown.entries == (("[1]", "50.0000", "59.0000"),)


def test_a_mistake_in_the_gradient_is_named():
    assert judged(without_stop).message == "the value is right, but y gets a gradient"
    assert judged(without_stop, gradients=False).passed
    twice = judged(
        lambda x, y, power: (
            2 * without_stop(x, y, power=power) - without_stop(x, y.detach(), power=power)
        )
    )
    assert "a gradient flows into `y`" in twice.message
    assert (
        "no gradient arrives at `x`"
        in judged(lambda x, y, power: right(x.detach() + 0 * x, y, power=power)).message
    )


def test_an_argument_without_a_gradient_is_told():
    assert (
        "no gradient can flow"
        in judged(lambda x, y, power: right(x.detach(), y, power=power)).message
    )


def with_numpy(x, y, power):
    return torch.as_tensor((x.numpy() * y.numpy()) ** power).sum(1)


def written_after_exp(x, y, power):
    e = torch.exp(torch.log(x + 1))
    e.sub_(1)
    return right(e, y, power=power)


@pytest.mark.parametrize(
    ("given", "part"),
    [(with_numpy, "NumPy"), (written_after_exp, "the gradient fails with RuntimeError")],
)
def test_a_gradient_that_fails_is_told(given, part):
    verdict = judged(given)
    assert not verdict.passed
    assert part in verdict.message


def refuses(x):
    raise ValueError("no")


def by_a_helper(x, y, power):
    return refuses(x)


def without_end(x, y, power):
    return without_end(x, y, power)


def in_a_library(x, y, power):
    return torch.nn.functional.conv_transpose_of_x(x)


@pytest.mark.parametrize(
    ("given", "raised", "line"),
    [
        (by_a_helper, refuses, 'raise ValueError("no")'),
        (without_end, without_end, "return without_end(x, y, power)"),
        (in_a_library, in_a_library, "return torch.nn.functional.conv_transpose_of_x(x)"),
    ],
)
def test_the_line_of_the_learner_that_raised_is_told(given, raised, line):
    number = raised.__code__.co_firstlineno + 1
    assert f"Line {number}: `{line}`" in str(judged(given))


def test_no_line_of_a_library_is_told():
    assert "Line" not in str(judged(torch.nn.functional.embedding_bag))


def test_complex_numbers_are_refused():
    verdict = judged(lambda x, y, power: right(x, y, power=power).to(torch.complex64))
    assert "complex numbers" in verdict.message


def test_what_the_notebook_has_set_does_not_matter():
    before = torch.random.get_rng_state()
    with torch.no_grad():
        assert judged(right).passed
    judged(lambda x, y, power: right(x, y, power=power) + torch.rand(()))
    assert torch.random.get_rng_state().equal(before)


def test_a_verdict_shows_its_message():
    assert repr(checks.Verdict(True, "fine")) == "✔ fine"
    assert repr(checks.Verdict(False, "why")) == "✘ why"
