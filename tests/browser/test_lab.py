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
