"""Whether JupyterLab's own settings have a dark theme: asked before a page can tell."""

from __future__ import annotations

import os
import re
from pathlib import Path

from jupyter_core.paths import jupyter_config_dir

FILE = Path("@jupyterlab", "apputils-extension", "themes.jupyterlab-settings")


def of_lab() -> bool:
    """Whether JupyterLab was left with a dark theme.

    During Run All the kernel hears nothing from the page until its last cell is done; figures would
    be light on a dark page until then. JupyterLab writes the theme that was chosen into a file.
    False where there is none, where the theme follows the system, and without JupyterLab.
    """
    folder = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
    folder = Path(folder) if folder else Path(jupyter_config_dir(), "lab", "user-settings")
    try:
        text = (folder / FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    told = dict(re.findall(r'"(theme|adaptive-theme)"\s*:\s*"?([^",}\n]*)', text))
    return "Dark" in told.get("theme", "") and told.get("adaptive-theme", "").strip() != "true"
