"""The one widget of our own: a figure that Python draws, and the pointer on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import anywidget
from traitlets import Bool, Bytes, Dict, Enum, Float, Int, Unicode


class Canvas(anywidget.AnyWidget):
    """Shows the PNG it is given and one line of read-out under it, and reports the pointer.

    ``pointer`` holds, as fractions of the figure from its top left, ``x`` and ``y``; ``inside``,
    ``pressed``, and of the last press its number ``presses``, which grows from one to the next, and
    its place ``press_x``, ``press_y``; and, with ``zooming``, how many
    notches the ``wheel`` has been turned in all, towards the hand is more.

    The page also says how many pixels of the screen one of its own has (``density``, 0 until it has
    said so) and whether it is ``dark``; and ``settled`` grows when the figure has rested a while. A
    page that has lost the figure asks for it by a message of its own, and gets it again.
    """

    # as text: a file is watched by anywidget, which then holds every canvas for good (version 0.11)
    _esm = Path(__file__).with_name("canvas.js").read_text(encoding="utf-8")
    _css = Path(__file__).with_name("canvas.css").read_text(encoding="utf-8")

    png = Bytes(b"").tag(sync=True)
    width = Int(900).tag(sync=True)
    alt = Unicode("").tag(sync=True)
    readout = Unicode("").tag(sync=True)
    problem = Unicode("").tag(sync=True)
    pointing = Enum(["none", "hover", "drag"], "none").tag(sync=True)
    zooming = Bool(False).tag(sync=True)
    pointer = Dict().tag(sync=True)
    density = Float(0.0).tag(sync=True)
    dark = Bool(False).tag(sync=True)
    settled = Int(0).tag(sync=True)
    own_id = Unicode("").tag(sync=True)  # by which the page finds the model behind the one it gets

    def __init__(self, **traits: Any):
        own_id = uuid4().hex
        super().__init__(model_id=own_id, own_id=own_id, **traits)
        self.on_msg(lambda *_: self.send_state(["png", "readout", "alt", "problem"]))
