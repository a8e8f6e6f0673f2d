"""What every explorer promises on the page. A test file inherits it and names its explorers:

    MAKE = {"temperature": temperature}


    class TestEveryExplorer(EveryExplorer):
        "All that is asked of any explorer."

All controls are found in the explorer itself, so a new one is tested without a further line. What
an explorer does beyond (points to drag, places to point at, buttons) is for the file's own tests.
"""

import pytest
from playwright.sync_api import expect

from support.live import Live


class EveryExplorer:
    """Tests with one run for each explorer."""

    def pytest_generate_tests(self, metafunc):
        metafunc.parametrize("name", metafunc.module.MAKE)

    def test_every_slider_moves_by_keyboard_and_by_mouse_to_both_ends(self, explorers, name):
        """Those that a list brings to the page too."""
        live, moved = Live(explorers, name), set()
        self._move_sliders(live, moved)
        for choice in live.lists():
            began = live.value(choice)
            for option in live.options(choice):
                live.set(choice, option)
                self._move_sliders(live, moved)
            live.set(choice, began)
        every = live.ask("[n for n, c in e.controls.items() if c.has_trait('readout')]")
        assert moved == set(every)

    def _move_sliders(self, live, moved):
        for slider in live.sliders():
            if slider not in moved:
                moved.add(slider)
                value = live.value(slider)
                self._move_by_keyboard(live, slider)
                self._move_by_mouse(live, slider)
                live.set(slider, value)

    def _move_by_keyboard(self, live, slider):
        """One step up, or down from the upper end; number, state and screen reader say the same."""
        value, up = live.value(slider), live.value(slider) < live.ends(slider)[1]
        live.step(slider, "ArrowRight" if up else "ArrowLeft")
        assert (live.value(slider) > value) == up, slider
        number = live.control(slider).locator(".widget-readout").inner_text()
        handle = live.control(slider).get_by_role("slider")
        expect(handle).to_have_attribute("aria-valuetext", number)
        # two digits are shown
        number = float(number.replace("−", "-"))
        assert number == pytest.approx(live.value(slider), rel=0.06, abs=0.01), slider
        live.assert_sound()

    def _move_by_mouse(self, live, slider):
        seen = []
        for distance, end in zip((-800, 800), live.ends(slider), strict=True):
            live.drag_slider(slider, distance)
            live.wait_for_value(slider, end)
            seen.append(live.settle())
            live.assert_sound()
        assert seen[0] != seen[1] or slider == "angle", slider  # -180 and 180 degrees look the same

    def test_every_list_changes_what_is_shown(self, explorers, name):
        """Every option in turn, and the one it began with again; then one step by keyboard."""
        live = Live(explorers, name)
        for choice in live.lists():
            began = live.value(choice)
            options = live.options(choice)
            seen = []
            values = "(n, c.value) for n, c in e.controls.items() if c.has_trait('value')"
            others = f"[v for n, v in [{values}] if n != {choice!r}]"
            for option in [*options, began]:
                seen.append((live.select(choice, option), *live.ask(others)))
                live.assert_sound()
            assert len(set(seen[:-1])) == len(options), choice
            assert seen[-1] == seen[options.index(began)], choice
            place = options.index(began)
            up, neighbour = (True, options[place - 1]) if place else (False, options[1])
            live.control(choice).locator("select").focus()
            live.lab.page.keyboard.press("ArrowUp" if up else "ArrowDown")
            live.wait_for_value(choice, neighbour)
            live.set(choice, began)

    def test_every_switch_changes_what_is_shown_and_back(self, explorers, name):
        """By mouse; pressed again, the figure is the same to the pixel."""
        live = Live(explorers, name)
        for switch in live.switches():
            before, on = live.settle(), live.value(switch)
            for wanted in (not on, on):
                last = live.settle()
                live.output.get_by_label(live.labels[switch]).click()
                live.wait_for_value(switch, wanted)
                assert live.settle() != last
                live.assert_sound()
            assert live.settle() == before

    def test_screen_readers_are_told_what_the_figure_shows(self, explorers, name):
        """The figure's text is the read-out under it, and every slider and button has its name."""
        live = Live(explorers, name)
        readout = live.output.locator(".mlteach-readout")
        assert readout.inner_text() == live.image.get_attribute("alt") != ""
        assert readout.get_attribute("aria-live") == "polite"
        assert live.output.locator(".mlteach-problem").get_attribute("role") == "alert"
        handles = live.output.get_by_role("slider").all()
        shown = [handle.get_attribute("aria-label") for handle in handles if handle.is_visible()]
        assert shown == [live.labels[slider] for slider in live.sliders()]
        for button in live.ask("[n for n, c in e.controls.items() if not c.has_trait('value')]"):
            role = live.output.get_by_role("button", name=live.labels[button], exact=True)
            assert role.count() == 1, button
