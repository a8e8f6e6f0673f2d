"""Every public callable on bad input and on unusual good input, in the manner of scikit-learn.

Each argument of each call (tests/support/calls.py) is replaced by bad values of its kind. What is
bad is refused with a ValueError or TypeError that names a parameter of the function, or comes back
as a NaN where a loss is computed; nothing else may come out. What is only unusual gives the same
result as the plain value.
"""

from __future__ import annotations

import inspect
import math
import random
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from support.calls import CALLS, LEFT_OUT, Call, public_names
from torch import Tensor, nn

from mlteach.data import Dataset
from mlteach.episodes import Episode
from mlteach.explorers import Explorer

Bad = dict[str, Any]


def test_every_public_callable_is_varied_or_left_out_with_a_reason():
    assert public_names() - set(CALLS) - set(LEFT_OUT) == set()
    assert set(LEFT_OUT) <= public_names()


# --- what is bad, by the kind of the good value ---------------------------------------------------

NO_TENSORS: Bad = {
    "None": None,
    "text": "many",
    "number": 3,
    "dict": {"a": 1},
    "list of text": ["a", "b"],
    "object": object(),
    "ragged list": [[1.0], [1.0, 2.0]],
    "complex": torch.ones(8, 6, dtype=torch.complex64),
}


def bad_floats(good: Tensor) -> Bad:
    bad = NO_TENSORS | {
        "one dimension more": good[None],
        "a number alone": good.flatten()[0],
        "empty": good[:0],
    }
    if good.dim() > 1:
        bad["one row"] = good.flatten()
    for name, value in {"NaN": math.nan, "infinity": math.inf}.items():
        spoiled = good.clone()
        spoiled.view(-1)[1] = value
        bad[name] = spoiled
    if good.dim() == 4:
        bad |= {
            "0 to 255": 255 * good,
            "uint8": (255 * good).byte(),
            "five channels": good[:, :1].repeat(1, 5, 1, 1),
        }
    return bad


def bad_integers(good: Tensor) -> Bad:
    return NO_TENSORS | {
        "fractions": good + 0.5,
        "negative": good - 5,
        "one dimension more": good[None],
        "one more": torch.cat([good, good[:1]]),
        "one less": good[:-1],
        "NaN": torch.full(good.shape, math.nan),
        "too large": good + 10**6,
    }


BAD_COUNTS: Bad = {
    "None": None,
    "text": "3",
    "fraction": 2.5,
    "float": 3.0,
    "bool": True,
    "NaN": math.nan,
    "infinity": math.inf,
    "list": [3],
    "negative": -1,
    "huge": 10**400,
    "tensor": torch.ones(2),
    "object": object(),
}
BAD_NUMBERS: Bad = {
    "None": None,
    "text": "0.5",
    "bool": True,
    "NaN": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "list": [0.5],
    "vector": torch.tensor([0.5, 0.5]),
    "NaN in a tensor": torch.tensor(math.nan),
    "complex": 1j,
    "dict": {},
    "huge": 10**400,
    "negative": -1.0,
}
BAD_GENERATORS: Bad = {
    "seed": 0,
    "text": "seed",
    "of NumPy": np.random.default_rng(0),
    "of Python": random.Random(0),
    "class": torch.Generator,
}
BAD_CHOICES: Bad = {"unknown": "no such", "number": 3, "None": None, "list": ["all"], "empty": ""}
BAD_FLAGS: Bad = {"text": "no", "None": None, "number": 2, "tensor": torch.ones(2)}
BAD_MODULES: Bad = {
    "None": None,
    "text": "network",
    "number": 3,
    "class": nn.Linear,
    "tensor": torch.ones(2, 2),
    "one column only": nn.Sequential(nn.Flatten(0), nn.Unflatten(0, (-1,))),
}
BAD_FUNCTIONS: Bad = {
    "None": None,
    "text": "mse",
    "number": 3,
    "without arguments": lambda: None,
    "gives nothing": lambda *a, **k: None,
}
BAD_DATASETS: Bad = {
    "None": None,
    "text": "shapes",
    "tensor": torch.ones(3, 3, 8, 8),
    "list": [],
    "class": Dataset,
    "pair": (torch.ones(3, 3, 8, 8), torch.arange(3)),
}


def bad_episodes(good: Episode) -> Bad:
    return {
        "None": None,
        "text": "tasks",
        "tensor": good.x_support,
        "list": [],
        "pair": (good.x_support, good.y_support),
        "class": Episode,
        "a label less": good._replace(y_support=good.y_support[:, :-1]),
        "a task less": good._replace(x_query=good.x_query[:-1], y_query=good.y_query[:-1]),
        "no tasks": Episode(*(part[:0] for part in good)),
        "other images": good._replace(x_query=good.x_query[..., :-1]),
        "labels as fractions": good._replace(y_query=good.y_query + 0.5),
        "negative labels": good._replace(y_query=good.y_query - 1),
        "support of NaN": good._replace(x_support=good.x_support * math.nan),
        "queries of NaN": good._replace(x_query=good.x_query * math.nan),
        "arrays of text": Episode("a", "b", "c", "d"),
    }


BAD_MAPPINGS: Bad = {
    "None": None,
    "list": [],
    "text": "a",
    "number": 3,
    "empty": {},
    "of None": {"a": None},
    "of text": {"a": "b"},
    "tensor": torch.ones(3),
}
BAD_SEQUENCES: Bad = {
    "None": None,
    "number": 3,
    "of None": [None, None],
    "dict": {},
    "NaN": (math.nan, math.nan),
    "object": object(),
    "function": len,
}


def bad_values(good: Any) -> Bad:
    """Bad values by name; none for a kind of which every value is good."""
    if isinstance(good, Tensor):
        return bad_floats(good) if good.is_floating_point() else bad_integers(good)
    if isinstance(good, np.ndarray):
        return bad_floats(torch.from_numpy(good))
    if isinstance(good, Dataset):
        return BAD_DATASETS
    if isinstance(good, Episode):
        return bad_episodes(good)
    if isinstance(good, nn.Module):
        return BAD_MODULES
    kinds: dict[Any, Bad] = {
        bool: BAD_FLAGS,
        int: BAD_COUNTS,
        float: BAD_NUMBERS,
        str: BAD_CHOICES,
        torch.Generator: BAD_GENERATORS,
        Mapping: BAD_MAPPINGS,
        (tuple, list): BAD_SEQUENCES,
    }
    for kind, bad in kinds.items():
        if isinstance(good, kind):
            return bad
    return BAD_FUNCTIONS if callable(good) else {}


# --- what is unusual, and as good -----------------------------------------------------------------


def unusual_values(good: Any) -> Bad:
    if isinstance(good, Tensor) and good.is_floating_point():
        spread = torch.stack([good, good], -1)[..., 0]
        return {"not contiguous": spread, "requires a gradient": good.clone().requires_grad_()}
    if isinstance(good, Tensor):
        return {
            "int32": good.int(),
            "uint8": good.byte(),
            "int16": good.short(),
            "not contiguous": torch.stack([good, good], -1)[..., 0],
        }
    if isinstance(good, bool):
        return {}
    if isinstance(good, int):
        return {"np.int64": np.int64(good), "np.int32": np.int32(good)}
    if isinstance(good, float):
        return {
            "np.float64": np.float64(good),
            "np.float32": np.float32(good),
            "0-d tensor": torch.tensor(good, dtype=torch.float64),
            "fraction": Fraction(good).limit_denominator(10**9),
        }
    if isinstance(good, tuple) and type(good) is tuple:
        numbers = good and all(isinstance(x, int | float) for x in good)
        return {"list": list(good)} | ({"array": np.array(good)} if numbers else {})
    return {}


SECONDS = 20


@contextmanager
def ends_soon() -> Iterator[None]:
    """A bad value that makes a call run on for ever is a fault like another, not a hanging test."""
    if not hasattr(signal, "SIGALRM"):  # Windows has none
        yield
        return

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError("this call goes on and on")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# --- the rule -------------------------------------------------------------------------------------


def call(one: Call, **changed: Any) -> Any:
    arguments = {name: make() for name, make in one.arguments.items()} | changed
    with torch.random.fork_rng(), warnings.catch_warnings(), ends_soon():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        return one.function()(**arguments)


def parameters(one: Call) -> set[str]:
    try:
        own = set(inspect.signature(one.function()).parameters)
    except ValueError:  # pragma: no cover
        own = set()
    return own | set(one.arguments)


def numbers(value: Any) -> Iterator[float]:
    """All that a result holds, as numbers."""
    if isinstance(value, np.ndarray) and value.dtype == object:
        yield float(value.size)
    elif isinstance(value, Tensor | np.ndarray):
        yield from torch.as_tensor(value).detach().double().flatten().tolist()
    elif isinstance(value, bool | int | float | np.number):
        yield float(value)
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from numbers(part)
    elif isinstance(value, nn.Module):
        yield from numbers(value.state_dict())
    elif isinstance(value, Explorer):
        yield from numbers(value.state)
    elif is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from numbers(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for part in value:
            yield from numbers(part)


@lru_cache(maxsize=1)  # the tests of a call follow one another
def usual(call_name: str) -> list[float]:
    """What the call gives with its good arguments."""
    return list(numbers(call(CALLS[call_name])))


def same(first: list[float], second: list[float]) -> bool:
    return len(first) == len(second) and np.allclose(first, second, 1e-4, 1e-5, equal_nan=True)


def fault(one: Call, parameter: str, name: str, bad: Any) -> str:
    """What is wrong with the answer to a bad value, or ""."""
    try:
        result = call(one, **{parameter: bad})
    except (ValueError, TypeError) as error:
        named = any(re.search(rf"\b{re.escape(p)}\b", str(error)) for p in parameters(one))
        return "" if named else f"names no parameter: {str(error)[:150]}"
    except Exception as error:  # what comes from inside is the fault that is looked for
        return f"{type(error).__name__} from inside: {str(error)[:150]}"
    if one.propagates and not all(map(math.isfinite, numbers(result))):
        return ""
    if (parameter, name) in one.takes:
        return ""
    return f"accepted: {str(list(numbers(result))[:3])}"


def varied(values: Callable[[Any], Bad]) -> list[Any]:
    """Every parameter with such values; one test for each of these would take longer than they."""
    return [
        pytest.param(call_name, parameter, id=f"{call_name}-{parameter}")
        for call_name, one in CALLS.items()
        for parameter, make in one.arguments.items()
        if parameter not in one.free and values(make())
    ]


def each(values: Callable[[Any], Bad], make: Callable[[], Any]) -> Iterator[tuple[str, Any]]:
    """The values by name, each made anew: a call may have written into the one before."""
    for name in values(make()):
        yield name, values(make())[name]


@pytest.mark.parametrize(("call_name", "parameter"), varied(bad_values))
def test_bad_input_is_refused_and_named(call_name, parameter):
    one = CALLS[call_name]
    found = {
        name: fault(one, parameter, name, bad)
        for name, bad in each(bad_values, one.arguments[parameter])
    }
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.usefixtures("unlaid")  # of an explorer the numbers are compared
@pytest.mark.parametrize(("call_name", "parameter"), varied(unusual_values))
def test_unusual_input_gives_the_same(call_name, parameter):
    one = CALLS[call_name]
    for name, unusual in each(unusual_values, one.arguments[parameter]):
        found = list(numbers(call(one, **{parameter: unusual})))
        assert same(found, usual(call_name)), name
