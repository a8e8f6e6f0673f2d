"""The registry: a mistake is found where it was registered, and can be called."""

from mlteach.mistakes import mistake, mistakes_in


def right(x):
    """The function that the mistake below is about."""
    return x


@mistake(right, "you double it")
def doubled(x):
    return 2 * x


def test_a_mistake_is_found_called_and_named():
    (found,) = mistakes_in(right)
    assert (str(found), found.explanation, found(3)) == ("doubled", "you double it", 6)
