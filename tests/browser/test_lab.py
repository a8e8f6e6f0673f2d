"""The learner's JupyterLab: the settings in labconfig/ are in force, and nothing pops up."""

from support.live import Live


def test_sliders_are_answered_in_the_cell_s_own_thread_and_no_news_pops_up(lab):
    """In a thread of their own, callbacks would draw into figures that a cell is just drawing."""
    lab.open("00_welcome.ipynb")
    setting = lab.page.evaluate(
        """async () => {
            const id = "@jupyterlab/apputils-extension:kernels-settings";
            const plugin = await window.jupyterapp.serviceManager.settings.fetch(id);
            return plugin.schema.properties.commsOverSubshells.default;
        }"""
    )
    assert setting == "disabled"
    lab.page.wait_for_timeout(3000)  # the question about news comes a moment after the page
    assert lab.page.get_by_text("Jupyter news").count() == 0


def test_a_figure_has_its_text_for_screen_readers(lab):
    """JupyterLab itself leaves it out; a static figure and an explorer's saved one carry it."""
    lab.write(
        "alt.ipynb", ["from mlteach import plots\nfigure, ax = plots.panels(alt='a < b')\nfigure"]
    )
    lab.open("alt.ipynb")
    lab.run_all()
    image = lab.output("figure").locator("img")
    image.wait_for(timeout=20_000)
    assert image.get_attribute("alt") == "a < b"


def test_a_notebook_is_saved_by_keys_while_a_slider_has_the_focus(lab):
    """The arrow keys are the slider's, those with Control JupyterLab's."""
    cells = ["from mlteach import explorers", "circle = explorers.Circle(pairs=3)\ncircle"]
    lab.write("keys.ipynb", cells)
    lab.open("keys.ipynb")
    lab.run_all()
    live = Live(lab, "circle")
    before = live.value("temperature")
    live.handle("temperature").click()
    lab.page.keyboard.press("ArrowRight")
    live.settle()
    assert live.value("temperature") > before
    dirty = "window.jupyterapp.shell.currentWidget.context.model.dirty"
    assert lab.page.evaluate(dirty)
    lab.page.keyboard.press("Control+s")
    lab.page.wait_for_function(f"() => !{dirty}")
    after = live.value("temperature")
    lab.page.keyboard.press("ArrowRight")
    live.settle()
    assert live.value("temperature") > after
