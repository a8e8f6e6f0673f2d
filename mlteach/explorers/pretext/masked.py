"""Masked: patches of an image are hidden, a network fills them in, and its error is measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Generator, Tensor

from mlteach import _validate
from mlteach.explorers._core.controls import button, choice, count, slider
from mlteach.explorers._core.evaluation import evaluated
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of, mapping
from mlteach.explorers._core.pointer import Pointer
from mlteach.explorers._core.tiles import colour_images
from mlteach.plots import ANCHOR, NEGATIVE, QUIET, Picture, plain
from mlteach.pretext import hide, random_mask
from mlteach.pretext.patches import pixels_of

Reconstruct = Callable[[Tensor, Tensor], Tensor]

# what a bar is the error of
BARS = {
    "hidden": "hidden:\nnetwork",
    "mean": "hidden:\nmean of what is seen",
    "visible": "visible:\nnetwork",
}


class Masked(Explorer):
    """Hide patches of an image with a slider or by hand, and see what a network makes of the rest.

    A press on a patch hides or shows it, a drag all that it crosses; the slider of patches and its
    button do the same. What is chosen by hand stays until another mask is drawn.

    Args:
        images: (N, C, H, W) in [0, 1] with one or three channels, H and W multiples of the patch.
        reconstruct: function (images, mask) -> images of (1, C, H, W) and (1, rows, columns), True
            where a patch is hidden; or a dictionary name -> function, to choose among. A module, or
            one whose method it is, is in evaluation mode meanwhile.
        patch: side of a patch in pixels; there are at least two patches.
        ratio: share of the patches that is hidden at first.
        seed: of the masks.

    ``state``: the value of every control; ``mask`` (rows, columns), ``reconstruction`` (C, H, W),
    and mean squared errors over all pixels of patches: ``hidden``, ``visible``, and ``mean`` over
    the hidden ones where each channel's mean over what is visible fills them.
    """

    pointing = "drag"

    def __init__(
        self,
        images: Tensor,
        reconstruct: Reconstruct | Mapping[str, Reconstruct],
        *,
        patch: int = 4,
        ratio: float = 0.75,
        seed: int = 0,
    ):
        self.images = images_of("images", images)
        self.patch = _validate.count("patch", patch)
        self.grid = _grid(self.images, self.patch)
        self.size = self.grid[0] * self.grid[1]
        ratio = float(_validate.number("ratio", ratio, at_least=0, at_most=1))
        self.seed = _validate.seed("seed", seed)
        self.networks = _networks(reconstruct)
        tried = random_mask(1, self.grid, 0.5, generator=Generator().manual_seed(self.seed))
        for name in self.networks:
            self._reconstruct(name, self.images[:1], tried)
        self.draws = 0  # other masks that were asked for
        self.by_hand: dict[tuple[int, int], bool] = {}  # patch -> whether it is hidden
        self.brush: bool | None = None  # what a drag makes of the patches that it crosses
        self.brushed = (0.0, 0.0)  # where it was seen last
        hidden = min(max(round(ratio * self.size), 1), self.size - 1)
        step = 1 / self.size
        networks = {"network": choice("network", list(self.networks))}
        super().__init__(
            {
                "image": count("image", 0, len(self.images) - 1, 0),
                "ratio": slider("mask ratio", step, 1 - step, hidden * step, step=step),
                **(networks if len(self.networks) > 1 else {}),
                "patch": count("patch", 1, self.size, 1),
                "toggle": button("hide or show the patch", self._toggle_chosen),
                "draw": button("another mask", self.draw),
            }
        )

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, 2.7))
        *axes, errors = figure.subplots(1, 4, width_ratios=[1, 1, 1, 0.85])
        height, width = self.images.shape[2:]
        box = (0, self.grid[1], self.grid[0], 0)  # a patch is one unit wide and high
        blank = colour_images(self.images[:1])[0]
        titles = ("image", " ", "what the network makes of it")
        self.shown, self.titles = [], []
        for ax, title in zip(axes, titles, strict=True):
            ax.set_axis_off()
            self.shown.append(ax.imshow(blank, extent=box, interpolation="nearest"))
            self.titles.append(ax.set_title(title, fontsize=9))
        self.masked_ax = axes[1]
        self.cursor = self.masked_ax.add_patch(
            Rectangle((0, 0), 1, 1, fill=False, edgecolor=NEGATIVE, linewidth=1.5, clip_on=False)
        )
        moving = [*self.shown, *self.titles, self.cursor]
        return figure, moving + self._draw_errors(plain(errors))

    def _draw_errors(self, ax: Axes) -> list[Artist]:
        self.errors_ax = ax
        colours = [ANCHOR, QUIET, ANCHOR]
        self.bars = ax.barh(range(len(BARS)), np.zeros(len(BARS)), color=colours, height=0.55)
        self.bars[2].set_alpha(0.5)
        self.numbers = [ax.text(0, row, "", fontsize=9, va="center") for row in range(len(BARS))]
        ax.set_yticks(range(len(BARS)), BARS.values(), fontsize=9)
        ax.set(xlim=(0, 1), ylim=(len(BARS) - 0.5, -0.5))
        ax.locator_params("x", nbins=3)
        ax.set_title("mean squared error", fontsize=10)
        return [*self.bars, *self.numbers]

    def mask(self) -> Tensor:
        """(rows, columns), True where a patch is hidden: drawn, then changed by hand.

        Changes by hand that would leave nothing hidden or nothing visible do not count.
        """
        generator = Generator().manual_seed((self.seed + self.draws) % 2**32)
        drawn = random_mask(1, self.grid, self.controls["ratio"].value, generator=generator)[0]
        mask = drawn.clone()
        for place, hidden in self.by_hand.items():
            mask[place] = hidden
        return drawn if mask.all() or not mask.any() else mask

    def update(self) -> dict:
        image = self.images[self.controls["image"].value][None]
        name = next(iter(self.networks))
        if "network" in self.controls:
            name = self.controls["network"].value
        mask = self.mask()
        made = self._reconstruct(name, image, mask[None])
        pixels = pixels_of(image, mask[None])[0, 0]
        seen = image[0, :, ~pixels]  # (C, visible pixels)
        filled = seen.mean(1)[:, None]
        squares = (made - image)[0].square()
        errors = {
            "hidden": squares[:, pixels].mean().item(),
            "mean": (image[0, :, pixels] - filled).square().mean().item(),
            "visible": squares[:, ~pixels].mean().item(),
        }
        self._show_images(image, hide(image, mask[None]), made)
        self._show_errors(errors)
        down, across = divmod(self.controls["patch"].value - 1, self.grid[1])
        self.cursor.set_xy((across, down))
        self.titles[1].set_text(f"{int(mask.sum())} of {self.size} patches hidden")
        return {"mask": mask, "reconstruction": made[0], **errors}

    def _show_images(self, image: Tensor, masked: Tensor, made: Tensor) -> None:
        finite = made.isfinite().all(1)[0].numpy()
        drawn = torch.cat([image, masked, made.nan_to_num().clamp(0, 1)])
        whole, grey, colours = colour_images(drawn)
        # what is no number is clear, so that the paper is seen there
        filled = np.concatenate([colours, finite[..., None]], axis=-1)
        for artist, pixels in zip(self.shown, (whole, grey, filled), strict=True):
            artist.set_data(pixels)
        self.titles[2].set_text(
            "what the network makes of it" if finite.all() else "not finite where it is blank"
        )

    def _show_errors(self, errors: dict[str, float]) -> None:
        largest = max((error for error in errors.values() if np.isfinite(error)), default=0.0)
        end = _round_end(largest)
        if self.changed("end", end):
            self.errors_ax.set_xlim(0, 1.45 * end)  # room for the numbers
            self.redraw_all()
        for bar, number, error in zip(self.bars, self.numbers, errors.values(), strict=True):
            finite = np.isfinite(error)
            bar.set_width(error if finite else 0)
            number.set_x((error if finite else 0) + 0.03 * end)
            number.set_text(f"{error:.2g}" if finite else "not finite")

    def _reconstruct(self, name: str, image: Tensor, mask: Tensor) -> Tensor:
        """What a network makes of an image, of which it gets a copy."""
        with evaluated(self.networks[name]):
            made = self.networks[name](image.clone(), mask.clone())
        if not isinstance(made, Tensor) or made.shape != image.shape:
            given = tuple(made.shape) if isinstance(made, Tensor) else _validate.kind(made)
            raise ValueError(f"reconstruct must give {tuple(image.shape)}, got {given}")
        return made.detach().cpu().to(image.dtype)

    def hide(self, row: int, column: int, hidden: bool) -> None:
        """Hides a patch or shows it; the last visible and the last hidden one stay."""
        rows, columns = self.grid
        row = _validate.count("row", row, at_least=0, at_most=rows - 1)
        column = _validate.count("column", column, at_least=0, at_most=columns - 1)
        mask = self.mask()
        mask[row, column] = _validate.flag("hidden", hidden)
        with self.one_redraw():
            self.controls["patch"].value = row * columns + column + 1
            if mask.any() and not mask.all():
                self.by_hand[row, column] = hidden

    def _toggle_chosen(self) -> None:
        row, column = divmod(self.controls["patch"].value - 1, self.grid[1])
        self.hide(row, column, not self.mask()[row, column])

    def draw(self) -> None:
        """Another mask of the same ratio; what was chosen by hand is forgotten."""
        self.draws += 1
        self.by_hand.clear()
        self.refresh()

    def pointed(self, pointer: Pointer) -> None:
        if not pointer.pressed or pointer.ax is not self.masked_ax:
            return
        if self.hold.is_new(pointer):
            row, column = self._patch(pointer.press_x, pointer.press_y)
            self.brush = not self.mask()[row, column]
            self.hide(row, column, self.brush)
            self.brushed = pointer.press_x, pointer.press_y
        if self.brush is None:
            return
        # a fast hand is seen here and there only: the patches between are crossed too
        (x, y), self.brushed = self.brushed, (pointer.x, pointer.y)
        steps = 2 + int(2 * max(abs(pointer.x - x), abs(pointer.y - y)))  # of half a patch at most
        for across, down in np.linspace((x, y), self.brushed, steps).tolist():
            row, column = self._patch(across, down)
            if bool(self.mask()[row, column]) != self.brush:
                self.hide(row, column, self.brush)

    def _patch(self, x: float, y: float) -> tuple[int, int]:
        """The patch below a point, or the nearest one at the edge."""
        row, column = (
            min(max(int(place // 1), 0), size - 1)
            for place, size in zip((y, x), self.grid, strict=True)
        )
        return row, column

    def describe(self) -> str:
        s = self.state
        hidden = int(s["mask"].sum())
        network = f"{s['network']}, " if "network" in s else ""
        begin = f"{network}image {s['image']}, {hidden} of {self.size} patches hidden"
        plain = f"{_text(s['mean'])} if filled with the mean of what is seen"
        errors = f"{_text(s['hidden'])} on what is hidden ({plain}), {_text(s['visible'])}"
        return f"{begin}: mean squared error {errors} on what is visible"


def _text(error: float) -> str:
    return f"{error:.2g}" if np.isfinite(error) else "not finite"


def _round_end(largest: float) -> float:
    """The end of the scale: 1, 2 or 5 times a power of ten, so that it seldom moves."""
    if largest <= 0:
        return 1.0
    power = 10.0 ** np.floor(np.log10(largest))
    return next(float(end * power) for end in (1, 2, 5, 10) if end * power >= largest)


def _grid(images: Tensor, patch: int) -> tuple[int, int]:
    """Rows and columns of patches."""
    height, width = images.shape[2:]
    if height % patch or width % patch or height * width < 2 * patch**2:
        given = f"got patch {patch} for images of {height} by {width}"
        raise ValueError(f"patch must divide the sides of the images, into two or more, {given}")
    return height // patch, width // patch


def _networks(given: Any) -> dict[str, Reconstruct]:
    """name -> function; one without a name is called "network"."""
    what = "a function (images, mask) -> images"
    if not isinstance(given, Mapping):
        return {"network": _validate.function("reconstruct", given, what=what, takes=2)}
    for name, network in mapping("reconstruct", given).items():
        _validate.function(f"reconstruct[{name!r}]", network, what=what, takes=2)
    return {str(name): network for name, network in given.items()}
