"""The registry: a mistake is found, has the right signature, and says what to do."""

import inspect

import pytest

from mlteach.mistakes import _registry, mistake, mistakes_in


def right(x):
    """The function that the mistake below is about."""
    return x


@mistake(right, "you double it")
def doubled(x):
    return 2 * x


def test_a_mistake_is_found_called_and_named():
    (found,) = mistakes_in(right)
    assert (str(found), found.explanation, found(3)) == ("doubled", "you double it", 6)


@pytest.mark.parametrize("of", list(_registry._REGISTRY), ids=lambda of: of.__name__)
def test_a_mistake_takes_what_the_right_one_takes(of):
    """As many by place, and the same by name; options that are only passed on stand together."""
    asked = inspect.signature(of).parameters.values()
    required = {p.name for p in asked if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    for found in mistakes_in(of):
        theirs = inspect.signature(found.function).parameters.values()
        by_name = {p.name for p in theirs if p.kind is p.KEYWORD_ONLY}
        passes_on = any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in theirs)
        assert by_name <= {p.name for p in asked}, found
        assert passes_on or required <= by_name, found
        assert passes_on or count_by_place(theirs) == count_by_place(asked), found


def count_by_place(parameters):
    return sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)


@pytest.mark.parametrize("of", list(_registry._REGISTRY), ids=lambda of: of.__name__)
def test_no_two_mistakes_are_told_in_the_same_words(of):
    told = [found.explanation for found in mistakes_in(of) if found.explanation]
    assert len(set(told)) == len(told)
    assert not any(text.endswith((".", " ")) or text[0].isupper() for text in told)
