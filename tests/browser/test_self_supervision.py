"""The explorers of losses, views and evaluation on a page: controls by keyboard and by mouse."""

import math

import pytest
from support.explorer_on_page import EveryExplorer
from support.explorer_registry import SELF_SUPERVISION
from support.live import Live

MAKE = SELF_SUPERVISION


class TestEveryExplorer(EveryExplorer):
    """All that is asked of any explorer."""


# --- losses --------------------------------------------------------------------------------------


def test_pointing_at_the_matrix_shows_a_pair(explorers):
    live = Live(explorers, "similarity_matrix")
    before = live.settle()
    explorers.page.mouse.move(*live.place("ax", 3, 8))
    live.wait_for_change(before)
    live.settle()
    assert live.state("hover") == [8, 3]


def test_following_the_force_never_goes_back(explorers):
    """The page repeats every angle that Python sets, too late, and must not put it back."""
    live = Live(explorers, "circle")
    for point in live.ask("list(e.names)")[-2:]:
        live.press("start again")
        live.ask(f"setattr(e.controls['point'], 'value', {point!r})")
        for _ in range(3):
            live.press("follow the force")
            live.settle()
        alignments = live.ask("[alignment for _, alignment in e.track]")
        assert len(alignments) >= 30
        assert alignments == sorted(alignments, reverse=True)


def test_a_point_of_the_circle_is_dragged(explorers):
    live = Live(explorers, "circle")

    def place(angle):
        return math.cos(angle), math.sin(angle)

    angles = live.ask("e.state['angles'].flatten().tolist()")
    live.drag("ax", place(angles[5]), place(-1.0), place(2.5))
    after = live.ask("e.state['angles'].flatten().tolist()")
    moved = [i for i, pair in enumerate(zip(angles, after, strict=True)) if pair[0] != pair[1]]
    assert len(moved) == 1
    assert after[moved[0]] == pytest.approx(2.5, abs=0.05)
    assert live.value("point") == live.options("point")[moved[0]]
    assert math.radians(live.value("angle")) == pytest.approx(2.5, abs=0.05)


def test_the_buttons_follow_the_force_and_start_again(explorers):
    live = Live(explorers, "circle")
    live.press("start again")
    before = live.settle()
    start, loss = live.ask("e.state['angles'].tolist()"), live.state("loss")
    live.output.locator("button", has_text="follow").click()
    live.wait_for_change(before)
    live.settle()
    assert live.state("loss") < loss
    live.press("start again")
    live.settle()
    assert live.ask("e.state['angles'].tolist()") == start


# --- views ---------------------------------------------------------------------------------------


def test_the_buttons_of_the_views(explorers):
    """No change, the book's view, and another draw of it."""
    live = Live(explorers, "views")
    live.press("no change")
    live.wait_for_value("hue", 0)
    live.settle()
    assert live.state("change") == 0
    live.press("the book's view")
    live.wait_for_value("hue", 0.5)
    book = live.settle()
    change = live.state("change")
    draw = live.value("draw")
    assert change > 0.1
    live.press("draw again")
    live.wait_for_value("draw", draw + 1)
    live.wait_for_change(book)
    assert live.value("hue") == 0.5
    assert live.state("change") != change


def test_the_box_is_dragged_and_the_label_follows(explorers):
    """To the middle, then over the edge, where less of it is pasted; with Mixup there is none."""
    live = Live(explorers, "mixing")
    for name, value in {"kind": "CutMix", "share": 0.5, "picture": 0, "partner": 1}.items():
        live.set(name, value)
    start = live.value("x") - 0.5, live.value("y") - 0.5
    live.drag("mixed_ax", start, (3.5, 3.5))
    assert (live.value("x"), live.value("y")) == (4, 4)
    assert live.state("kept") == pytest.approx(0.5, abs=0.1)
    live.drag("mixed_ax", (3.5, 3.5), (7.4, 7.4))
    assert min(live.value("x"), live.value("y")) >= 7
    assert live.state("kept") > 0.8
    assert max(live.ask("e.state['soft'].tolist()")) == pytest.approx(live.state("kept"))
    live.select("kind", "Mixup")
    assert not live.control("x").is_visible()
    live.select("kind", "CutMix")
    assert live.control("x").is_visible()


def test_draw_takes_another_share(explorers):
    live = Live(explorers, "mixing")
    seen = {live.value("share")}
    for _ in range(3):
        before = live.settle()
        live.press("draw λ, partner and place")
        live.wait_for_change(before)
        live.settle()
        seen.add(live.value("share"))
        live.assert_sound()
    assert len(seen) > 2


# --- pretext tasks -------------------------------------------------------------------------------


def middle(place):
    """Of a place on the board of two by two tiles."""
    return place % 2 + 0.5, place // 2 + 0.5


def test_a_tile_is_dragged_onto_another_and_the_puzzle_is_solved(explorers):
    """By mouse, tile after tile; then the network is asked, and not before."""
    live = Live(explorers, "jigsaw")
    live.press("shuffle again")
    live.settle()
    assert not live.state("solved")
    moves = 0
    for place in range(4):
        order = live.state("order")
        if order[place] != place:
            live.drag("board", middle(order.index(place)), (1.0, 1.0), middle(place))
            moves += 1
            assert live.state("order")[place] == place
    assert live.state("solved")
    assert live.state("moves") == moves
    assert f"solved in {moves} move" in live.readout()
    assert live.state("answer") is None
    before = live.settle()
    live.press("the network's answer")
    live.wait_for_change(before)
    live.settle()
    assert f"the network puts {live.state('answer_right')} of 4 in place" in live.readout()
    assert "seen" not in live.readout()


def test_a_tile_let_go_beside_the_board_falls_back(explorers):
    live = Live(explorers, "jigsaw")
    live.press("shuffle again")
    before, order = live.settle(), live.state("order")
    mouse = explorers.page.mouse
    mouse.move(*live.place("board", *middle(0)))
    mouse.down()
    mouse.move(*live.place("board", 1.2, 1.2), steps=4)
    held = live.wait_for_change(before)
    mouse.move(*live.place("board", 1.2, 2.2), steps=4)
    mouse.up()
    live.wait_for_change(held)
    assert live.settle() == before
    assert (live.state("order"), live.state("moves")) == (order, 0)


def test_two_clicks_swap_two_tiles(explorers):
    live = Live(explorers, "jigsaw")
    live.press("shuffle again")
    live.settle()
    order = live.state("order")
    live.click("board", *middle(1))
    assert live.state("picked") == 1
    live.click("board", *middle(2))
    assert live.state("picked") is None
    assert live.state("order") == [order[0], order[2], order[1], order[3]]


def test_two_tiles_change_places_by_keyboard_alone(explorers):
    live = Live(explorers, "jigsaw")
    live.press("shuffle again")
    live.set("first", 2)
    live.set("second", 3)
    live.step("first", "ArrowLeft")
    live.step("second")
    before, order = live.settle(), live.state("order")
    live.output.get_by_role("button", name="swap", exact=True).focus()
    explorers.page.keyboard.press("Enter")
    live.wait_for_change(before)
    live.settle()
    assert live.state("order") == [order[3], order[1], order[2], order[0]]


def test_a_new_image_comes_and_the_old_one_keeps_its_puzzle(explorers):
    live = Live(explorers, "jigsaw")
    live.set("image", 0)
    live.drag("board", middle(0), middle(3))
    order, moves = live.state("order"), live.state("moves")
    live.press("new image")
    live.wait_for_value("image", 1)
    live.settle()
    assert live.state("moves") == 0
    live.set("image", 0)
    assert (live.state("order"), live.state("moves")) == (order, moves)


def test_a_patch_is_hidden_and_shown_by_a_click(explorers):
    live = Live(explorers, "masked")
    live.press("another mask")
    first, mask = live.settle(), live.ask("e.state['mask'].tolist()")
    live.click("masked_ax", 2.5, 1.5)
    once = live.ask("e.state['mask'].tolist()")
    assert once[1][2] != mask[1][2]
    once[1][2] = mask[1][2]
    assert once == mask
    assert live.value("patch") == 1 * 4 + 2 + 1
    assert live.hash() != first
    live.click("masked_ax", 2.5, 1.5)
    assert live.ask("e.state['mask'].tolist()") == mask
    live.assert_sound()


def test_patches_are_hidden_by_a_drag_and_by_keyboard(explorers):
    """The drag makes all that it crosses like the first."""
    live = Live(explorers, "masked")
    live.set("ratio", live.ends("ratio")[0])
    live.press("another mask")
    live.settle()
    hidden = live.ask("e.state['mask'].flatten().tolist()")
    visible = [place for place in range(16) if not hidden[place]]
    row = next(row for row in range(4) if {4 * row, 4 * row + 1, 4 * row + 2} <= set(visible))
    live.drag("masked_ax", (0.5, row + 0.5), (2.5, row + 0.5))
    assert live.ask(f"e.state['mask'][{row}].tolist()")[:3] == [True] * 3
    live.set("patch", 4 * row + 2)
    live.step("patch", "ArrowLeft")
    before = live.settle()
    live.output.get_by_role("button", name="hide or show the patch", exact=True).focus()
    explorers.page.keyboard.press("Enter")
    live.wait_for_change(before)
    live.settle()
    assert live.ask(f"e.state['mask'][{row}].tolist()")[:3] == [False, True, True]


def test_the_ratio_goes_from_one_patch_to_all_but_one(explorers):
    """By mouse, to both ends; the errors shown are numbers there too."""
    live = Live(explorers, "masked")
    live.press("another mask")
    for distance, hidden in ((-800, 1), (800, 15)):
        live.drag_slider("ratio", distance)
        live.wait_for_value("ratio", hidden / 16)
        live.settle()
        assert live.ask("int(e.state['mask'].sum())") == hidden
        assert f"{hidden} of 16 patches hidden" in live.readout()
        assert "not finite" not in live.readout()
        live.assert_sound()


# --- methods and evaluation ----------------------------------------------------------------------


def test_the_alternative_text_tells_the_switches(explorers):
    live = Live(explorers, "switchboard")
    for name in ("predictor", "stop_gradient", "target_average"):
        live.set(name, False)
    text = live.image.get_attribute("alt")
    assert "predictor off, stop gradient off, target average off" in text


def test_the_queue_fills_step_by_step(explorers):
    """With the arrow keys: every step replaces one batch, where the mark was."""
    live = Live(explorers, "conveyor")
    live.set("step", 1)
    assert live.state("oldest") == -1
    for step, pointer in ((2, 0), (3, 4), (4, 8)):
        live.step("step")
        assert (live.state("step"), live.state("oldest")) == (step, step - 2)
        assert live.ask(f"e.state['ages'][{pointer}:{pointer + 4}].tolist()") == [0] * 4


def test_a_press_on_the_curve_sets_k_and_dragging_moves_it(explorers):
    live = Live(explorers, "knn_vote")
    live.drag("ax", (10, 0.5))
    assert live.value("k") == pytest.approx(10, abs=1)
    live.drag("ax", (10, 0.5), (100, 0.4))
    assert live.state("k") == live.value("k") == pytest.approx(100, abs=4)
