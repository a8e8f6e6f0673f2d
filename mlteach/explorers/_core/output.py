"""What a cell shows of an explorer, so that a figure is left of it on every page, the next day too.

JupyterLab keeps a widget's cell, but not the widget: without its kernel it shows one line, "model
not found", instead of the picture in the same output. So a cell gets three outputs: a line that
says how to bring the figure to life, the figure as it was last seen, and the live widget. While the
widget lives, the style in the first output hides the other two; without it, the widget's place.
"""

from __future__ import annotations

import base64
import os
import sys

from ipywidgets import Widget

LINE = "Saved figure. To move it: Run → Run All Above Selected Cell, then run this cell."
# By this entry of its metadata a page that was reloaded finds the figure to be brought up to date.
DISPLAY = "mlteach_display"
# Of the PNG that is kept after each rest, while the kernel waits: an eighth of the time of 9.
KEPT = 6
MOST_KEPT = 8  # figures of one explorer; those of cells that were run again are gone, unknown to us
# Outputs of a cell as JupyterLab, Notebook 7 and nbconvert lay them out.
LIVE = ".jp-OutputArea:has(.mlteach-canvas):not(:has(.jupyter-widgets-disconnected))"
AREA, CHILD = ".jp-OutputArea", ".jp-OutputArea-child"
SAVED = f"{CHILD}:has(.mlteach-saved)"
STYLE = f"""
{LIVE} > {SAVED}, {LIVE} > {SAVED} + {CHILD},
{AREA}:not(:has(.mlteach-canvas)) > {SAVED} + {CHILD} + {CHILD},
{AREA}:has(.jupyter-widgets-disconnected) > {SAVED} + {CHILD} + {CHILD} {{ display: none; }}
{SAVED} + {CHILD} img {{ outline: 1px dashed #8a8a8a; outline-offset: -1px; }}
"""
HTML = (
    '<div class="mlteach-saved" style="border-left: 4px solid #8a8a8a; padding-left: 8px">'
    f"<style>{STYLE}</style>{LINE}</div>"
)


class Output:
    """What explorers have in common with explorers side by side: how a notebook shows them.

    ``widget`` is what lives on the page. A subclass defines ``saved``, and with ``more`` what the
    line above the saved figure says beside how to move it.
    """

    widget: Widget
    more = ""
    _handles: tuple = ()  # of the figures that cells have kept

    def saved(self, *, effort: int = 9) -> tuple[bytes, dict, str]:
        """The figure as it is now: a PNG, its metadata, and its text. Effort 9 is the smallest."""
        raise NotImplementedError

    def keep(self, _change=None) -> None:
        """Brings the figures that cells have kept up to date; the page asks for it after moves."""
        if not self._handles:
            return
        data, metadata = self._data(KEPT)
        for handle in self._handles:
            handle.update(data, metadata=metadata | {DISPLAY: handle.display_id}, raw=True)

    def _data(self, effort: int = 9) -> tuple[dict, dict]:
        png, metadata, text = self.saved(effort=effort)
        data = {"image/png": base64.b64encode(png).decode(), "text/plain": text}
        return data, {"image/png": metadata}

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The live widget and its figure in one output, for a page that picks the right one."""
        data, metadata = self._data()
        return dict(self.widget._repr_mimebundle_()) | data, metadata

    def _ipython_display_(self) -> None:
        from IPython.display import DisplayHandle, display  # there wherever this is called

        if _one_output():
            data, metadata = self._repr_mimebundle_()
            display(data, metadata=metadata, raw=True)
            return
        line = f"{LINE} {self.more}".strip()
        display({"text/html": HTML.replace(LINE, line), "text/plain": line}, raw=True)
        handle = DisplayHandle()
        data, metadata = self._data()
        handle.display(data, metadata=metadata | {DISPLAY: handle.display_id}, raw=True)
        # no page shows this text beside the figure, but an output without any is a warning
        live = dict(self.widget._repr_mimebundle_()) | {"text/html": "", "text/plain": ""}
        display(live, raw=True)
        self._handles = (*self._handles[1 - MOST_KEPT :], handle)


def _one_output() -> bool:
    """Whether this is no notebook, or its page has no style across outputs: Colab and VS Code."""
    shell = sys.modules["IPython"].get_ipython()
    return (
        not hasattr(shell, "kernel")
        or "google.colab" in sys.modules
        or "VSCODE_PID" in os.environ
        or "__vsc_ipynb_file__" in shell.user_ns
    )
