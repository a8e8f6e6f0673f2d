"""Views: images and their random views, with a slider for every strength."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.artist import Artist
from torch import Generator, Tensor

from mlteach.explorers._core.controls import button, choice, count, slider
from mlteach.explorers._core.explorer import Explorer
from mlteach.explorers._core.factors import images_of
from mlteach.explorers._core.tiles import colour_images, with_gap
from mlteach.plots import Picture
from mlteach.views import add_noise, color_jitter, random_blur, random_grayscale, random_view
from mlteach.views.geometry import FILLS
from mlteach.views.standard import JITTER

MOST = 4  # images, one a row
VIEWS = 7  # of each image
BOOK = {"area": 0.6, "turn": 21.6, "flip": 0.5, **JITTER, "grey": 0.2}  # simclr_view's strengths


class Views(Explorer):
    """Random views of a few images: in every row first the image itself, then seven views of it.

    Each kind of view has a generator of its own, so that a slider changes what it says and nothing
    else.

    Args:
        images: (N, C, H, W) in [0, 1] with one or three channels, N from 2 to 4.

    ``state``: every strength by the name of its control; ``views`` (N, 7, C, H, W); ``change``, by
    how much a view differs from its image, and ``apart``, by how much two images that stand below
    each other differ, both as root mean square over all pixels.
    """

    def __init__(self, images: Tensor):
        self.images = images_of("images", images, at_least=2, at_most=MOST)
        # a step of a chance is so large that it changes at least one of the views
        strengths = {
            "area": slider("smallest area", 0.1, 1, 1, step=0.05),
            "turn": slider("largest turn °", 0, 180, 0, step=0.6),
            "shift": slider("longest shift", 0, 12, 0, step=0.5),
            "flip": slider("chance of a flip", 0, 1, 0, step=0.25),
            "brightness": slider("brightness", 0, 1, 0, step=0.05),
            "contrast": slider("contrast", 0, 1, 0, step=0.05),
            "saturation": slider("saturation", 0, 1, 0, step=0.05),
            "hue": slider("hue", 0, 0.5, 0, step=0.02),
            "grey": slider("chance of grey", 0, 1, 0, step=0.2),
            "blur": slider("widest blur", 0, 4, 0, step=0.5),
            "noise": slider("noise", 0, 0.4, 0, step=0.01),
            "draw": count("draw", 0, 99, 0),
        }
        self.nothing = {
            name: control.value for name, control in strengths.items() if name != "draw"
        }
        for name, control in strengths.items():
            control.layout.flex = "1 1 14.2rem"  # four in a row
            control.value = BOOK.get(name, control.value)
        controls = strengths | {
            "outside": choice("outside", FILLS, "border"),
            "again": button("draw again", self.draw_again),
            "book": button("the book's view", lambda: self.set(self.nothing | BOOK)),
            "none": button("no change", lambda: self.set(self.nothing)),
        }
        super().__init__(controls)

    def make_figure(self) -> tuple[Picture, list[Artist]]:
        figure = Picture((9, min(0.35 + 1.08 * len(self.images), 3.1)))
        ax = figure.subplots()
        ax.set_axis_off()
        blank = self._rows(self.images[:, None].repeat(1, VIEWS, 1, 1, 1))
        self.rows = ax.imshow(blank, interpolation="nearest")
        ax.set_title("image", fontsize=10, loc="left")
        ax.set_title(f"{VIEWS} random views of it", fontsize=10)
        return figure, [self.rows]

    def _rows(self, views: Tensor) -> np.ndarray:
        """All images and views (N, VIEWS, C, H, W) as one image with room between them."""
        # resampling may end a bit's width above 1
        both = torch.cat([self.images[:, None], views], 1).clamp(0, 1)
        gap = max(1, self.images.shape[3] // 12)
        tiles = with_gap(colour_images(both.flatten(0, 1)), gap // 2)
        rows = tiles.reshape(len(both), 1 + VIEWS, *tiles.shape[1:]).swapaxes(1, 2)
        first = rows[:, :, :1].reshape(rows.shape[0] * rows.shape[1], -1, 4)  # (N H, W, 4)
        rest = rows[:, :, 1:].reshape(len(first), -1, 4)
        return np.concatenate([first, np.zeros((len(first), 2 * gap, 4)), rest], 1)

    def update(self) -> dict:
        views = self.views(self.values())
        self.rows.set_data(self._rows(views))
        return {
            "views": views,
            "change": _distance(views, self.images[:, None]).item(),
            "apart": _distance(self.images[:-1], self.images[1:]).item(),
        }

    def views(self, strength: dict) -> Tensor:
        """(N, 7, C, H, W) views at the given strengths."""
        geometry, colour, grey, blur, noise = (
            Generator().manual_seed(10 * strength["draw"] + kind) for kind in range(5)
        )
        views = random_view(
            self.images.repeat_interleave(VIEWS, 0),
            scale=(strength["area"], 1),
            radians=math.radians(strength["turn"]),
            pixels=strength["shift"],
            flip=strength["flip"],
            fill=strength["outside"],
            generator=geometry,
        )
        views = color_jitter(views, **{name: strength[name] for name in JITTER}, generator=colour)
        views = random_grayscale(views, probability=strength["grey"], generator=grey)
        if strength["blur"] > 0:
            sigma = (strength["blur"] / 100, strength["blur"])
            views = random_blur(views, sigma=sigma, probability=1.0, generator=blur)
        views = add_noise(views, std=strength["noise"], generator=noise)
        return views.unflatten(0, (len(self.images), VIEWS))

    def set(self, strengths: dict) -> None:
        """Moves several sliders, and draws once."""
        with self.one_redraw():
            for name, value in strengths.items():
                self.controls[name].value = value

    def draw_again(self) -> None:
        """The next draw of everything; after the last comes the first."""
        draw = self.controls["draw"]
        draw.value = (draw.value + 1) % (draw.max + 1)

    def describe(self) -> str:
        s = self.state
        return (
            f"draw {s['draw']}: a view differs from its image by {s['change']:.3f}, "
            f"two images differ by {s['apart']:.3f} (root mean square over the pixels)"
        )


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (a - b).square().mean().sqrt()
