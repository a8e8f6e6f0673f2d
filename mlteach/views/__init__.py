"""Random views: augmentations on whole batches, with a draw of its own for every image.

Every function draws from `generator` (None: torch's default one); the same seed gives the same draw
at every strength, so that a slider that changes the strength changes nothing else. With a generator
on the CPU the views are the same on every device.
"""

from mlteach.views.colour import add_noise, color_jitter, random_blur, random_grayscale
from mlteach.views.geometry import (
    random_crop,
    random_flip,
    random_rotation,
    random_shift,
    random_view,
)
from mlteach.views.handwriting import handwriting_view
from mlteach.views.mixing import blend, cutmix, mixup, paste, soft_labels
from mlteach.views.standard import simclr_view

__all__ = [
    "add_noise",
    "blend",
    "color_jitter",
    "cutmix",
    "handwriting_view",
    "mixup",
    "paste",
    "random_blur",
    "random_crop",
    "random_flip",
    "random_grayscale",
    "random_rotation",
    "random_shift",
    "random_view",
    "simclr_view",
    "soft_labels",
]
