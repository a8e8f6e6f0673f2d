"""Mistakes in random views of one image."""

from __future__ import annotations

import torch

from mlteach.mistakes._registry import mistake
from mlteach.mistakes.views.colour import factors, negative_factor, saturated
from mlteach.views import (
    color_jitter,
    geometry,
    random_crop,
    simclr_view,
)
from mlteach.views._shared import uniforms


@mistake(color_jitter, "the factor is drawn around 0: draw it from 1 - strength to 1 + strength")
def brightness_around_zero(images, *, brightness=0.0, generator=None, **others):
    factor = factors(uniforms(images, 1, generator)[:, 0], -brightness, brightness)
    return color_jitter((factor * images).clamp(0, 1), **others, generator=generator)


@mistake(color_jitter, "a factor below 0 turns colours into their complements: stop at 0")
def saturation_below_zero(images, *, saturation=0.0, generator=None, **others):
    images = negative_factor(images, uniforms(images, 1, generator)[:, 0], saturation)
    return color_jitter(images, **others, generator=generator)


@mistake(
    color_jitter,
    "you clamp between the steps: what was too bright is lost before the hue turns. Clamp once",
)
def clamped_before_the_hue(images, *, hue=0.0, generator, **others):
    state = generator.get_state()
    clamped = color_jitter(images, **others, generator=generator)
    return color_jitter(clamped, hue=hue, generator=generator.set_state(state))


@mistake(color_jitter, "contrast moves towards the mean grey of the whole batch: each has its own")
def contrast_of_the_batch(images, *, contrast=0.0, generator=None, **others):
    images = color_jitter(images, **others, generator=generator)
    draws = uniforms(images, 1, generator)[:, 0]
    factor = factors(draws, max(0.0, 1 - contrast), 1 + contrast)
    mean_grey = saturated(images, torch.zeros(())).mean()
    return (factor * images + (1 - factor) * mean_grey).clamp(0, 1)


def cropped(images, side, reach, draws):
    """A box of side (B,), its centre within reach of the middle for side 0."""
    centre = (1 - side[:, None]) * reach * (2 * draws - 1)
    still = torch.zeros_like(centre)
    unflipped = torch.zeros(len(images))
    return geometry._warp(images, side, centre, still[:, 0], still, unflipped, "zeros")


@mistake(random_crop, "scale is a range of areas, not of sides: a side is the root of the area")
def side_for_area_of_a_crop(images, *, scale, generator=None):
    draws = uniforms(images, 3, generator)
    side = scale[0] + (scale[1] - scale[0]) * draws[:, 0]
    return cropped(images, side, (images.shape[3] - 1) / 2, draws[:, 1:])


@mistake(
    random_crop,
    "the box reaches over the edge: measure its room to the pixels' centres, not to their edges",
)
def box_over_the_edge(images, *, scale, generator=None):
    draws = uniforms(images, 3, generator)
    side = (scale[0] + (scale[1] - scale[0]) * draws[:, 0]).sqrt()
    return cropped(images, side, (images.shape[3] + 1) / 2, draws[:, 1:])


ONE_DRAW = "one draw changes the whole batch: every image needs draws of its own"


def one_draw_for_all(view):
    """The view as it is drawn where each image starts from the same state of the generator."""

    def one_draw(images, *, generator, **options):
        state, views = generator.get_state(), []
        for image in images:
            views.append(view(image[None], generator=generator.set_state(state), **options))
        return torch.cat(views)

    return one_draw


mistake(color_jitter, ONE_DRAW)(one_draw_for_all(color_jitter))
mistake(random_crop, ONE_DRAW)(one_draw_for_all(random_crop))
mistake(simclr_view, ONE_DRAW)(one_draw_for_all(simclr_view))


@mistake(geometry._warp, "a positive angle must turn anticlockwise: y runs downwards in an image")
def turned_clockwise(images, side, centre, radians, shift, flipped, fill):
    return geometry._warp(images, side, centre, -radians, shift, flipped, fill)
