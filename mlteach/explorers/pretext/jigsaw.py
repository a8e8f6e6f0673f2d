"""Jigsaw: the learner puts the tiles of an image back by hand, and then asks a network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, count
from mlteach.explorers._core.evaluation import evaluated
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.tiles import colour_images, with_gap
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture

MOST = 5  # tiles along a side
ROOM = 0.03  # of a tile's side, around it

Network = Callable[[Tensor], Tensor]


@dataclass
class Game:
    """One image's puzzle: the tile in each place at first and now, and what was done."""

    start: list[int]
    order: list[int]
    shuffles: int = 0
    moves: int = 0
    answers: dict[int, list[int]] = field(default_factory=dict)  # by gap, where it was asked
    told: bool = False  # whether it was asked before the puzzle was solved


class Jigsaw(Explorer):
    """Drag a tile of the shuffled image onto another: they change places, until all are right.

    Two taps do the same, and so do the two sliders and their button. Every image keeps its puzzle
    while others are shown.

    Args:
        images: (N, C, H, W) in [0, 1] with one or three channels; what a whole number of tiles
            does not cover is cut off, below and at the right.
        tiles: along each side, 2 to 5.
        gap: pixels that are taken from each tile at first, all round it, so that neighbours no
            longer fit at their edges; at most half of a tile's side.
        network: optional function (1, T, C, h, w) -> order, of the T tiles as they were shuffled
            and without what the gap takes.
            The order is (T,) or (1, T) whole numbers, ``order[place]`` the tile that lies there, or
            (T, T) or (1, T, T) logits of each tile in each place. It is called when it is
            asked; a module, or one whose method it is, is in evaluation mode meanwhile.
        seed: of the orders.

    ``state``: ``image``, ``gap``, ``first`` and ``second`` as chosen; ``order``, the number of the
    tile in each place, row by row; ``moves``, ``solved``, ``picked`` (the place that was tapped, or
    None); the network's ``answer`` at this gap, an order or None before it was asked, and
    ``answer_right``, how many places it names rightly. Tiles that look the same may lie in each
    other's place.
    """

    pointing = "drag"

    def __init__(
        self,
        images: Tensor,
        *,
        tiles: int = 3,
        gap: int = 0,
        network: Network | None = None,
        seed: int = 0,
    ):
        images = images_of("images", images)
        self.side = _validate.count("tiles", tiles, at_least=2, at_most=MOST)
        if min(images.shape[2:]) < self.side:
            size = "{} by {}".format(*images.shape[2:])
            raise ValueError(f"images must have a pixel for each of {tiles} tiles, got {size}")
        self.network = network
        if network is not None:
            what = "a function (1, T, C, h, w) -> the number of the tile in each of T places"
            _validate.function("network", network, what=what, takes=1)
        self.seed = _validate.seed("seed", seed)
        self.tiles = _cut(images, self.side)  # (N, T, C, h, w)
        self.room = max(1, round(ROOM * self.tiles.shape[-1]))
        # (N, T, h + room, w + room, 4)
        self.drawn = with_gap(_coloured(self.tiles), self.room)
        widest = min(self.tiles.shape[-2:]) // 2
        gap = _validate.count("gap", gap, at_least=0, at_most=widest)
        self.places = self.side**2
        self.games: dict[int, Game] = {}  # by image
        self.picked: int | None = None
        self.lifted: tuple[int, float, float] | None = None  # a place, and where its tile is held
        super().__init__(
            {
                "image": count("image", 0, len(images) - 1, 0),
                "gap": count("gap, pixels", 0, widest, gap),
                "first": count("swap place", 1, self.places, 1),
                "second": count("with place", 1, self.places, 2),
                "swap": button("swap", self._swap_chosen),
                "shuffle": button("shuffle again", self.shuffle),
                "next": button("new image", self._next_image),
            }
            | (
                {"ask": button("the network's answer", lambda: self._guard(self.ask))}
                if network is not None
                else {}
            )
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        panels = 1 if self.network is None else 2
        figure = Picture((3.5 * panels, 3.4))
        self.board, *others = figure.subplots(1, panels, squeeze=False)[0]
        moving = self._draw_board(self.board)
        return figure, moving + [artist for ax in others for artist in self._draw_answer(ax)]

    def _draw_board(self, ax: Axes) -> list[Artist]:
        self.shown = self._draw_tiles(ax)
        self.title = ax.set_title(" ", fontsize=10)
        # in units of a place; the second lies inside the first where they are of one place
        frame = {"fill": False, "edgecolor": QUIET, "linewidth": 1, "clip_on": False}
        self.first = ax.add_patch(Rectangle((0, 0), 1, 1, **frame))
        self.second = ax.add_patch(Rectangle((0, 0), 0.9, 0.9, linestyle=(0, (4, 4)), **frame))
        self.floating = self._show(ax, self.drawn[0, 0], (0, 1, 1, 0))
        self.floating.set_zorder(3)
        ax.set(xlim=(0, self.side), ylim=(self.side, 0))
        return [self.shown, self.title, self.first, self.second, self.floating]

    def _draw_answer(self, ax: Axes) -> list[Artist]:
        self.answer = self._draw_tiles(ax)
        self.verdict = ax.set_title(" ", fontsize=10)
        middle = {"ha": "center", "va": "center", "color": QUIET}
        self.unknown = ax.text(self.side / 2, self.side / 2, "?", fontsize=60, **middle)
        return [self.answer, self.verdict, self.unknown]

    def _draw_tiles(self, ax: Axes) -> AxesImage:
        """A board whose places are one unit wide and high."""
        ax.set_axis_off()
        return self._show(ax, self._board(range(self.places)), (0, self.side, self.side, 0))

    def _show(self, ax: Axes, colours: np.ndarray, box: tuple) -> AxesImage:
        height, width = self.drawn.shape[2:4]
        return ax.imshow(colours, extent=box, interpolation="nearest", aspect=height / width)

    def _board(self, order) -> np.ndarray:
        """All places with their tiles, as one array of colours."""
        tiles = self._drawn(list(order))
        height, width, channels = tiles.shape[1:]
        grid = tiles.reshape(self.side, self.side, height, width, channels)
        return grid.swapaxes(1, 2).reshape(self.side * height, self.side * width, channels)

    def _drawn(self, numbers: list[int]) -> np.ndarray:
        """Tiles of the image as they are shown: what the gap takes is clear."""
        tiles = self.drawn[self._image(), numbers]
        edge = np.ones(tiles.shape[1:3], dtype=bool)
        rows, columns = (slice(self.room + s.start, self.room + s.stop) for s in self._kept())
        edge[rows, columns] = False
        tiles[:, edge] = 0
        return tiles

    def _kept(self) -> tuple[slice, slice]:
        """Rows and columns of a tile that the gap leaves."""
        gap = self.controls["gap"].value
        rows, columns = (slice(gap // 2, side - (gap - gap // 2)) for side in self.tiles.shape[-2:])
        return rows, columns

    def _left(self, image: int) -> Tensor:
        """(T, C, h - gap, w - gap): what the gap leaves of an image's tiles, in their order."""
        return self.tiles[(image, ..., *self._kept())]

    def _image(self) -> int:
        return self.controls["image"].value

    @property
    def game(self) -> Game:
        """The puzzle of the image that is shown; a new one begins where there was none."""
        image = self._image()
        if image not in self.games:
            start = self._shuffled(image, 0)
            self.games[image] = Game(start, list(start))
        return self.games[image]

    def _shuffled(self, image: int, shuffles: int) -> list[int]:
        """An order in which some tile is in a wrong place, unless all look the same."""
        number = self.seed + 1_000_003 * image + 7_919 * shuffles
        generator = Generator().manual_seed(number % 2**32)
        for _ in range(100):
            order = torch.randperm(self.places, generator=generator).tolist()
            if self._right(order, image) < self.places:
                break
        return order

    def _right(self, order: list[int], image: int) -> int:
        """How many places have their tile, or one that looks the same."""
        tiles = self._left(image)
        return int((tiles[order] == tiles).flatten(1).all(1).sum())

    def update(self) -> dict:
        if self.changed("image", self._image()):
            self.picked = self.lifted = None
        if self.picked is not None and self.picked + 1 != self.controls["first"].value:
            self.picked = None  # a slider has chosen another place since
        game, image = self.game, self._image()
        right = self._right(game.order, image)
        solved = right == self.places
        self._show_board(game, solved)
        answer_right = None
        if self.network is not None:
            answer_right = self._show_answer(game)
        return {
            "order": list(game.order),
            "moves": game.moves,
            "solved": solved,
            "picked": self.picked,
            "answer": self._answer(),
            "answer_right": answer_right,
        }

    def _show_board(self, game: Game, solved: bool) -> None:
        board = self._board(game.order)
        self.floating.set_visible(self.lifted is not None)
        if self.lifted is not None:
            place, x, y = self.lifted
            self._clear(board, place)
            self.floating.set_data(self._drawn([game.order[place]])[0])
            self.floating.set_extent((x - 0.5, x + 0.5, y + 0.5, y - 0.5))
        self.shown.set_data(board)
        for patch, name, inset in ((self.first, "first", 0.0), (self.second, "second", 0.05)):
            down, across = divmod(self.controls[name].value - 1, self.side)
            patch.set_xy((across + inset, down + inset))
        picked = self.picked is not None
        self.first.set(linewidth=3.5 if picked else 1, edgecolor=ANCHOR if picked else QUIET)
        count = "1 move" if game.moves == 1 else f"{game.moves} moves"
        self.title.set_text(
            f"solved in {count}" if solved else f"drag a tile onto another: {count}"
        )
        self.title.set_color(POSITIVE if solved else ANCHOR)

    def _clear(self, board: np.ndarray, place: int) -> None:
        down, across = divmod(place, self.side)
        height, width = (size // self.side for size in board.shape[:2])
        box = slice(down * height, (down + 1) * height), slice(across * width, (across + 1) * width)
        board[box] = 0

    def _show_answer(self, game: Game) -> int | None:
        """The tiles where the network puts them; how many of its places are right."""
        answer = self._answer()
        self.answer.set_visible(answer is not None)
        self.unknown.set_visible(answer is None)
        if answer is None:
            self.verdict.set_text("the network has not been asked")
            self.verdict.set_color(QUIET)
            return None
        put = [0] * self.places
        for tile, number in zip(game.start, answer, strict=True):
            put[number] = tile  # it takes this tile for that number
        right = self._right(put, self._image())
        self.answer.set_data(self._board(put))
        self.verdict.set_text(f"the network: {right} of {self.places} in place")
        self.verdict.set_color(POSITIVE if right == self.places else NEGATIVE)
        return right

    def _answer(self) -> list[int] | None:
        """What the network has said of these tiles, with this gap."""
        return self.game.answers.get(self.controls["gap"].value)

    def swap(self, first: int, second: int) -> None:
        """Two places, 0 to T - 1, change tiles: one move."""
        first, second = (
            _validate.count(name, place, at_least=0, at_most=self.places - 1)
            for name, place in (("first", first), ("second", second))
        )
        order = self.game.order
        with self.one_redraw():
            self.picked = None
            self.controls["first"].value, self.controls["second"].value = first + 1, second + 1
            if first != second:
                order[first], order[second] = order[second], order[first]
                self.game.moves += 1

    def _swap_chosen(self) -> None:
        self.swap(self.controls["first"].value - 1, self.controls["second"].value - 1)

    def shuffle(self) -> None:
        """The same image in another order, from the start."""
        shuffles = self.game.shuffles + 1
        start = self._shuffled(self._image(), shuffles)
        self.games[self._image()] = Game(start, list(start), shuffles)
        self.picked = self.lifted = None
        self.refresh()

    def _next_image(self) -> None:
        slider = self.controls["image"]
        slider.value = (slider.value + 1) % (slider.max + 1)

    def ask(self) -> None:
        """Shows what the network answers for the tiles as they were shuffled."""
        if self.network is None:
            raise ValueError("network must be given to be asked, got None")
        game, image = self.game, self._image()
        with evaluated(self.network):
            answer = self.network(self._left(image)[game.start][None].clone())
        game.answers[self.controls["gap"].value] = _order(answer, self.places)
        game.told = game.told or self._right(game.order, image) < self.places
        self.refresh()

    def pointed(self, pointer: Pointer) -> None:
        if not pointer.pressed or pointer.ax is not self.board:
            return
        start = self._place(pointer.press_x, pointer.press_y)
        if not pointer.ends:
            self.lifted = (start, pointer.x, pointer.y)
            self.refresh()
            return
        self.lifted = None
        target = self._place(pointer.x, pointer.y)
        if target is None:  # let go beside the board: it falls back
            self.refresh()
        elif target != start:
            self.swap(start, target)
        elif self.picked is None:
            self.picked = start
            self.controls["first"].value = start + 1
            self.refresh()
        else:
            self.swap(self.picked, start)

    def _place(self, x: float, y: float) -> int | None:
        """The place below a point of the board."""
        if not (0 <= x <= self.side and 0 <= y <= self.side):
            return None
        across, down = (min(int(place), self.side - 1) for place in (x, y))
        return down * self.side + across

    def describe(self) -> str:
        s, game = self.state, self.game
        moves = _moves(s["moves"])
        done = f"solved in {moves}" if s["solved"] else f"{moves}, not solved yet"
        after = ", after the network's answer was seen" if s["solved"] and game.told else ""
        frames = "" if s["solved"] else " · frames: the places to swap, the second one dashed"
        text = f"image {s['image']} in {self.places} tiles: {done}{after}{frames}"
        if s["answer"] is None:
            return text
        return f"{text} · the network puts {s['answer_right']} of {self.places} in place"


def _moves(number: int) -> str:
    return "1 move" if number == 1 else f"{number} moves"


def _cut(images: Tensor, side: int) -> Tensor:
    """(N, C, H, W) images to their (N, T, C, h, w) tiles, row by row."""
    rows = images.split(images.shape[2] // side, dim=2)[:side]
    tiles = [tile for row in rows for tile in row.split(row.shape[3] // side, dim=3)[:side]]
    return torch.stack(tiles, dim=1)


def _coloured(tiles: Tensor) -> np.ndarray:
    """(N, T, C, h, w) to (N, T, h, w, 3)."""
    colours = colour_images(tiles.flatten(0, 1))
    return colours.reshape(*tiles.shape[:2], *colours.shape[1:])


def _order(answer: Any, places: int) -> list[int]:
    """What a network answers, as the number of the tile in each place."""
    answer = _validate.as_tensor("network's answer", answer).detach().cpu()
    answer = answer[0] if answer.dim() > 1 and len(answer) == 1 else answer
    if answer.shape == (places, places):
        answer = _validate.finite("network's answer", answer.double())
        return linear_sum_assignment(answer.numpy(), maximize=True)[1].tolist()
    if sorted(answer.flatten().tolist()) != list(range(places)):
        allowed = f"each of 0 ... {places - 1} once, or ({places}, {places}) logits"
        raise ValueError(f"network must answer {allowed}, got {_validate.shown(answer.tolist())}")
    return answer.int().tolist()
