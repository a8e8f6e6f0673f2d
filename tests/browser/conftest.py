"""A real JupyterLab in a real browser, as a learner has it, with copies of the chapters."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tools.machine import NO_BROWSER, find_browser

ROOT = Path(__file__).resolve().parents[2]
# Without these a browser looks for updates at every start, and a test must not leave this machine.
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# At every question that a test asks the kernel JupyterLab would paint its signs of a busy kernel
# and fetch another icon of the page, twice: most of what a question cost. No test looks at them;
# benchmarks have them, as learners do.
NO_BUSY_SIGNS = {
    "config/labconfig/page_config.json": {
        "disabledExtensions": {
            "@jupyterlab/application-extension:faviconbusy": True,
            "@jupyterlab/apputils-extension:kernel-status": True,
        }
    },
    "@jupyterlab/notebook-extension/panel.jupyterlab-settings": {
        "toolbar": [{"name": "executionProgress", "disabled": True}]
    },
}

PROMPT = "--ServerApp.kernel_websocket_connection_class=support.prompt.PromptConnection"


@pytest.fixture(scope="session")
def server(tmp_path_factory, request):
    """JupyterLab's address; its settings, history and files lie in a folder of their own."""
    is_timed = any(item.path.name.startswith("bench_") for item in request.session.items)
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns(".*"))
    for name, settings in ({} if is_timed else NO_BUSY_SIGNS).items():
        (home / name).parent.mkdir(parents=True)
        (home / name).write_text(json.dumps(settings))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    places = {
        f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    places |= {"JUPYTER_PATH": str(ROOT), "JUPYTER_CONFIG_PATH": str(ROOT)}
    places |= {"JUPYTERLAB_SETTINGS_DIR": str(home)}
    # the kernels make the explorers that the tests without a browser make
    paths = [str(ROOT / "tests"), os.environ.get("PYTHONPATH")]
    places["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    log = (home / "lab.log").open("w")
    process = subprocess.Popen(
        [
            *(
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--ip=127.0.0.1",
                f"--port={port}",
                "--allow-root",
            ),
            *(
                "--ServerApp.port_retries=0",
                f"--ServerApp.root_dir={home / 'notebooks'}",
                "--IdentityProvider.token=",
            ),
            *([] if is_timed else [PROMPT]),
            *("--ServerApp.disable_check_xsrf=True", "--LabApp.expose_app_in_browser=True"),
        ],
        env=os.environ | places,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            break
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, (home / "lab.log").read_text()
            time.sleep(0.5)
    else:
        pytest.fail((home / "lab.log").read_text(), pytrace=False)
    yield address
    process.terminate()
    process.wait(20)
    log.close()


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        path = find_browser() or pytest.fail(NO_BROWSER, pytrace=False)
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


class Lab:
    """One notebook open in JupyterLab, driven through the page and read through its kernel."""

    def __init__(self, page: Page, address: str):
        self.page, self.address = page, address

    def write(self, notebook: str, cells: list[str]) -> None:
        """Puts a notebook with these code cells where the chapters are."""
        code = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
        made = [{**code, "id": f"cell{i}", "source": cell.strip()} for i, cell in enumerate(cells)]
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        content = {"cells": made, "metadata": {"kernelspec": kernel}}
        self.put(notebook, content | {"nbformat": 4, "nbformat_minor": 5})

    def put(self, notebook: str, content: dict) -> None:
        """Writes a notebook's file, whatever page has it open."""
        body = json.dumps({"type": "notebook", "format": "json", "content": content}).encode()
        address = f"{self.address}/api/contents/{notebook}"
        urllib.request.urlopen(urllib.request.Request(address, data=body, method="PUT")).close()

    def open(self, notebook: str) -> None:
        """Opens the notebook with a fresh kernel and waits until that is idle."""
        self.page.goto(f"{self.address}/doc/tree/{notebook}?reset")
        self.wait_for_kernel()

    def wait_for_kernel(self) -> None:
        """Waits until the kernel of the open notebook is idle."""
        self.page.wait_for_function(
            """() => {
                const context = window.jupyterapp?.shell.currentWidget?.context;
                const kernel = context?.sessionContext?.session?.kernel;
                return kernel?.status === "idle" && kernel.connectionStatus === "connected";
            }""",
            timeout=120_000,
        )

    def run_all(self) -> None:
        """Runs every cell; none may fail, and none may write to its error stream."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        assert self.troubles() == []

    def run_to(self, last_line: str) -> None:
        """Runs all above the code cell that ends with this line, then that, as saved figures ask.

        No cell may fail, and none may write to its error stream.
        """
        self.output(last_line)
        self.page.evaluate(
            """async () => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const index = notebook.activeCellIndex;
                await window.jupyterapp.commands.execute("notebook:run-all-above");
                notebook.activeCellIndex = index;
                await window.jupyterapp.commands.execute("notebook:run-cell");
            }"""
        )
        assert self.troubles() == []

    def run_ending(self, last_line: str) -> None:
        """Runs the one code cell that ends with this line, whatever those above it have done."""
        self.output(last_line)
        self.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-cell')")
        assert self.troubles() == []

    def run_cell(self, source: str) -> None:
        """Runs the one cell with this source, as Shift+Enter does."""
        self.page.evaluate(
            """async (source) => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const found = (cell) => cell.model.sharedModel.getSource() === source;
                notebook.activeCellIndex = notebook.widgets.findIndex(found);
                await window.jupyterapp.commands.execute("notebook:run-cell");
            }""",
            source,
        )
        assert self.troubles() == []

    def troubles(self) -> list[str]:
        """What cells have reported as errors, on the page or beyond its edges."""
        return self.page.evaluate(
            """() => {
                const { cells } = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
                return cells.flatMap((cell, index) => (cell.toJSON().outputs ?? [])
                    .filter((output) => output.output_type === "error" || output.name === "stderr")
                    .map((output) => `cell ${index}: ${output.evalue ?? output.text}`));
            }"""
        )

    def next_frames(self) -> None:
        """Waits until the page has painted twice: what it does once a frame is then done."""
        self.page.evaluate(
            """() => new Promise((done) =>
                requestAnimationFrame(() => requestAnimationFrame(() => done())))"""
        )

    def ask(self, expression: str):
        """The value of a Python expression in the notebook's kernel, by way of JSON."""
        code = f"import json as _json; print(_json.dumps({expression}))"
        answer = self.page.evaluate(
            """async (code) => {
                const { context } = window.jupyterapp.shell.currentWidget;
                const { kernel } = context.sessionContext.session;
                const future = kernel.requestExecute({ code, store_history: false });
                let text = "", error = "";
                future.onIOPub = (message) => {
                    if (message.header.msg_type === "stream") text += message.content.text;
                    if (message.header.msg_type === "error")
                        error = `${message.content.ename}: ${message.content.evalue}`;
                };
                await future.done;
                return { text, error };
            }""",
            code,
        )
        assert answer["error"] == "", expression
        return json.loads(answer["text"])

    def output(self, last_line: str):
        """The output area of the code cell that ends with this line, scrolled into view."""
        index = self.page.evaluate(
            """async (line) => {
                const notebook = window.jupyterapp.shell.currentWidget.content;
                const source = (cell) => cell.model.sharedModel.getSource().trimEnd();
                const ends = (cell) => source(cell).split("\\n").at(-1) === line;
                const index = notebook.widgets.findIndex(ends);
                notebook.activeCellIndex = index;
                await notebook.scrollToItem(index, "start");
                return index;
            }""",
            last_line,
        )
        assert index >= 0, f"no cell ends with {last_line}"
        output = self.page.locator(f"[data-windowed-list-index='{index}'] .jp-Cell-outputWrapper")
        output.wait_for(timeout=20_000)
        return output


@pytest.fixture(scope="module")
def lab(server, browser):
    """A page of JupyterLab; nothing may leave this machine, and no script may fail."""
    context = browser.new_context(viewport={"width": 1500, "height": 1100})
    page = context.new_page()
    outside, errors = [], []
    local = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")

    def route(route):
        if route.request.url.startswith(local):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: errors.append(str(error)))
    lab = Lab(page, server)
    yield lab
    context.close()
    for session in json.load(urllib.request.urlopen(f"{server}/api/sessions")):
        request = urllib.request.Request(f"{server}/api/sessions/{session['id']}", method="DELETE")
        urllib.request.urlopen(request).close()
    assert outside == []
    assert errors == []


@pytest.fixture(scope="module")
def opened(lab, request):
    """The chapter that the test file names, open; nothing is run unless a test before ran it."""
    lab.open(request.module.CHAPTER)
    return lab


@pytest.fixture(scope="module")
def explorers(lab, request):
    """A page with the explorers in the test file's MAKE, each in a cell that ends with its name."""
    cells = [f'{name} = (MAKE | LARGE)["{name}"]()\n{name}' for name in request.module.MAKE]
    lab.write("explorers.ipynb", ["from support.explorer_registry import LARGE, MAKE", *cells])
    lab.open("explorers.ipynb")
    lab.run_all()
    return lab
