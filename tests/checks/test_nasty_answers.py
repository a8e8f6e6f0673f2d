"""Whatever a learner hands in: every check answers, and leaves the notebook as it was."""

import functools
import itertools
import random
import sys
import warnings
from collections.abc import Mapping

import numpy as np
import pytest
import torch

from mlteach import checks
from mlteach.checks import Verdict, ch15_maml
from mlteach.checks._guard import check
from mlteach.losses import contrastive_loss
from mlteach.meta import maml_loss
from mlteach.training.moving_average import move_towards

CHECKS = [name for name in checks.__all__ if name not in ("Case", "Verdict", "judge")]


class Raising:
    """An object that can be asked for nothing."""

    def refuse(self, *arguments, **keywords):
        raise ValueError("no <b>answer</b>\nof any kind")

    __repr__ = __str__ = __eq__ = __bool__ = __len__ = __iter__ = __float__ = refuse
    __getitem__ = __array__ = __index__ = refuse
    __hash__ = None


class Exiting:
    """An object whose repr ends Python."""

    def __repr__(self):
        sys.exit("bye")


class Misnamed:
    """An object whose repr is no text."""

    def __repr__(self):
        return 3


class Huge:
    """An object with a repr of ten megabytes."""

    def __repr__(self):
        return "<script>&" * 1_200_000


class BadError(Exception):
    """An exception that cannot say what it is."""

    def __str__(self):
        raise RuntimeError("no text")


class Stop(BaseException):
    """What `except Exception` does not catch."""


class Options(Mapping):
    """Options that cannot be read."""

    def __getitem__(self, name):
        raise OSError("gone")

    def __iter__(self):
        raise OSError("gone")

    def __len__(self):
        return 1


class Words(str):
    """A text that cannot be changed."""

    def upper(self):
        raise ValueError("no")

    strip = upper


VALUES = {
    "None": None,
    "Ellipsis": ...,
    "a boolean": True,
    "a boolean tensor": torch.tensor(True),
    "a number": -1234.5,
    "a whole number of 5,001 digits": 10**5000,
    "nan": float("nan"),
    "a complex number": 2j,
    "a text": "many <b>&",
    "a text with control characters": "\ud800\x1b[31m\x00\u202e`",
    "bytes": b"C",
    "an empty list": [],
    "a list of a list": [[1, [2]], "C"],
    "a list in itself": (lambda own: own.append(own) or own)([]),
    "a dictionary": {"flip": 3},
    "unreadable options": Options(),
    "a set": {1, "Z"},
    "three zeros": np.zeros(3),
    "objects": np.array([None, "x"], dtype=object),
    "a tensor of no dimension": torch.tensor(3),
    "an empty tensor": torch.zeros(0),
    "a large tensor": torch.zeros(7, 7, 7),
    "a sparse tensor": torch.eye(9).to_sparse(),
    "a tensor of another layout": torch.eye(9)[:8, :8].to_sparse_coo(),
    "a tensor without values": torch.zeros(3, device="meta"),
    "complex numbers": torch.ones(3, dtype=torch.complex64),
    "a tensor with a gradient": torch.ones(11, requires_grad=True) * 2,
    "a half": torch.ones(11, dtype=torch.bfloat16),
    "a module": torch.nn.Linear(2, 2),
    "what raises": Raising(),
    "a class that raises": Raising,
    "what exits": Exiting(),
    "what is misnamed": Misnamed(),
    "a huge repr": Huge(),
    "a text that cannot be changed": Words("a"),
    "an odd class": type("<i>`\u202e", (), {})(),
    "an error": BadError(),
}


def raises(error):
    def function(*arguments, **keywords):
        raise error

    return function


def changes_everything(*arguments, **keywords):
    torch.set_grad_enabled(False)
    torch.set_default_dtype(torch.float16)
    torch.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    warnings.simplefilter("error")
    warnings.warn("careful", stacklevel=1)


def writes_to_its_input(*arguments, **keywords):
    for argument in arguments:
        if isinstance(argument, torch.Tensor):
            argument.data = torch.zeros(2, dtype=torch.int32)
    return arguments[0]


def prints(*arguments, **keywords):
    print("<b>shape</b> \ud800\x1b[31m", *arguments, sep="\n")
    print("on the other stream", file=sys.stderr)


FUNCTIONS = {
    "a function of nothing": lambda: 0,
    "a function that needs a name": lambda *, name: 0,
    "a partial function": functools.partial(max, 3),
    "a function without a signature": dict.fromkeys,
    "a class": dict,
    "an error without text": raises(ValueError()),
    "an error of many lines": raises(ValueError("\n\n  <b>first</b>\n" * 1000)),
    "an error that cannot speak": raises(BadError()),
    "an error of another class": raises(type("<Odd>", (Exception,), {})("`x`")),
    "an error of odd characters": raises(ValueError("\ud800\x1b[31m\x00\u202e")),
    "the end of Python": raises(SystemExit(1)),
    "no Exception": raises(Stop("here")),
    "a recursion": (lambda f: lambda *a, **k: f(f))(lambda f: f(f)),
    "a function that changes everything": changes_everything,
    "a function that writes to its input": writes_to_its_input,
    "a function that prints": prints,
    "a coroutine's function": lambda *a, **k: (number for number in itertools.count()),
}


def zoo():
    """Each by its name; what can be gone through only once is made anew."""
    yield from VALUES.items()
    yield "an endless generator", ("C" for _ in itertools.count())
    yield "a generator of numbers", iter([1, 2])
    yield from FUNCTIONS.items()
    for name, value in VALUES.items():
        yield f"a function that returns {name}", lambda *a, value=value, **k: value


def settings():
    """What a notebook has set, in a form that can be compared, and quickly: it is asked often."""
    kind, numbers, *rest = np.random.get_state()
    return (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
        torch.get_rng_state().numpy().tobytes(),
        (kind, numbers.tobytes(), *rest),
        random.getstate(),
        warnings.filters[:],
        sys.stdout,
        sys.stderr,
    )


def shown(verdict):
    """Both ways in which a notebook shows a verdict, as a kernel sends them."""
    text, html = repr(verdict), verdict._repr_html_()
    text.encode()
    html.encode()
    return text, html


@pytest.mark.parametrize("name", CHECKS)
def test_nothing_makes_a_check_raise_or_leave_a_trace(name, capfd):
    """A failed verdict that can be shown, nothing on the page, all settings as before."""
    torch.manual_seed(3)
    before, failed = settings(), {}
    for what, answer in zoo():
        verdict = getattr(checks, name)(answer)
        text, html = shown(verdict)
        good = (
            not verdict.passed
            and "cannot judge" not in verdict.message
            and text.startswith("✘ ")
            and 1 <= len(text.splitlines()) <= 4
            and len(text) < 3000
            and "".join(text.splitlines()).isprintable()
            and not any(tag in html for tag in ("<b>", "<i>", "<Odd>", "<script"))
        )
        if not good or settings() != before:
            failed[what] = text
    assert failed == {}
    assert capfd.readouterr() == ("", "")


def right_nt_xent(z1, z2, temperature):
    z = torch.nn.functional.normalize(torch.cat([z1, z2]), dim=1)
    itself = torch.eye(len(z), dtype=torch.bool)
    logits, rows = (z @ z.T / temperature).masked_fill(itself, -torch.inf), torch.arange(len(z))
    return (logits.logsumexp(1) - logits[rows, rows.roll(len(z1))]).mean()


def right_log_sum_exp(logits):
    largest = logits.amax(1, keepdim=True)
    return largest[:, 0] + (logits - largest).exp().sum(1).log()


RIGHT = {
    "nt_xent": right_nt_xent,
    "target_update": lambda target, online, decay: move_towards(target, online, decay=decay),
    "maml_loss": ch15_maml._of_weights(maml_loss),
    "log_sum_exp": right_log_sum_exp,
    "siamese_loss": lambda x1, x2, same, margin: contrastive_loss(x1, x2, same, margin=margin),
    "half_lives": [6.58, 68.97, 692.8],
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_passes_whatever_the_notebook_has_set(name):
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("error")
        torch.set_default_dtype(torch.float64)
        torch.set_default_device("meta")
        try:
            before = settings()
            verdict = getattr(checks, name)(RIGHT[name])
            assert verdict.passed, verdict
            assert settings() == before
        finally:
            torch.set_default_dtype(torch.float32)
            torch.set_default_device(None)
    with torch.inference_mode():
        assert getattr(checks, name)(RIGHT[name]).passed


def test_what_a_check_itself_does_is_its_own():
    """A warning is no error and not on the page; an error is told as what it is."""

    @check
    def warns(answer):
        warnings.warn(f"{answer} is old", DeprecationWarning, stacklevel=1)
        return Verdict(True, "fine")

    @check
    def breaks(answer):
        raise ZeroDivisionError(answer)

    assert warns("this").passed
    verdict = breaks("x / 0")
    assert not verdict.passed
    assert verdict.message == "this check cannot judge your answer: ZeroDivisionError: x / 0"


def test_what_numpy_says_to_torch_is_not_the_learners():
    def by_numpy(u, v):
        warnings.warn("__array__ has no copy", DeprecationWarning, stacklevel=1)
        warnings.warn("rounded", UserWarning, stacklevel=1)
        return np.dot(u, v) / (np.linalg.norm(u) * np.linalg.norm(v))

    verdict = checks.cosine(by_numpy)
    assert verdict.passed
    assert "rounded" in str(verdict)
    assert "Deprecation" not in str(verdict)


@pytest.mark.parametrize("name", CHECKS)
def test_an_interrupt_is_let_through(name):
    """The kernel's stop button works, and all settings are as before."""
    before = settings()
    asked = []

    def interrupted(*arguments, **keywords):
        asked.append(1)
        torch.set_grad_enabled(False)
        raise KeyboardInterrupt

    try:
        getattr(checks, name)(interrupted)
    except KeyboardInterrupt:
        assert asked == [1]
    else:
        assert asked == []  # a check of a number or a word
    assert settings() == before
