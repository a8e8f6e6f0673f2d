"""Chapter 16 in a real JupyterLab: run it, drag the start of the path, follow every rule, walk
through the layers.
"""

import pytest
from support.every_explorer import EveryExplorer
from support.live import Live

CHAPTER = "16_reptile_anil.ipynb"
EXPLORERS = ["path_explorer", "layers_explorer"]


class TestEveryExplorer(EveryExplorer):
    """What all explorers promise."""


def test_the_start_is_dragged(chapter):
    """The path follows the pointer, and every rule still ends where it ended."""
    live = Live(chapter, "path_explorer")
    ends = chapter.ask("path_explorer.state['rests']['Reptile'].tolist()")
    before = live.settle()
    chapter.page.mouse.move(*live.place("ax", 1.0, 1.5))
    chapter.page.mouse.down()
    chapter.page.mouse.move(*live.place("ax", -1.5, -0.8), steps=10)
    chapter.page.mouse.up()
    live.wait_for_change(before)
    live.settle()
    start = chapter.ask("path_explorer.state['path'][0].tolist()")
    assert start == pytest.approx([-1.5, -0.8], abs=0.051)
    assert start == pytest.approx([live.value("start_x"), live.value("start_y")])
    assert chapter.ask("path_explorer.state['rests']['Reptile'].tolist()") == ends


def test_one_inner_step_is_joint_training(chapter):
    """As the text says: with one step both marks are in one place, with eight they are not."""
    live = Live(chapter, "path_explorer")
    gap = "(path_explorer.state['rests']['Reptile'] - path_explorer.state['rests']['joint training']).norm().item()"
    gaps = []
    for steps in (1, 8):
        live.set("inner_steps", steps)
        gaps.append(chapter.ask(gap))
    assert gaps[0] < 1e-6
    assert gaps[1] > 0.3


def test_the_inner_steps_change_the_head_and_not_the_body(chapter):
    live = Live(chapter, "layers_explorer")
    live.set("lr", 0.4)
    live.set("steps", 0)
    assert chapter.ask("layers_explorer.state['similarity'].min()") == pytest.approx(1)
    live.control("steps").locator(".noUi-handle").focus()
    before = live.settle()
    chapter.page.keyboard.press("ArrowRight")
    live.wait_for_change(before)
    assert live.value("steps") == 1
    body, head = chapter.ask(
        "[layers_explorer.state['similarity'][:-1].min(), layers_explorer.state['similarity'][-1]]"
    )
    assert body > 0.95
    assert head < 0.8
