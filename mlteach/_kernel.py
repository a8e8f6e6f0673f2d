"""The kernel that runs this process's cells, if there is one, and what it shows of work."""

from __future__ import annotations

import html
import io
import sys
from typing import Any

from tqdm import tqdm


def shell_here() -> Any:
    """IPython's shell, or None outside of it."""
    # there whenever a notebook runs, and otherwise not needed
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def kernel_here() -> Any:
    """The notebook's kernel, or None outside of a notebook."""
    return getattr(shell_here(), "kernel", None)


def skip_waiting_cells() -> bool:
    """Do not run the cells that wait for this one, as after an error; whether there is a kernel.

    For what an interrupt stops without an error: the cells after it would go on with half of it.
    """
    abort = getattr(kernel_here(), "_abort_queues", None)
    if abort is not None:
        abort()
    return abort is not None


# --- progress ------------------------------------------------------------------------------------

IN_WORDS = "{desc}{percentage:3.0f}%, {n_fmt} of {total_fmt}, {remaining} left{postfix}"


class ProgressBar(tqdm):
    """tqdm, drawn in a notebook as text and HTML.

    tqdm's own bar for notebooks is a widget: once its kernel has gone, a saved notebook shows
    "Error displaying widget: model not found" above the results, whether or not the bar had ended.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._in_notebook = kernel_here() is not None
        self._shown: Any = None
        if self._in_notebook:
            options |= {"file": io.StringIO(), "bar_format": IN_WORDS}
        super().__init__(*arguments, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Draw the bar as it is; an empty message takes it away."""
        if not self._in_notebook:
            super().display(msg, pos)
            return
        words = str(self) if msg is None else msg
        data = {"text/plain": words}
        if words:
            bar = f'<progress value="{self.n}" max="{self.total or 1}"></progress>'
            data["text/html"] = f'<div class="mlteach-progress">{bar} {html.escape(words)}</div>'
        if self._shown is not None:
            self._shown.update(data, raw=True)
        elif words:
            from IPython.display import display  # there whenever a notebook runs

            self._shown = display(data, raw=True, display_id=True)
