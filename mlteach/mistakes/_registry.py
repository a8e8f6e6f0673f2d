"""How a mistake is written down, and how all mistakes in one function are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation with the right one's signature, and what to tell whoever wrote it.

    The explanation is empty where no check can see the mistake, only a test of the right function:
    it is about what an exercise does not ask for, such as a learned temperature.
    """

    function: Callable
    explanation: str = ""

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return self.function(*arguments, **keywords)

    def __str__(self) -> str:
        return self.function.__name__


_REGISTRY: dict[Callable, list[Mistake]] = {}


def mistake(of: Callable, explanation: str = "") -> Callable[[Callable], Callable]:
    """Register the decorated function, or subclass, as a mistake in `of`, and return it."""

    def register(function: Callable) -> Callable:
        _REGISTRY.setdefault(of, []).append(Mistake(function, explanation))
        return function

    return register


def mistakes_in(function: Callable) -> list[Mistake]:
    """All known mistakes in a function or class, in the order in which they were written down."""
    return list(_REGISTRY[function])
