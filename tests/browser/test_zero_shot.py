"""Prompts are typed on a page: which fits an image, and which images fit a prompt."""

import pytest
from support.explorer_registry import SELF_SUPERVISION
from support.live import Live

MAKE = {"zero_shot": SELF_SUPERVISION["zero_shot"]}


def field(live):
    """Found by its name, as a screen reader tells it."""
    return live.output.get_by_label("prompts", exact=True)


def cells(live):
    """The sources of all cells: what must not change while somebody types."""
    return live.lab.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
            .map((cell) => cell.model.sharedModel.getSource())"""
    )


def type_prompts(live, text):
    """Instead of what stands in the field, key by key; that may be the same text."""
    field(live).click()
    live.lab.page.keyboard.press("Control+a")
    live.lab.page.keyboard.type(text)
    live.wait_for_value("prompts", text)
    return live.settle()


def test_what_is_typed_is_compared_letter_by_letter(explorers):
    """Letters that mean something to a notebook too: a, b, dd, x, z, m, and 1 are only letters."""
    live = Live(explorers, "zero_shot")
    book = cells(live)
    type_prompts(live, "add xx bbox\nzz m 1 yy\n\n  a star")
    assert (
        field(live).input_value() == live.value("prompts") == "add xx bbox\nzz m 1 yy\n\n  a star"
    )
    assert live.state("texts") == ["add xx bbox", "zz m 1 yy", "a star"]
    assert live.state("unknown") == ["xx", "bbox"]
    assert "unknown words: xx, bbox" in live.readout()
    before = live.settle()
    live.lab.page.keyboard.press("Backspace")
    live.wait_for_change(before)
    assert live.settle() != before
    assert live.state("texts")[-1] == "a sta"
    assert cells(live) == book
    live.assert_sound()


@pytest.mark.parametrize("keys", ["Shift+Enter", "Control+Enter", "Escape", "Tab"])
def test_no_key_takes_away_what_was_typed(explorers, keys):
    """A cell that ran again would begin with the first prompts."""
    live = Live(explorers, "zero_shot")
    type_prompts(live, "a star\na disc")
    number = explorers.ask("id(zero_shot)")
    explorers.page.keyboard.press(keys)
    live.settle()
    assert explorers.ask("id(zero_shot)") == number
    assert live.state("texts") == ["a star", "a disc"]
    assert field(live).input_value().startswith("a star\na disc")


def test_an_empty_field_asks_for_a_prompt_and_odd_ones_are_drawn(explorers):
    live = Live(explorers, "zero_shot")
    field(live).fill("")
    live.settle()
    assert live.readout() == "type a prompt, one a line"
    live.assert_sound()
    field(live).fill("\n".join(["犬 $x$ \\frac{", "\U0001f600", "W" * 500, *map(str, range(300))]))
    live.settle()
    assert len(live.state("texts")) == 303
    live.assert_sound()
    assert field(live).get_attribute("placeholder") == "one a line"


def test_another_image_another_prompt_and_both_ends_of_the_temperature(explorers):
    """By keyboard and by mouse: the softmax goes from all alike to one."""
    live = Live(explorers, "zero_shot")
    type_prompts(live, "a star\nan oat\na disc, a test, it is so")
    live.set("image", 0)
    seen = {live.step("image") for _ in range(3)}
    assert len(seen) == 3
    assert live.state("image") == 3
    shares = []
    for distance, end in zip((-800, 800), live.ends("temperature"), strict=True):
        live.drag_slider("temperature", distance)
        live.wait_for_value("temperature", end)
        live.settle()
        shares.append((max(live.state("shares")), max(live.state("image_shares"))))
        live.assert_sound()
    assert shares[0][0] > 0.9
    assert shares[1][0] < 0.4
    assert shares[0][1] > 3 * shares[1][1]
    first = live.state("images")
    live.step("prompt")
    assert live.state("prompt") == 2
    assert live.state("images") != first


def test_home_and_end_go_where_a_slider_ends_now(explorers):
    """It was made for two prompts, or as many as a test before typed, and ends at the last one."""
    live = Live(explorers, "zero_shot")
    for prompts in ("a star\na disc\na heart\na ring\na moon", "a ring\na star\na disc"):
        type_prompts(live, prompts)
        last = prompts.count("\n") + 1
        for key, end in (("Home", 1), ("End", last)):
            live.handle("prompt").focus()
            explorers.page.keyboard.press(key)
            live.wait_for_value("prompt", end)
            live.settle()
            assert live.state("prompt") == end
            live.assert_sound()


def test_a_press_chooses_a_prompt_and_an_image(explorers):
    live = Live(explorers, "zero_shot")
    type_prompts(live, "a star\nan oat\na disc, a test, it is so")
    for row in (2, 1):
        live.click(f"row_axes[{row - 1}]", 0.5, row)
        assert live.state("prompt") == live.value("prompt") == row + 1
    wanted = live.state("images")[6]
    live.click("grid", 2.5, 1.8)
    assert live.state("image") == live.value("image") == wanted


def test_what_was_typed_is_there_after_a_reload(explorers):
    live = Live(explorers, "zero_shot")
    type_prompts(live, "my own star\nmy own oat")
    explorers.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    explorers.page.reload()
    explorers.wait_for_kernel()
    live = Live(explorers, "zero_shot")
    field(live).wait_for(timeout=20_000)
    assert field(live).input_value() == "my own star\nmy own oat"
    type_prompts(live, "it goes on")
    assert live.state("texts") == ["it goes on"]
    live.assert_sound()
