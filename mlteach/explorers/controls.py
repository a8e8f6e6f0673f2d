"""The sliders, lists and buttons of the explorers, for controls of your own."""

from mlteach.explorers._core.controls import (
    button,
    choice,
    count,
    log_slider,
    on_step,
    slider,
    stops,
)

__all__ = ["button", "choice", "count", "log_slider", "on_step", "slider", "stops"]
