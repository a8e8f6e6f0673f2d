"""The learner's JupyterLab: the settings in labconfig/ are in force, and nothing pops up."""


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
