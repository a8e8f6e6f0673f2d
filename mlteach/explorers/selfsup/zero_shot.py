"""ZeroShot: typed texts are the classes: which fits an image, and which images fit a text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from ipywidgets import HBox, Layout
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.transforms import Bbox, TransformedBbox
from torch import Tensor

from mlteach import _validate
from mlteach.explorers._core import tiles
from mlteach.explorers._core.controls import count, lines, log_slider
from mlteach.explorers._core.evaluation import evaluated
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of
from mlteach.explorers._core.pointer import Pointer
from mlteach.plots import ANCHOR, NEGATIVE, POSITIVE, QUIET, Picture, legible, plain
from mlteach.similarity import similarities

ROWS = 8  # prompts with bars
MOST = 1_000  # prompts that are read
GRID = (3, 4)  # rows and columns of images
AIR, CELL = 0.1, 1.3  # room beside an image, and the height of a cell, in its widths
WIDEST, LINES = 28, 2  # letters of a prompt in a line of its row, and lines
NOTE = 50  # letters of what the figure says of words that are not understood
COLDEST, WARMEST = 0.01, 10.0
MANY = 6  # unknown words that are named


class ZeroShot(Explorer):
    """An image among prompts that you type, and a prompt among images.

    Each line of the text field is a prompt. Bars show the cosine of the chosen image with each of
    them, and the softmax over the prompts at the temperature, whose largest share is the answer.
    Beside them are the images nearest to the chosen prompt. A press on a prompt chooses it, and so
    does a press on an image.

    Args:
        images: (N, C, H, W) in [0, 1], with one or three channels.
        encode_images: (N, C, H, W) -> (N, P), a function, a module, or a method of one, which is
            then in evaluation mode while images and texts are encoded.
        encode_texts: list of C texts -> (C, P), each row by its text alone.
        prompts: the texts that stand in the field first.
        temperature: > 0, of the softmax at first; the slider goes from 0.01 to 10. A 0-d tensor,
            such as a learned one, is taken too.
        unknown: optional function of a text that returns those of its words that the encoder does
            not know; they are named.

    What `encode_texts` refuses while somebody types is told, and is no candidate.

    ``state``: ``prompts`` (the field as it is), ``image``, ``prompt`` (its number, from 1 on) and
    ``temperature``; ``texts``, the prompts that are compared; of the image their ``cosines`` and
    ``shares`` of the softmax, and ``answer``, the nearest; of the prompt the indices of the nearest
    ``images``, up to twelve, with ``image_cosines`` and ``image_shares`` of the softmax over all N
    images; ``unknown`` words, and ``refused``, prompt → why.
    """

    pointing = "drag"

    def __init__(
        self,
        images: Tensor,
        encode_images: Callable[[Tensor], Tensor],
        encode_texts: Callable[[list[str]], Tensor],
        prompts: Sequence[str],
        *,
        temperature: float = 0.07,
        unknown: Callable[[str], Sequence[str]] | None = None,
    ):
        images = images_of("images", images)
        texts = _validate.texts("prompts", prompts)
        temperature = _validate.number("temperature", temperature, above=0)
        if isinstance(temperature, Tensor):  # as it was learned
            temperature = temperature.item()
        temperature = min(max(temperature, COLDEST), WARMEST)
        encode_images = _validate.function("encode_images", encode_images, takes=1)
        self.encode_texts = _validate.function("encode_texts", encode_texts, takes=1)
        if unknown is not None:
            _validate.function("unknown", unknown, takes=1)
        self.unknown = unknown
        self.images = tiles.colour_images(images)
        self.functions = (encode_images, encode_texts)
        self.z = self._encoded("encode_images", encode_images, images)  # (N, P)
        self._encode_prompts(_prompts_in("\n".join(texts))[0], strict=True)
        super().__init__(
            {
                "prompts": lines("prompts", "\n".join(texts), hint="one a line"),
                "image": count("image", 0, len(images) - 1, 0),
                "prompt": count("chosen prompt", 1, max(len(self.texts), 1), 1),
                "temperature": log_slider("temperature", COLDEST, WARMEST, temperature),
            }
        )
        field, *sliders = self.controls.values()
        # the sliders stand below each other, as high as the field beside them
        column = HBox(sliders, layout=Layout(flex="0 1 20rem", flex_flow="row wrap"))
        self.widget.children[0].children = (field, column)

    def _encode_prompts(self, texts: list[str], *, strict: bool = False) -> None:
        """The texts that are compared, (C, N) cosines of each with the images, and what is refused.

        Only what is new is encoded.
        """
        known = getattr(self, "known", {})
        new = [text for text in dict.fromkeys(texts) if text not in known]
        found, self.refused = self._each_encoded(new, strict=strict)
        known = known | found
        self.texts = [text for text in texts if text in known]
        self.known = {text: known[text] for text in self.texts}
        rows = [self.known[text] for text in self.texts]
        self.cosines = torch.stack(rows) if rows else self.z.new_zeros(0, len(self.z))

    def _each_encoded(
        self, texts: list[str], *, strict: bool
    ) -> tuple[dict[str, Tensor], dict[str, str]]:
        """Text → its (N,) cosines with the images; and text → why it is refused, unless strict."""
        if not texts:
            return {}, {}
        try:
            rows = self._encoded("encode_texts", self.encode_texts, texts)
            cosines = similarities(_of_width(rows, self.z), self.z)
        except Exception as error:  # whatever a learner's own encoder says to what is typed
            why = f"{type(error).__name__}: {error}"
            if strict:
                raise ValueError(f"encode_texts must take a list of texts: {why}") from error
            if len(texts) == 1:
                return {}, {texts[0]: why}
        else:
            return dict(zip(texts, cosines, strict=True)), {}
        found, refused = {}, {}
        for text in texts:
            one, other = self._each_encoded([text], strict=False)
            found |= one
            refused |= other
        return found, refused

    def _encoded(self, name: str, encode: Callable, given: Any) -> Tensor:
        """(N, P) what a function makes of N things, in evaluation mode and without gradients."""
        with evaluated(*self.functions):
            rows = encode(given)
        rows = _validate.features(f"what {name} returns", rows).cpu()
        if len(rows) != len(given):
            raise ValueError(f"{name} must return {len(given)} rows for as many, got {len(rows)}")
        return rows

    # --- the figure ------------------------------------------------------------------------------

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 3.3))
        cells = figure.add_gridspec(1, 5, width_ratios=[1.4, 2.8, 1, 1, 3.1])
        one, names, cosines, shares, grid = (figure.add_subplot(cell) for cell in cells)
        self.row_axes = (names, cosines, shares)
        self.grid = grid
        self.image = one.imshow(self.images[0], interpolation="nearest")
        one.set_axis_off()
        self.image_title = one.text(
            0.5, 1.03, "", fontsize=10, ha="center", va="bottom", transform=one.transAxes
        )
        rows = self._draw_rows()
        found = self._draw_grid(grid)
        place = {"ha": "left", "va": "bottom", "fontsize": 9, "color": NEGATIVE}
        self.warning = figure.text(0.01, 0.01, "", clip_on=True, **place)
        left = Bbox([[0, 0], [0.42, 1]])  # beside it are the numbers of an axis
        self.warning.set_clip_box(TransformedBbox(left, figure.transFigure))
        return figure, [self.image, self.image_title, *rows, *found, self.warning]

    def _draw_rows(self) -> list[Artist]:
        names, cosines, shares = self.row_axes
        for ax in self.row_axes:
            ax.set(xlim=(0, 1), ylim=(ROWS - 0.5, -0.5), yticks=[])
        names.set_axis_off()
        place = {"fontsize": 10, "va": "bottom", "transform": names.transAxes}
        self.rows_title = names.text(0, 1.03, "", **place)
        self.chosen = Rectangle((0, -0.45), 1, 0.9, fill=False, edgecolor=ANCHOR, linewidth=1.2)
        names.add_patch(self.chosen)
        self.names = [
            names.text(0.03, row, "", fontsize=8.5, va="center", linespacing=1, clip_on=True)
            for row in range(ROWS)
        ]
        bars = []
        for ax, title, low in ((cosines, "cosine", -1), (shares, "softmax", 0)):
            plain(ax)
            ax.spines["left"].set_visible(False)
            ax.set_title(title, fontsize=10)
            ax.set(xlim=(low, 1), xticks=[low, 0, 1] if low else [0, 0.5, 1])
            ax.axvline(0, color=QUIET, linewidth=0.8, zorder=0)
            bars.append(ax.barh(range(ROWS), [0] * ROWS, height=0.4, align="edge", color=QUIET))
        self.cosine_bars, self.share_bars = bars
        # the number stands above its bar, where no bar can come
        number = {"fontsize": 8, "ha": "left", "va": "bottom"}
        self.cosine_texts = [cosines.text(-1, row + 0.02, "", **number) for row in range(ROWS)]
        self.share_texts = [shares.text(0.03, row + 0.02, "", **number) for row in range(ROWS)]
        texts = [self.rows_title, *self.names, *self.cosine_texts, *self.share_texts]
        return [self.chosen, *texts, *self.cosine_bars, *self.share_bars]

    def _draw_grid(self, ax: Axes) -> list[Artist]:
        """Cells as wide as high and a line of text; each image is fitted into its own."""
        rows, columns = GRID
        ax.set_axis_off()
        height, width = self.images.shape[1:3]
        side = (1 - AIR) / max(height, width)
        self.size = (side * width, side * height)
        self.tiles, self.tile_texts = [], []
        for place in range(rows * columns):
            left, top = self._corner(place)
            box = (left, left + self.size[0], top + self.size[1], top)
            self.tiles.append(ax.imshow(self.images[0], extent=box, interpolation="nearest"))
            text = {"fontsize": 7.5, "ha": "center", "va": "top"}
            bottom = place // columns * CELL + 1 + AIR / 4
            self.tile_texts.append(ax.text(place % columns + 0.5, bottom, "", **text))
        ax.set(xlim=(0, columns), ylim=(rows * CELL, 0))
        width, height = self.size
        self.around = Rectangle((0, 0), width + AIR / 2, height + AIR / 2, fill=False)
        self.around.set(edgecolor=ANCHOR, linewidth=1.6)
        ax.add_patch(self.around)
        self.grid_title = ax.text(
            0.5, 1.03, "", fontsize=9, ha="center", va="bottom", transform=ax.transAxes
        )
        return [*self.tiles, *self.tile_texts, self.around, self.grid_title]

    def _corner(self, place: int) -> tuple[float, float]:
        """Of an image in its cell: in its middle, and at its lower end, above the text."""
        row, column = divmod(place, GRID[1])
        width, height = self.size
        return column + (1 - width) / 2, row * CELL + 1 - AIR / 2 - height

    # --- a move ----------------------------------------------------------------------------------

    def update(self) -> dict:
        typed = self.controls["prompts"].value
        if self.changed("prompts", typed):
            texts, self.left_out = _prompts_in(typed)
            self._encode_prompts(texts)
            self.unknown_words = self._unknown_words()
        self._fit_slider()
        image, temperature = self.controls["image"].value, self.controls["temperature"].value
        prompt = self.controls["prompt"].value - 1
        cosines = self.cosines[:, image]  # (C,)
        shares = (cosines / temperature).softmax(0)
        answer = int(cosines.argmax()) if self.texts else None
        shown = self._rows_shown(cosines, prompt)
        self._show_rows(shown, cosines, shares, answer, prompt)
        self.image.set_data(self.images[image])
        self.image_title.set_text(f"image {image}")
        found = self._show_images(prompt, image, temperature)
        note = self._warnings()
        self.warning.set_text(legible(note if len(note) <= NOTE else f"{note[:NOTE]}…", 2 * NOTE))
        return {
            "texts": list(self.texts),
            "cosines": cosines.tolist(),
            "shares": shares.tolist(),
            "answer": "" if answer is None else self.texts[answer],
            "unknown": list(self.unknown_words),
            "refused": dict(self.refused),
            **found,
        }

    def _fit_slider(self) -> None:
        """The slider ends at the last prompt, and rests where there is one at most."""
        slider, last = self.controls["prompt"], max(len(self.texts), 1)
        if slider.max != last:
            slider.max = last
        slider.disabled = last == 1

    def _unknown_words(self) -> list[str]:
        if self.unknown is None:
            return []
        found = [(text, self.unknown(text)) for text in self.texts]
        for text, words in found:
            if isinstance(words, str) or not isinstance(words, Iterable):
                given = f"{_validate.kind(words)} for {text!r}"
                raise TypeError(f"unknown must return a list of words, got {given}")
        return list(dict.fromkeys(str(word) for _, words in found for word in words))

    def _rows_shown(self, cosines: Tensor, prompt: int) -> list[int]:
        """As they were typed; of more than fit, the nearest first, and the chosen one."""
        if len(cosines) <= ROWS:
            return list(range(len(cosines)))
        nearest = cosines.argsort(descending=True, stable=True)[:ROWS].tolist()
        return nearest if prompt in nearest else [*nearest[:-1], prompt]

    def _show_rows(
        self, shown: list[int], cosines: Tensor, shares: Tensor, answer: int | None, prompt: int
    ) -> None:
        many = f"the {ROWS} nearest of {len(self.texts)} prompts"
        self.rows_title.set_text(many if len(self.texts) > ROWS else "prompts")
        if not self.texts:
            self.rows_title.set_text("type a prompt, one a line")
        for row in range(ROWS):
            number = shown[row] if row < len(shown) else None
            colour = POSITIVE if number is not None and number == answer else QUIET
            cosine, share = (
                (0.0, 0.0) if number is None else (cosines[number].item(), shares[number].item())
            )
            for bar, width in ((self.cosine_bars[row], cosine), (self.share_bars[row], share)):
                bar.set_visible(number is not None)
                bar.set_width(width)
                bar.set_color(colour)
            texts = ("", "", "")
            if number is not None:
                texts = (
                    _in_lines(f"{number + 1}  ", self.texts[number]),
                    _two_digits(cosine),
                    f"{share:.0%}",
                )
            places = (self.names[row], self.cosine_texts[row], self.share_texts[row])
            for place, text in zip(places, texts, strict=True):
                place.set_text(text)
            self.names[row].set_color(POSITIVE if colour == POSITIVE else ANCHOR)
        self.chosen.set_visible(prompt in shown)
        if prompt in shown:
            self.chosen.set_y(shown.index(prompt) - 0.45)

    def _show_images(self, prompt: int, image: int, temperature: float) -> dict:
        indices, cosines, shares = [], [], []
        if self.texts:
            among = self.cosines[prompt]  # (N,)
            nearest = among.argsort(descending=True, stable=True)[: len(self.tiles)]
            indices, cosines = nearest.tolist(), among[nearest].tolist()
            shares = (among / temperature).softmax(0)[nearest].tolist()
        for place, (tile, text) in enumerate(zip(self.tiles, self.tile_texts, strict=True)):
            there = place < len(indices)
            tile.set_visible(there)
            text.set_text("")
            if there:
                tile.set_data(self.images[indices[place]])
                text.set_text(f"{_two_digits(cosines[place])} · {shares[place]:.0%}")
        title = f"prompt {prompt + 1}: cosine · softmax over images"
        self.grid_title.set_text(title if self.texts else "")
        self.around.set_visible(image in indices)
        if image in indices:
            left, top = self._corner(indices.index(image))
            self.around.set_xy((left - AIR / 4, top - AIR / 4))
        return {"images": indices, "image_cosines": cosines, "image_shares": shares}

    def _warnings(self) -> str:
        """What was typed and not understood."""
        told = []
        if self.unknown_words:
            words = ", ".join(_cut(word) for word in self.unknown_words[:MANY])
            more = len(self.unknown_words) - MANY
            told.append(f"unknown words: {words}{f' and {more} more' if more > 0 else ''}")
        for text, why in list(self.refused.items())[:1]:
            told.append(f"“{_cut(text)}” is refused: {_cut(why, 100)}")
        if len(self.refused) > 1:
            told.append(f"and so are {len(self.refused) - 1} more")
        if self.left_out:
            told.append(f"only the first {MOST:,} lines are read, not the last {self.left_out:,}")
        return " · ".join(told)

    def pointed(self, pointer: Pointer) -> None:
        if pointer.ax is None or not self.hold.is_new(pointer):
            return
        if pointer.ax is self.grid:
            row, column = int(pointer.press_y // CELL), int(pointer.press_x)
            place = row * GRID[1] + column
            if 0 <= place < len(self.state["images"]):
                self.controls["image"].value = self.state["images"][place]
        elif pointer.ax in self.row_axes:
            shown = self._rows_shown(self.cosines[:, self.state["image"]], self.state["prompt"] - 1)
            row = round(pointer.press_y)
            if 0 <= row < len(shown):
                self.controls["prompt"].value = shown[row] + 1

    def describe(self) -> str:
        s = self.state
        told = ["type a prompt, one a line"]
        if s["texts"]:
            cosine, share = _two_digits(max(s["cosines"])), max(s["shares"])
            first = ", ".join(map(str, s["images"][:3]))
            told = [
                f"image {s['image']} is nearest to “{_cut(s['answer'])}”: cosine {cosine}, "
                f"{share:.0%} of the softmax at temperature {s['temperature']:.2g}",
                f"“{_cut(s['texts'][s['prompt'] - 1])}” is nearest to images {first}",
            ]
        return " · ".join(filter(None, [*told, self._warnings()]))


def _cut(text: str, longest: int = 60) -> str:
    """As the page can show it: the read-out has every letter, but not every length."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _in_lines(number: str, text: str) -> str:
    """A prompt as its row can show it: whole in two lines, or cut where it is longer still."""
    if len(text) <= WIDEST:
        return number + legible(text, WIDEST)
    rows = textwrap.wrap(text, WIDEST, max_lines=LINES, placeholder="…")
    return number + "\n".join(legible(row, WIDEST) for row in rows)


def _two_digits(number: float) -> str:
    return f"{round(number, 2) + 0.0:.2f}".replace("-", "−")


def _prompts_in(typed: str) -> tuple[list[str], int]:
    """The lines that hold more than space, and how many are too many."""
    found = [" ".join(line.split()) for line in typed.splitlines()]
    found = [line for line in found if line]
    return found[:MOST], max(len(found) - MOST, 0)


def _of_width(rows: Tensor, z: Tensor) -> Tensor:
    if rows.shape[1] != z.shape[1]:
        widths = f"{z.shape[1]} and {rows.shape[1]}"
        raise ValueError(
            f"encode_images and encode_texts must return as many columns, got {widths}"
        )
    return rows
