"""What `run.py lab` opens: a trusted copy, whose live widget is there again after a reload.

Only opened, it is not marked as unsaved; and no tab of another course is opened beside it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tools.environment import Environment
from tools.lab import Server

ROOT = Path(__file__).resolve().parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
SLIDER = "import ipywidgets\nipywidgets.IntSlider(description='temperature')"
COUNT = "sum(range(10))"
# how JupyterLab keeps what is open, and where
TABS = {"type": "tab-area", "currentIndex": 0, "widgets": ["notebook:other.ipynb"]}
OTHER_COURSE = {
    "data": {
        "layout-restorer:data": {"main": {"dock": TABS}},
        "notebook:other.ipynb": {"data": {"path": "other.ipynb", "factory": "Notebook"}},
    },
    "metadata": {"id": "default"},
}
WORKSPACE = "lab/workspaces/default-37a8.jupyterlab-workspace"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the checkout's Python is a shell script")


def write_chapter(path: Path) -> None:
    """As the book is saved: with outputs, whose widget ended with its kernel."""
    view = {WIDGET: {"model_id": "0" * 32, "version_major": 2, "version_minor": 0}}
    outputs = [
        {"text/plain": "4", "text/html": "<b>4</b>"},
        {"text/plain": "IntSlider(value=0)", **view},
        {"text/plain": "45", "text/html": "<b>45</b>"},
        {"text/plain": "IntSlider(value=0)", **view},
    ]
    cells = [
        new_code_cell(source, outputs=[new_output("execute_result", data, execution_count=1)])
        for source, data in zip(["2 + 2", SLIDER, COUNT, SLIDER + "  # 2"], outputs, strict=True)
    ]
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), path)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A small book with this Python in its .venv."""
    root = tmp_path_factory.mktemp("checkout")
    for folder in ("labconfig", "labextensions"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "notebooks").mkdir()
    (root / "mlteach").mkdir()
    (root / "mlteach/losses.py").write_text("# the source\n")
    write_chapter(root / "notebooks/00_welcome.ipynb")
    write_chapter(root / "other.ipynb")
    workspace = root / ".jupyter/CONFIG" / WORKSPACE
    workspace.parent.mkdir(parents=True)
    workspace.write_text(json.dumps(OTHER_COURSE))
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return root


@pytest.fixture(scope="module")
def lab_of_run_py(checkout):
    """The server that `run.py lab --no-browser` starts, and the address that it prints."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"]
    options += ["--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True"]
    with pytest.MonkeyPatch.context() as patch:
        for name in ["CONFIG", "DATA", "RUNTIME"]:
            patch.setenv(f"JUPYTER_{name}_DIR", str(checkout / f".jupyter/{name}"))
        patch.setenv("JUPYTERLAB_SETTINGS_DIR", str(checkout / ".jupyter/settings"))
        started = Server(Environment(checkout), [*options, "--LabApp.expose_app_in_browser=True"])
    for _ in range(240):
        if address := started.find_address():
            break
        assert started.process.poll() is None, (checkout / ".venv/lab.log").read_text()
        time.sleep(0.5)
    yield address
    started.process.terminate()
    started.process.wait(20)


@pytest.fixture(scope="module")
def server(lab_of_run_py) -> str:
    """For the page that conftest.py opens."""
    return lab_of_run_py.partition("/lab/")[0]


def wait_for_kernel(page) -> None:
    page.wait_for_function(
        """() => {
            const context = window.jupyterapp?.shell.currentWidget?.context;
            const kernel = context?.sessionContext?.session?.kernel;
            return kernel?.status === "idle" && kernel.connectionStatus === "connected";
        }""",
        timeout=120_000,
    )


def trusted(page) -> list[bool]:
    """Of each cell of the open notebook."""
    return page.evaluate(
        """() => Array.from(
            window.jupyterapp.shell.currentWidget.content.model.cells, (cell) => cell.trusted)"""
    )


def test_no_tab_of_another_course_is_open(lab, lab_of_run_py):
    """The learner's own JupyterLab has one open, which is here as well."""
    lab.page.goto(lab_of_run_py)
    wait_for_kernel(lab.page)
    paths = lab.page.evaluate(
        """async () => {
            await window.jupyterapp.restored;
            return Array.from(window.jupyterapp.shell.widgets("main"), (tab) => tab.context?.path);
        }"""
    )
    assert paths == ["work/00_welcome.ipynb"]


def test_what_is_only_opened_is_not_marked_as_unsaved(lab, lab_of_run_py):
    """Although JupyterLab notes the kernel's language; what the learner does is marked."""
    page, model = lab.page, "window.jupyterapp.shell.currentWidget.context.model"

    def is_marked(action="") -> bool:
        return page.evaluate(f"async () => {{ {action}; await null; return {model}.dirty; }}")

    page.goto(lab_of_run_py)
    wait_for_kernel(page)
    page.wait_for_function(f"() => {model}.getMetadata('language_info').version", timeout=60_000)
    assert not is_marked()
    assert page.locator(".lm-TabBar-tab.jp-mod-dirty").count() == 0

    saved = f"{model}.dirty = false"
    language = f"{model}.setMetadata('language_info', {{ name: 'another' }})"
    kernel = f"{model}.setMetadata('kernelspec', {{ name: 'another', display_name: '' }})"
    edit = f"{model}.cells.get(0).sharedModel.setSource('2 + 3')"
    assert not is_marked(language)
    assert is_marked(kernel)
    assert is_marked(language.replace("another", "a third"))  # the kernel is not saved yet
    assert is_marked(f"{saved}; {language}; {kernel.replace('another', 'a third')}")
    assert is_marked(f"{saved}; {language}; {edit}")
    page.wait_for_selector(".lm-TabBar-tab.jp-mod-dirty")
    page.goto("about:blank")  # nothing of it is saved


def test_the_live_widget_is_there_again_after_a_reload(lab, lab_of_run_py, checkout):
    """Three cells run, one not: saved and reloaded, all is trusted, and the slider still moves."""
    page = lab.page
    page.goto(lab_of_run_py)
    wait_for_kernel(page)
    path = page.evaluate("() => window.jupyterapp.shell.currentWidget.context.path")
    assert path == "work/00_welcome.ipynb"
    assert trusted(page) == [True] * 4

    for _ in range(3):
        page.evaluate(
            "() => window.jupyterapp.commands.execute('notebook:run-cell-and-select-next')"
        )
    assert page.locator(".widget-slider").count() == 1
    page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    page.reload()
    wait_for_kernel(page)
    slider = page.locator(".widget-slider")
    slider.wait_for(timeout=20_000)
    assert trusted(page) == [True] * 4
    assert slider.count() == 1
    page.locator(".noUi-handle").press("ArrowRight")
    assert slider.locator(".widget-readout").inner_text() == "1"

    original = checkout / "notebooks/00_welcome.ipynb"
    assert (checkout / path).read_bytes() != original.read_bytes()
    assert nbformat.read(original, as_version=4).cells[0].execution_count is None


def test_an_unsigned_notebook_is_not_trusted(lab, checkout):
    """What came from elsewhere shows nothing live before it has been run."""
    write_chapter(checkout / "work/foreign.ipynb")
    foreign = nbformat.read(checkout / "work/foreign.ipynb", as_version=4)
    foreign.cells[0].source = "2 + 3"
    nbformat.write(foreign, checkout / "work/foreign.ipynb")
    lab.open("work/foreign.ipynb")
    assert trusted(lab.page) == [False] * 4


def test_the_source_can_be_opened(lab, server):
    """The file browser begins at the checkout; what is signed stays inside .venv."""
    listing = json.loads(lab.page.request.get(f"{server}/api/contents").text())
    assert {"mlteach", "notebooks", "work"} <= {entry["name"] for entry in listing["content"]}


def test_nothing_is_signed_outside(checkout):
    """The learner's own Jupyter trusts no more than before."""
    assert (checkout / ".venv/trust/nbsignatures.db").exists()
    assert not list((checkout / ".jupyter").rglob("nbsignatures.db"))
