"""The check of the welcome chapter passes the cosine and names each mistake."""

from support.every_check import EveryCheck

from mlteach.mistakes import mistakes_in, similarity

RIGHT = {"cosine": lambda x, y: (x * y).sum() / (x.norm() * y.norm())}
MISTAKES = {"cosine": mistakes_in(similarity.cosine)}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""
