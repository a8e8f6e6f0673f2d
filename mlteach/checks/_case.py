"""One call of a learner's function: its arguments, their names, and the call with others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

Slot = int | str  # an argument: its place, or the name of a keyword


class Case(NamedTuple):
    """One call of the learner's function, and how a sentence names it: "at temperature 0.05".

    The edge is what makes the case special; it is told where only such cases are wrong.
    """

    title: str
    arguments: tuple
    keywords: Mapping[str, Any] = {}
    edge: str = ""

    def call(self, function: Callable) -> Any:
        """Calls a function of the package, or a mistake in one."""
        return function(*self.arguments, **self.keywords)

    def ask(self, given: Callable) -> Any:
        """Calls a learner's function, which may take a hyperparameter by place, under any name."""
        named = _only_named(given) if self.keywords else set()
        by_name = {name: value for name, value in self.keywords.items() if name in named}
        by_place = [value for name, value in self.keywords.items() if name not in by_name]
        return given(*self.arguments, *by_place, **by_name)

    def copy(self, *, gradients: bool = False) -> Case:
        """The same call with tensors of its own: what writes to them spoils no other call."""
        return self._replace(
            arguments=tuple(
                value.detach().clone().requires_grad_(gradients and value.is_floating_point())
                if isinstance(value, Tensor)
                else value
                for value in self.arguments
            )
        )

    def parts(self) -> dict[Slot, Any]:
        """All arguments by their slots."""
        return {**dict(enumerate(self.arguments)), **self.keywords}

    def but(self, changes: Mapping[Slot, Any]) -> Case:
        """The same call with other values in some of the slots."""
        arguments = tuple(changes.get(place, value) for place, value in enumerate(self.arguments))
        keywords = {name: changes.get(name, value) for name, value in self.keywords.items()}
        return self._replace(arguments=arguments, keywords=keywords)


def _only_named(function: Callable) -> set[str]:
    """The parameters that are taken by name only."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # no signature, as that of some built-in functions
        return set()
    return {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}


def names_of(given: Callable, definition: Callable, case: Case) -> dict[Slot, str]:
    """How sentences call each argument: as the learner does, else as the definition does."""
    theirs, ours = _by_place(given), _by_place(definition)
    names = {}
    for place, slot in enumerate(case.parts()):
        name = slot if isinstance(slot, str) else ""
        for known in (ours, theirs):  # the last one that has a name wins
            if slot in known:
                name = slot
            elif place < len(known):
                name = known[place]
        names[slot] = f"`{name}`" if name else f"argument {place + 1}"
    return names


def _by_place(function: Callable) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [parameter.name for parameter in parameters if parameter.kind not in kinds]


def is_number(value: Any) -> bool:
    """Whether an argument is a plain number, True and False not among them."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_floating(value: Any) -> bool:
    """Whether an argument is a tensor of real numbers."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.numel() > 0


def normal(*shape: int, seed: int, scale: float = 1.0) -> Tensor:
    """Normal random numbers, the same at every call: what most cases are made of."""
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
