"""What every check of an exercise promises; a test file inherits it and names its functions.

    RIGHT = {"recall": right_recall}  # check → a right function, in other words than the definition
    MISTAKES = {"recall": mistakes_in(neighbours.recall)}

    class TestEveryCheck(EveryCheck):
        "What all checks promise."

A function that changes its arguments and returns nothing is named in IN_PLACE, with what is said
when nothing changed.
"""

import torch

from mlteach import checks


def raises(*arguments):
    raise KeyError("label")


HANDED_IN = [
    (None, "a function is expected"),
    (3, "a function is expected"),
    (lambda *arguments: None, "returns nothing yet"),
    (lambda *arguments: ..., "returns nothing yet"),
    (lambda: 0, "TypeError"),
    (raises, "KeyError: 'label'"),
    (lambda *arguments: "many", "returns a str"),
    (lambda *arguments: torch.zeros(7, 7), "shape (7, 7)"),
]


class EveryCheck:
    """One run for each check, each mistake that it knows, and each thing that is no answer."""

    def pytest_generate_tests(self, metafunc):
        right, mistakes = metafunc.module.RIGHT, metafunc.module.MISTAKES
        if "mistake" in metafunc.fixturenames:
            known = [(name, m) for name in mistakes for m in mistakes[name] if m.explanation]
            metafunc.parametrize(("name", "mistake"), known, ids=str)
        else:
            metafunc.parametrize("name", right)
        if "given" in metafunc.fixturenames:
            metafunc.parametrize(("given", "part"), HANDED_IN)

    def test_it_knows_mistakes_to_tell(self, request, name):
        """No check is forgotten among the mistakes."""
        assert len(request.module.MISTAKES[name]) > 0

    def test_a_right_function_passes(self, request, name):
        verdict = getattr(checks, name)(request.module.RIGHT[name])
        assert verdict.passed, verdict
        assert "public checks passed" in verdict.message

    def test_every_known_mistake_is_named_as_itself(self, name, mistake):
        """No mistake is taken for another."""
        verdict = getattr(checks, name)(mistake.function)
        assert not verdict.passed
        assert verdict.message == mistake.explanation

    def test_whatever_a_learner_hands_in_is_answered_and_never_raises(
        self, request, name, given, part
    ):
        if part.startswith(("return", "shape")):
            part = getattr(request.module, "IN_PLACE", {}).get(name, part)
        verdict = getattr(checks, name)(given)
        assert not verdict.passed
        assert part in verdict.message
