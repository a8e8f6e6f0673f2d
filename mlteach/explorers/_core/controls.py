"""The controls of the explorers, made in one way: a temperature looks the same everywhere."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Hashable, Sequence

from ipywidgets import (
    Button,
    Dropdown,
    FloatLogSlider,
    FloatSlider,
    IntSlider,
    Layout,
    SelectionSlider,
    Textarea,
)

# Least widths: three sliders to a row on the page of a small laptop, magnified half as much again
# too, and four where there is more room.
SLIDER = "14.8rem"
LIST = "11rem"


def _look(least: str) -> dict:
    """Controls share a row as long as each has its least width, and grow to fill the row."""
    layout = Layout(flex=f"1 1 {least}", width="auto", max_width="20rem")
    return {"style": {"description_width": "initial"}, "layout": layout}


ECHO_SECONDS = 5  # after which a page that is busy has long repeated what it was told


class _NoEcho:
    """A slider that no late repetition moves back.

    The page repeats each value that Python gives a slider, off by its last digits: 75.00000000003
    for 75. When Python has moved on meanwhile, as in a drag or in a descent, that would put back
    an older value. The page is told the newest one instead; what somebody moves is taken. Nobody
    can tell a repetition from a single move to just where Python had it in the last seconds, so
    that waits: the next one, to elsewhere, is taken.
    """

    def __init__(self, *args, **options):
        self.given: deque[tuple[float, float]] = deque(maxlen=100)  # when, and the value
        self.said: float | None = None  # by the page, while it is listened to
        super().__init__(*args, **options)
        self.observe(self._note, "value")

    def _note(self, change: dict) -> None:
        # what answers the page within its own message, such as a snap to a grid, is given too
        if self.said is None or not _same(change["new"], self.said):
            self.given.append((time.monotonic(), change["new"]))

    def set_state(self, sync_data: dict) -> None:
        said = sync_data.get("value")
        said = said if isinstance(said, float | int) else None
        if said is not None and not _same(said, self.value):
            young = time.monotonic() - ECHO_SECONDS
            if any(when > young and _same(said, value) for when, value in self.given):
                sync_data = sync_data | {"value": self.value}
            else:
                self.given.clear()  # somebody moves it
        self.said = said
        try:
            super().set_state(sync_data)
        finally:
            self.said = None


def _same(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


class _FloatSlider(_NoEcho, FloatSlider):
    pass


class _FloatLogSlider(_NoEcho, FloatLogSlider):
    pass


def log_slider(label: str, low: float, high: float, value: float) -> FloatLogSlider:
    """A slider for a positive number, twenty steps to a factor of ten.

    The value is moved to the nearest step: a value between two steps would be moved by the page as
    soon as it is shown, which draws everything twice.
    """
    step = 0.05
    lowest = math.log10(low)
    nearest = 10 ** (lowest + step * round((math.log10(value) - lowest) / step))
    return _FloatLogSlider(
        nearest,
        min=lowest,
        max=math.log10(high),
        step=step,
        description=label,
        # 0.000040 has no room, 4.0e-5 has; g would write 1.0e+3 for 1000
        readout_format=".2r" if low >= 1e-3 else ".1e",
        **_look(SLIDER),
    )


def slider(label: str, low: float, high: float, value: float, *, step: float) -> FloatSlider:
    """A slider for a number between two ends; it shows two decimals, none for a step of 1."""
    look = {"readout_format": ".0f" if step == 1 else ".2f", **_look(SLIDER)}
    return _FloatSlider(value, min=low, max=high, step=step, description=label, **look)


def on_step(value: float, step: float) -> float:
    """The multiple of a slider's step nearest to a value: the page would move any other there.

    For a slider that begins at such a multiple, since the page counts its steps from its low end.
    """
    return round(step * round(value / step), 10)


def count(label: str, low: int, high: int, value: int) -> IntSlider:
    """A slider for a whole number."""
    return IntSlider(value, min=low, max=high, description=label, **_look(SLIDER))


def stops(label: str, values: Sequence[Hashable], value: Hashable | None = None) -> SelectionSlider:
    """A slider that stops at the given values only; it starts at the last, or at the one named."""
    start = values[-1] if value is None else value
    return SelectionSlider(options=list(values), value=start, description=label, **_look(SLIDER))


def choice(label: str, options: Sequence[str], value: str | None = None) -> Dropdown:
    """A list to choose one of."""
    return Dropdown(
        options=list(options), value=value or options[0], description=label, **_look(LIST)
    )


def lines(label: str, value: str, *, hint: str) -> Textarea:
    """A field to type lines in, as high as three sliders; every letter counts at once."""
    layout = Layout(flex="1 1 22rem", width="auto", height="92px")
    style = {"description_width": "initial"}
    return Textarea(value, description=label, placeholder=hint, layout=layout, style=style)


def button(label: str, action, tooltip: str | None = None) -> Button:
    """A button that calls ``action()`` when it is pressed; ``tooltip`` says more about it."""
    made = Button(description=label, tooltip=tooltip, layout=Layout(width="auto"))
    made.on_click(lambda _: action())
    return made
