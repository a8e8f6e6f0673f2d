"""What keeps checks and notebooks apart: settings, random numbers, what is printed, errors."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from functools import wraps
from io import StringIO
from typing import Any

import numpy as np
import torch

from mlteach.checks._verdict import Verdict, one_line, told


def check(function: Callable[..., Verdict]) -> Callable[..., Verdict]:
    """Makes a check of a function: it never raises, and leaves the notebook as it was."""

    @wraps(function)
    def checked(*arguments: Any, **options: Any) -> Verdict:
        with _settings_of_its_own():
            try:
                return function(*arguments, **options)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # of an object that the check has not foreseen
                return Verdict(False, f"this check cannot judge your answer: {told(error)}")

    return checked


@contextmanager
def _settings_of_its_own() -> Iterator[None]:
    """Torch as in a fresh notebook; afterwards settings and random numbers are as before."""
    in_python, in_numpy = random.getstate(), np.random.get_state()
    dtype, device = torch.get_default_dtype(), torch.get_default_device()
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with ExitStack() as settings:
        settings.enter_context(torch.inference_mode(False))  # gradients are on, too
        settings.enter_context(torch.random.fork_rng(devices=devices))
        settings.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if device.type != "cpu":
            settings.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(dtype)
            np.random.set_state(in_numpy)
            random.setstate(in_python)


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    """Runs a learner's function: the first lines that it writes end in the list, not on the page.

    What it sets in torch holds for this call only.
    """
    dtype, written, drawn, warned = torch.get_default_dtype(), StringIO(), [], []
    try:
        with ExitStack() as settings:
            settings.enter_context(torch.enable_grad())
            settings.enter_context(redirect_stdout(written))
            settings.enter_context(redirect_stderr(written))
            settings.enter_context(_without_figures(drawn))
            warned = settings.enter_context(warnings.catch_warnings(record=True))
            warnings.simplefilter("always")
            # between NumPy and torch; nothing that a learner wrote, or could mend
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        torch.set_default_dtype(dtype)
        lines = [line for line in written.getvalue().splitlines() if line.strip()]
        lines += [told(warning.message) for warning in warned]
        lines += ["a figure: call your function yourself to see it"] * bool(drawn)
        heard += [one_line(line) for line in lines[:LINES]]
        if len(lines) > LINES:
            heard.append(f"… and {len(lines) - LINES} more lines")


LINES = 3
STAYS_OFF = "your function leaves gradients switched off, and no training could go on"


@contextmanager
def _without_figures(drawn: list[Any]) -> Iterator[None]:
    """What is displayed, and pyplot's new figures, end in the list, not on the page."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    before = _open_figures()
    if shell:
        shell.display_pub.publish = lambda *data, **more: drawn.append(data or more)
    try:
        yield
    finally:
        if shell:
            del shell.display_pub.publish  # the class has it
        for number in _open_figures() - before:
            sys.modules["matplotlib.pyplot"].close(number)
            drawn.append(number)


def _open_figures() -> set[int]:
    pyplot = sys.modules.get("matplotlib.pyplot")
    return set(pyplot.get_fignums()) if pyplot else set()
