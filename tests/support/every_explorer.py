"""What every explorer of every chapter promises on the page. A chapter's tests inherit it and name
their explorers:

    CHAPTER = "05_contrastive_loss.ipynb"
    EXPLORERS = ["temperature_explorer", "matrix_explorer", "circle_explorer"]


    class TestEveryExplorer(EveryExplorer):
        "Stands first in its file, because its first test looks at the chapter before it is run."

All controls are found in the explorer itself, so a new one is tested without a further line. What
an explorer shows of its own is for the chapter's own tests.
"""

import pytest

from support.live import Live


class EveryExplorer:
    """Tests with one run for each explorer; buttons are left to the chapters, for each does
    something else.
    """

    def pytest_generate_tests(self, metafunc):
        metafunc.parametrize("variable", metafunc.module.EXPLORERS)

    def test_a_chapter_that_was_not_run_shows_a_picture(self, opened, variable):
        picture = opened.output(variable).locator("img")
        picture.wait_for(timeout=20_000)
        assert picture.evaluate("image => image.naturalWidth") > 900

    def test_every_slider_moves_the_picture_by_keyboard(self, chapter, variable):
        """One step up, or down from the upper end; the number beside it and the state say the same."""
        live = Live(chapter, variable)
        for name in live.sliders():
            value, up = live.value(name), live.value(name) < live.ends(name)[1]
            before = live.settle()
            live.control(name).locator(".noUi-handle").focus()
            chapter.page.keyboard.press("ArrowRight" if up else "ArrowLeft")
            live.wait_for_change(before)
            assert (live.value(name) > value) == up, name
            readout = live.control(name).locator(".widget-readout").inner_text().replace("−", "-")
            # two digits are shown
            assert float(readout) == pytest.approx(live.value(name), rel=0.06, abs=0.01), name
            assert live.state_follows(name), name
            assert live.problem() == "", name

    def test_every_slider_moves_the_picture_by_mouse_to_both_ends(self, chapter, variable):
        live = Live(chapter, variable)
        for name in live.sliders():
            value, seen = live.value(name), []
            for distance, end in zip((-800, 800), live.ends(name), strict=True):
                live.drag(name, distance)
                seen.append(live.settle())
                assert live.value(name) == pytest.approx(end), name
                assert live.state_follows(name), name
                assert live.problem() == "", name
            assert seen[0] != seen[1] or name == "angle", name  # -180 and 180 degrees look the same
            live.set(name, value)

    def test_every_list_changes_what_is_shown(self, chapter, variable):
        """Every option in turn, and the one it began with again; then one step by keyboard."""
        live = Live(chapter, variable)
        for name in live.lists():
            began, options, seen = live.value(name), live.options(name), []
            for option in [*options, began]:
                live.control(name).locator("select").select_option(option)
                live.wait_for_value(name, option)
                seen.append((live.settle(), *live.others(name)))
                assert live.state_follows(name), name
                assert live.problem() == "", name
            assert len(set(seen[:-1])) == len(options), name
            assert seen[-1] == seen[options.index(began)], name
            place = options.index(began)
            up, neighbour = (True, options[place - 1]) if place else (False, options[1])
            live.control(name).locator("select").focus()
            chapter.page.keyboard.press("ArrowUp" if up else "ArrowDown")
            live.wait_for_value(name, neighbour)
            live.set(name, began)

    def test_screen_readers_are_told_what_the_picture_shows(self, chapter, variable):
        """The text of the picture is the read-out under it, which speaks when it changes; every
        slider has a name.
        """
        live = Live(chapter, variable)
        readout = live.output.locator(".mlteach-readout")
        assert readout.inner_text() == live.picture.get_attribute("alt") != ""
        assert readout.get_attribute("aria-live") == "polite"
        handles = live.output.get_by_role("slider").all()
        shown = [handle.get_attribute("aria-label") for handle in handles if handle.is_visible()]
        assert shown == [
            chapter.ask(f"{variable}.controls[{name!r}].description") for name in live.sliders()
        ]
