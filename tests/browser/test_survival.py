"""What is left of an explorer: reloaded, reopened the next day, trusted or not, after a restart.

In each way its last figure is there; with its controls where the kernel still has it, else with one
line that says how to bring it to life.
"""

import json
import urllib.request

import pytest
from support.live import Live

from mlteach.explorers._core.output import LINE
from tests.browser.conftest import Lab

NOTEBOOK = "survival.ipynb"
CELLS = [
    "from mlteach import explorers",
    "circle = explorers.Circle(pairs=3)\ncircle",
    "other = explorers.Circle(pairs=4)\nother",
]


@pytest.fixture
def circle(lab):
    """An explorer that was moved and saved; only its own cell and the first have run."""
    lab.write(NOTEBOOK, CELLS)
    lab.open(NOTEBOOK)
    lab.run_cell(CELLS[0])
    lab.run_cell(CELLS[1])
    live = Live(lab, "circle")
    before = saved_figure(lab)
    live.step("temperature")
    lab.page.wait_for_timeout(1500)
    save(lab)
    assert saved_figure(lab) != before, "the notebook did not keep the last figure"
    return live


def save(lab):
    """Saves until nothing is left to be saved: a figure is kept only when it has rested."""
    for _ in range(20):
        lab.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        lab.page.wait_for_timeout(700)
        if not lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty"):
            return
    raise AssertionError("the notebook changes for ever")


def contents(lab, notebook=NOTEBOOK):
    return json.load(urllib.request.urlopen(f"{lab.address}/api/contents/{notebook}"))["content"]


def saved_figure(lab):
    """Of the explorer's cell, as the page holds it; JupyterLab writes the same to the file."""
    return lab.page.evaluate(
        """() => {
            const { cells } = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
            const { outputs } = cells[1].toJSON();
            return outputs.map((output) => output.data?.["image/png"]).find((png) => png);
        }"""
    )


def distrust(lab):
    """Writes the file anew with a change, as somebody else's: its signature no longer fits."""
    content = contents(lab)
    content["metadata"]["from"] = "elsewhere"
    for cell in content["cells"]:
        cell["metadata"].pop("trusted", None)
    lab.put(NOTEBOOK, content)


def end_kernels(lab):
    for session in json.load(urllib.request.urlopen(f"{lab.address}/api/sessions")):
        request = urllib.request.Request(
            f"{lab.address}/api/sessions/{session['id']}", method="DELETE"
        )
        urllib.request.urlopen(request).close()


def assert_still(lab, figure):
    """One figure, the saved one, with its text and the line; no trace of the widget."""
    output = lab.output("circle")
    images = output.locator("img:visible")
    images.first.wait_for(timeout=20_000)
    lab.page.wait_for_timeout(1000)  # the widgets' manager gives up after a moment
    assert images.count() == 1
    shown = images.first.get_attribute("src").partition("base64,")[2]
    assert shown.strip() == figure.strip()
    assert output.inner_text().strip() == LINE
    assert "NT-Xent" in images.first.get_attribute("alt")


def assert_alive(live):
    images = live.output.locator("img:visible")
    images.first.wait_for(timeout=20_000)
    assert images.count() == 1
    assert LINE not in live.output.inner_text()
    live.step("temperature")
    assert live.problem() == ""


def trusted(lab):
    return lab.page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
                 .filter((cell) => cell.type === "code").map((cell) => cell.trusted)"""
    )


def test_a_live_explorer_shows_one_figure_and_no_line(circle):
    assert_alive(circle)


def test_a_figure_that_was_lost_on_its_way_is_asked_for_and_comes(circle, lab):
    shown = circle.settle()
    nothing = "{'method': 'update', 'state': {}, 'buffer_paths': [['png']]}"
    lab.ask(f"circle.canvas.comm.send({nothing}, buffers=[b'']) is None")
    lab.page.wait_for_function(
        "() => document.querySelector('.mlteach-canvas img')?.naturalWidth === 0"
    )
    lab.page.wait_for_function("() => document.querySelector('.mlteach-canvas img').naturalWidth")
    assert circle.hash() == shown
    assert circle.problem() == ""


def test_reopened_with_a_new_kernel_and_trusted(circle, lab):
    """Every cell has run, so JupyterLab trusts the notebook and would show the dead widget."""
    lab.run_all()
    lab.page.wait_for_timeout(1500)
    save(lab)
    figure = saved_figure(lab)
    lab.page.goto("about:blank")
    end_kernels(lab)
    lab.open(NOTEBOOK)
    assert trusted(lab) == [True, True, True]
    assert_still(lab, figure)


def test_reopened_with_a_new_kernel_and_not_trusted(circle, lab):
    figure = saved_figure(lab)
    lab.page.goto("about:blank")
    distrust(lab)
    end_kernels(lab)
    lab.open(NOTEBOOK)
    assert not all(trusted(lab))
    assert_still(lab, figure)


def test_reloaded_when_a_part_has_run_it_lives_on(circle, lab):
    lab.page.reload()
    lab.wait_for_kernel()
    assert_alive(Live(lab, "circle"))


def test_reloaded_when_all_has_run_it_lives_on(circle, lab):
    lab.run_all()
    lab.page.wait_for_timeout(1000)
    save(lab)
    lab.page.reload()
    lab.wait_for_kernel()
    assert trusted(lab) == [True, True, True]
    assert_alive(Live(lab, "circle"))


def test_what_is_moved_after_a_reload_is_kept_too(circle, lab):
    before = saved_figure(lab)
    lab.page.reload()
    lab.wait_for_kernel()
    Live(lab, "circle").step("temperature")
    lab.page.wait_for_timeout(1500)
    assert saved_figure(lab) != before


def test_reloaded_and_not_trusted(circle, lab):
    figure = saved_figure(lab)
    lab.page.goto("about:blank")
    distrust(lab)
    lab.open(NOTEBOOK)
    assert not all(trusted(lab))
    assert_still(lab, figure)
    lab.run_cell(CELLS[1])
    assert_alive(Live(lab, "circle"))


def test_after_a_restart_of_the_kernel_the_line_says_what_to_do(circle, lab):
    figure = saved_figure(lab)
    lab.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.context.sessionContext.session
                 .kernel.restart()"""
    )
    lab.wait_for_kernel()
    assert_still(lab, figure)
    lab.run_cell(CELLS[0])
    lab.run_cell(CELLS[1])
    assert_alive(Live(lab, "circle"))


@pytest.fixture
def late(server, browser):
    """A page on which no module of a widget is loaded in time: all two seconds pass at once."""
    context = browser.new_context(viewport={"width": 1500, "height": 1100})
    page = context.new_page()
    page.add_init_script(
        """AbortSignal.timeout = () => {
            const controller = new AbortController();
            queueMicrotask(() => controller.abort());
            return controller.signal;
        }"""
    )
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield Lab(page, server)
    context.close()
    assert errors  # or else nothing was late
    assert all("Failed to initialize model" in error for error in errors)


def run_and_reload(lab, notebook):
    """Runs all cells, saves, and loads the page again."""
    lab.write(notebook, CELLS)
    lab.open(notebook)
    lab.page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    assert_alive(Live(lab, "circle"))
    save(lab)
    lab.page.reload()
    lab.wait_for_kernel()


def test_a_figure_whose_module_came_late_follows_all_the_same(late):
    run_and_reload(late, "late.ipynb")
    assert_alive(Live(late, "circle"))


# ipywidgets looks for a widget once and, instead of 100 ms later, when it is too late; and what was
# missed is drawn after that.
SELDOM = """() => {
    const later = window.setTimeout;
    const longer = { 100: 8000, 2500: 9000 };
    window.setTimeout = (act, ms, ...given) =>
        later(act, window.loadedAgain && longer[ms] || ms, ...given);
    window.loadedAgain = performance.getEntriesByType("navigation")[0].type === "reload";
}"""


@pytest.fixture
def seldom(server, browser):
    """A page on which ipywidgets misses the widgets that come while it waits, once reloaded."""
    context = browser.new_context(viewport={"width": 1500, "height": 1100})
    page = context.new_page()
    page.add_init_script(f"({SELDOM})()")
    missed = []
    page.on("console", lambda message: missed.append("not found" in message.text))
    yield Lab(page, server)
    context.close()
    assert any(missed)  # or else nothing was missed


def test_a_widget_that_came_when_ipywidgets_had_given_up_is_drawn_all_the_same(seldom):
    run_and_reload(seldom, "seldom.ipynb")
    output = seldom.output("circle")
    output.locator(".mlteach-canvas img").wait_for(timeout=30_000)
    seldom.page.evaluate("() => { window.loadedAgain = false; }")
    assert_alive(Live(seldom, "circle"))
