"""The jigsaw by hand: what moves a tile, when it is solved, and what is told only when asked."""

import numpy as np
import pytest
import torch
from support.explorer_drawing import send, shown
from support.explorer_registry import images

from mlteach import pretext
from mlteach.explorers import Jigsaw

pytestmark = pytest.mark.usefixtures("unlaid")

FOUR = images(3, 3)


def board(network=None, tiles=2, given=FOUR, **options):
    return Jigsaw(given, tiles=tiles, network=network, **options)


def middle(place, side=2):
    down, across = divmod(place, side)
    return across + 0.5, down + 0.5


def drag(explorer, start, end, *, presses, over=()):
    """What the page sends of a drag: the press, places on the way, and the end with no press."""
    for x, y in [start, *over]:
        send(explorer, x, y, ax=explorer.board, presses=presses, press=start)
    send(explorer, *end, ax=explorer.board, pressed=False, presses=presses, press=start)


def tap(explorer, place, *, presses):
    """Press and end in one message, as the page merges them."""
    x, y = middle(place, explorer.side)
    send(explorer, x, y, ax=explorer.board, pressed=False, presses=presses)


def solve(explorer):
    order = explorer.game.order
    for place in range(len(order)):
        explorer.swap(place, order.index(place))


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [2, 4])
def test_the_board_lies_as_the_librarys_jigsaw_lays_it(side):
    """Tile order[place] in each place, cut as `pretext.jigsaw` cuts."""
    explorer = board(tiles=side)
    order = torch.tensor(explorer.state["order"])
    library, _ = pretext.jigsaw(FOUR[:1], order[None], generator=torch.Generator())
    assert torch.equal(explorer.tiles[0, order], library[0])
    pixels = explorer.shown.get_array()
    cell = np.asarray(pixels.shape[:2]) // side
    for place in range(side**2):
        down, across = divmod(place, side)
        tile = pixels[down * cell[0] :, across * cell[1] :][
            1 : 1 + 8 // side, 1 : 1 + 8 // side, :3
        ]
        assert np.allclose(tile, library[0, place].permute(1, 2, 0))


def test_what_no_tile_covers_is_cut_off():
    """8 by 8 pixels in 3 by 3 tiles of 2 by 2; tiles need not be square."""
    assert board(tiles=3).tiles.shape == (3, 9, 3, 2, 2)
    assert torch.equal(board(tiles=3).tiles[0, 8], FOUR[0, :, 4:6, 4:6])
    assert board(given=FOUR[:, :, :5]).tiles.shape == (3, 4, 3, 2, 4)


def test_every_image_begins_shuffled_and_each_in_its_own_order():
    explorer = board(tiles=4, given=images(8, 3))
    orders = []
    for number in range(8):
        explorer.controls["image"].value = number
        orders.append(tuple(explorer.state["order"]))
        assert not explorer.state["solved"]
        assert sorted(orders[-1]) == list(range(16))
    assert len(set(orders)) == 8
    assert Jigsaw(images(8, 3), tiles=4).state["order"] == list(orders[0])
    assert Jigsaw(images(8, 3), tiles=4, seed=1).state["order"] != list(orders[0])


def test_a_gap_takes_pixels_from_every_side():
    """What is left lies where it lay; the network gets it alone."""
    seen = []

    def network(tiles):
        seen.append(tiles.clone())
        return torch.arange(4)

    explorer = board(network)
    whole = explorer.shown.get_array().copy()
    for gap, kept in ((1, slice(0, 3)), (2, slice(1, 3))):
        explorer.controls["gap"].value = gap
        explorer.ask()
        assert torch.equal(seen[-1][0], explorer.tiles[0, explorer.game.start][..., kept, kept])
        shown = explorer.shown.get_array()
        opaque = shown[..., 3] == 1
        assert opaque.sum() == 4 * (4 - gap) ** 2
        assert np.array_equal(shown[opaque], whole[opaque])
    explorer.controls["gap"].value = 0
    assert np.array_equal(explorer.shown.get_array(), whole)
    assert board(gap=2).state["gap"] == 2


def test_an_answer_belongs_to_the_gap_that_it_was_given_for():
    explorer = board(lambda tiles: torch.arange(4).roll(tiles.shape[-1]))
    explorer.ask()
    first = explorer.state["answer"]
    explorer.controls["gap"].value = 1
    assert explorer.state["answer"] is None
    explorer.ask()
    assert explorer.state["answer"] != first
    explorer.controls["gap"].value = 0
    assert explorer.state["answer"] == first


# --- moving --------------------------------------------------------------------------------------


def test_a_drag_swaps_two_tiles_and_is_one_move():
    explorer = board()
    before = explorer.state["order"]
    drag(explorer, middle(0), middle(3), presses=1, over=[(1.0, 1.0), (1.4, 1.4)])
    assert explorer.state["order"] == [before[3], before[1], before[2], before[0]]
    assert explorer.state["moves"] == 1
    assert explorer.lifted is None


def test_a_drag_that_arrives_as_one_message_swaps_too():
    explorer = board()
    before = explorer.state["order"]
    x, y = middle(1)
    send(explorer, x, y, ax=explorer.board, pressed=False, presses=1, press=middle(0))
    assert explorer.state["order"] == [before[1], before[0], *before[2:]]


def test_a_tile_that_is_held_is_drawn_under_the_pointer():
    """And its place is empty meanwhile."""
    explorer = board()
    still = shown(explorer)
    send(explorer, *middle(0), ax=explorer.board, presses=1)
    send(explorer, 1.2, 1.1, ax=explorer.board, presses=1, press=middle(0))
    assert explorer.floating.get_visible()
    assert explorer.floating.get_extent() == pytest.approx([0.7, 1.7, 1.6, 0.6])
    half = explorer.shown.get_array().shape[0] // 2
    assert explorer.shown.get_array()[:half, :half, 3].max() == 0
    assert explorer.state["order"] == explorer.game.start
    # let go beside the board, it falls back
    send(explorer, 1.2, 3.0, ax=explorer.board, pressed=False, presses=1, press=middle(0))
    assert explorer.state["moves"] == 0
    assert np.array_equal(shown(explorer), still)


def test_two_taps_swap_and_a_second_tap_on_the_same_lets_go():
    explorer = board()
    before = explorer.state["order"]
    tap(explorer, 2, presses=1)
    assert explorer.state["picked"] == 2
    tap(explorer, 2, presses=2)
    assert explorer.state["picked"] is None
    assert explorer.state["order"] == before
    assert explorer.state["moves"] == 0
    tap(explorer, 2, presses=3)
    tap(explorer, 1, presses=4)
    assert explorer.state["order"] == [before[0], before[2], before[1], before[3]]
    assert (explorer.state["picked"], explorer.state["moves"]) == (None, 1)


def test_sliders_and_the_button_swap():
    """For those who use no pointer: nothing else is needed."""
    explorer = board()
    before = explorer.state["order"]
    explorer.controls["first"].value, explorer.controls["second"].value = 4, 2
    assert explorer.state["order"] == before
    explorer.controls["swap"].click()
    assert explorer.state["order"] == [before[0], before[3], before[2], before[1]]
    explorer.controls["second"].value = 4
    explorer.controls["swap"].click()  # a place with itself is no move
    assert explorer.state["moves"] == 1


def test_a_place_that_was_tapped_is_let_go_by_the_slider():
    explorer = board()
    tap(explorer, 2, presses=1)
    explorer.controls["first"].value = 1
    assert explorer.state["picked"] is None


# --- solved --------------------------------------------------------------------------------------


def test_it_is_solved_when_all_are_in_place_and_not_before():
    explorer = board(tiles=3)
    assert "not solved yet" in explorer.describe()
    assert "frames: the places to swap, the second one dashed" in explorer.describe()
    solve(explorer)
    assert explorer.state["solved"]
    assert explorer.state["order"] == list(range(9))
    assert explorer.describe() == f"image 0 in 9 tiles: solved in {explorer.state['moves']} moves"
    explorer.swap(0, 1)
    assert not explorer.state["solved"]


def test_tiles_that_look_the_same_may_change_places():
    """Two black tiles of a shape on black can lie either way."""
    picture = torch.zeros(1, 3, 8, 8)
    picture[..., :4, :4] = FOUR[0, :, :4, :4]
    explorer = board(given=picture)
    while explorer.game.order[0] != 0:
        explorer.swap(0, explorer.game.order.index(0))
    assert explorer.state["solved"]
    assert board(given=torch.zeros(1, 3, 8, 8)).state["solved"]


def test_each_image_keeps_its_puzzle():
    """Nobody loses what they have done by looking at another image."""
    explorer = board()
    explorer.swap(0, 2)
    order = explorer.state["order"]
    explorer.controls["next"].click()
    assert explorer.state["image"] == 1
    assert explorer.state["moves"] == 0
    for _ in range(2):
        explorer.controls["next"].click()
    assert explorer.state["image"] == 0
    assert (explorer.state["order"], explorer.state["moves"]) == (order, 1)


def test_shuffle_begins_again_in_another_order():
    explorer = board(tiles=4)
    explorer.swap(0, 5)
    starts = [explorer.game.start]
    for _ in range(3):
        explorer.controls["shuffle"].click()
        starts.append(explorer.game.start)
        assert explorer.state["moves"] == 0
        assert explorer.state["order"] == starts[-1]
    assert len({tuple(start) for start in starts}) == 4


# --- the network ---------------------------------------------------------------------------------


class Knowing:
    """Answers from the tiles alone, by looking them up, in each of the forms that are taken."""

    def __init__(self, form):
        self.form, self.asked = form, 0

    def __call__(self, tiles):
        self.asked += 1
        assert tiles.shape == (1, 4, 3, 4, 4)
        whole = torch.stack([FOUR[0, :, y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4)])
        same = (tiles[0][:, None] == whole).flatten(2).all(2)  # (place, tile)
        tiles.zero_()  # what it does to its tiles is its own business
        order = same.int().argmax(1)
        forms = {"order": order, "batch": order[None], "logits": 3.0 * same, "list": order.tolist()}
        return forms[self.form] if self.form in forms else 3.0 * same[None]


@pytest.mark.parametrize("form", ["order", "batch", "logits", "logits of a batch", "list"])
def test_a_network_that_knows_has_all_in_place(form):
    network = Knowing(form)
    explorer = board(network)
    explorer.controls["ask"].click()
    assert explorer.state["answer"] == explorer.game.start
    assert explorer.state["answer_right"] == 4
    assert explorer.describe().endswith("the network puts 4 of 4 in place")
    solved = explorer.answer.get_array()
    solve(explorer)
    assert np.array_equal(solved, explorer.shown.get_array())


def test_nothing_is_told_before_it_is_asked():
    """The network is not even called; its board is blank, and no count of right places is shown."""
    network = Knowing("order")
    explorer = board(network)
    explorer.swap(0, 1)
    assert network.asked == 0
    assert (explorer.state["answer"], explorer.state["answer_right"]) == (None, None)
    assert not explorer.answer.get_visible()
    assert "in place" not in explorer.describe()
    explorer.ask()
    assert network.asked == 1
    solve(explorer)
    assert "after the network's answer was seen" in explorer.describe()


def test_the_network_gets_the_tiles_as_they_were_shuffled():
    """Whatever the learner has done since: both have the same puzzle."""
    explorer = board(Knowing("order"))
    explorer.swap(0, 3)
    explorer.swap(1, 2)
    explorer.ask()
    assert explorer.state["answer"] == explorer.game.start
    explorer.shuffle()
    assert explorer.state["answer"] is None


def test_whoever_solves_first_is_not_said_to_have_seen_the_answer():
    explorer = board(Knowing("order"))
    solve(explorer)
    explorer.ask()
    assert "seen" not in explorer.describe()


def test_a_wrong_answer_is_counted_place_by_place():
    """It swaps two of four: those two are wrong, the others right."""
    explorer = board(lambda tiles: Knowing("order")(tiles)[[1, 0, 2, 3]])
    explorer.ask()
    assert explorer.state["answer_right"] == 2


def test_each_tile_is_drawn_where_the_network_puts_it():
    """It says of the tile in place p that it is number answer[p], whatever tile lies there."""
    answer = [1, 2, 3, 0]
    explorer = board(lambda tiles: torch.tensor(answer))
    explorer.ask()
    start = explorer.game.start
    for tile, number in zip(start, answer, strict=True):
        explorer.game.order[number] = tile
    explorer.refresh()  # a learner's board with the same tiles in the same places
    assert np.array_equal(explorer.answer.get_array(), explorer.shown.get_array())
    assert explorer.state["answer_right"] == sum(a == b for a, b in zip(start, answer, strict=True))


def test_equal_logits_give_each_tile_one_place():
    explorer = board(lambda tiles: torch.zeros(4, 4))
    explorer.ask()
    assert sorted(explorer.state["answer"]) == [0, 1, 2, 3]


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([0, 1, 2, 2], "network must answer each of 0 ... 3 once"),
        ([0, 1, 2], "network must answer each of 0 ... 3 once"),
        ([[0.0] * 4, [float("nan")] * 4, [0.0] * 4, [0.0] * 4], "must be finite"),
    ],
)
def test_an_answer_that_is_none_is_refused(answer, message):
    explorer = board(lambda tiles: torch.tensor(answer))
    with pytest.raises(ValueError, match=message):
        explorer.ask()
    assert explorer.state["answer"] is None


def test_the_button_says_under_the_figure_why_there_is_no_answer():
    """An error in a button's callback is shown nowhere else."""
    explorer = board(lambda tiles: torch.tensor([0, 0, 1, 2]))
    explorer.controls["ask"].click()
    assert "network must answer each of 0 ... 3 once" in explorer.canvas.problem
    explorer.swap(0, 1)
    assert explorer.canvas.problem == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tiles": 1}, "tiles must be a whole number between 2 and 5"),
        ({"tiles": 6}, "tiles must be a whole number between 2 and 5"),
        ({"images": FOUR[0]}, "images must be"),
        ({"images": FOUR[:, :, :3], "tiles": 4}, "a pixel for each of 4 tiles, got 3 by 8"),
        ({"images": 2 * FOUR}, "images must be in"),
        ({"gap": 3}, "gap must be a whole number between 0 and 2"),
        ({"gap": 0.5}, "gap must be a whole number"),
        ({"network": 3}, "network must be a function"),
        ({"network": lambda: 0}, "network must be a function"),
        ({"seed": -1}, "seed must be"),
    ],
)
def test_it_refuses_what_it_cannot_show(arguments, message):
    with pytest.raises((ValueError, TypeError), match=message):
        Jigsaw(**({"images": FOUR, "tiles": 2} | arguments))


def test_without_a_network_nobody_can_be_asked():
    explorer = board()
    assert "ask" not in explorer.controls
    assert len(explorer.figure.axes) == 1
    with pytest.raises(ValueError, match="network must be given"):
        explorer.ask()
    for places in ((0, 4), (-1, 0), (0, 1.0)):
        with pytest.raises((ValueError, TypeError), match="(first|second) must be a whole number"):
            explorer.swap(*places)


def test_a_network_answers_in_evaluation_mode_and_is_left_as_it_was():
    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(4)

        def forward(self, tiles):
            return self.norm(tiles.flatten(2).mean(2)).argsort(1)

    network = Network()
    board(network).ask()
    assert network.training
    assert network.norm.num_batches_tracked == 0
