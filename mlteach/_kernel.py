"""The kernel that runs this process's cells, if there is one."""

from __future__ import annotations

import sys
from typing import Any


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
