"""A dark page whose kernel is busy, and so hears nothing of it: figures are dark all the same."""

import io

import numpy as np
import pytest
from PIL import Image
from support.live import brightness

NOTEBOOK = "dark.ipynb"
EXPLORER = "circle = explorers.Circle(pairs=3)\ncircle"
CELLS = ["import time\nfrom mlteach import explorers", EXPLORER, "time.sleep(6)"]


@pytest.fixture
def dark(lab):
    """A notebook not yet run in JupyterLab's dark theme; light again afterwards."""

    def switch(name, is_light):
        change = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
        lab.page.evaluate(change, f"JupyterLab {name}")
        lab.page.wait_for_selector(f"body[data-jp-theme-light={is_light}]", state="attached")
        lab.page.wait_for_timeout(1000)  # it writes its settings a moment later

    lab.write(NOTEBOOK, CELLS)
    lab.open(NOTEBOOK)
    switch("Dark", "false")
    yield lab
    switch("Light", "true")


def test_during_run_all_the_figure_is_dark_at_once(dark):
    page = dark.page
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells') }")
    figure = page.locator(".mlteach-canvas img")
    figure.wait_for()
    assert brightness(figure) < 128
    status = "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status"
    assert page.evaluate(status) == "busy"  # so the page has not been heard
    dark.wait_for_kernel()
    assert brightness(figure) < 128
    arrow = page.locator(".mlteach-controls select").first.screenshot()
    lightest = np.asarray(Image.open(io.BytesIO(arrow)).convert("L"))[:, -24:].max()
    assert lightest > 180  # nothing else is light in the corner of a list
