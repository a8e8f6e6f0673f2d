"""The registry: a mistake is found where it was registered, has the right one's signature, and says
what to do in words of its own.
"""

import inspect

import pytest

from mlteach.mistakes import _registry, mistake, mistakes_in

EVERY = [(of, found) for of in list(_registry._REGISTRY) for found in mistakes_in(of)]


def right(x):
    """The function that the mistake below is about."""
    return x


@mistake(right, "you double it")
def doubled(x):
    return 2 * x


def test_a_mistake_is_found_called_and_named():
    (found,) = mistakes_in(right)
    assert (str(found), found.explanation, found(3)) == ("doubled", "you double it", 6)


@pytest.mark.parametrize(("of", "found"), EVERY, ids=str)
def test_a_mistake_takes_what_the_right_one_takes(of, found):
    """The same names in the same order; options that are only passed on may stand together."""
    theirs = inspect.signature(found.function).parameters.values()
    named = [p.name for p in theirs if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    asked = [p for p in inspect.signature(of).parameters if p in named]
    passes_on = len(named) < len(theirs)
    assert named == asked
    assert passes_on or set(inspect.signature(of).parameters) - set(named) <= {"chunk_size"}


@pytest.mark.parametrize("of", list(_registry._REGISTRY), ids=lambda of: of.__name__)
def test_no_two_mistakes_are_told_in_the_same_words(of):
    told = [found.explanation for found in mistakes_in(of) if found.explanation]
    assert len(set(told)) == len(told)
    assert not any(text.endswith((".", " ")) or text[0].isupper() for text in told)
