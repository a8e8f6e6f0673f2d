"""How many images a second the book's strong view makes, beside torchvision's transforms.

    python -m pytest tests/benchmarks/bench_views.py

measures them in turn on the same 256 images with one thread: torchvision v2 applied image by
image, which gives every image its own draw, and applied to the whole batch, which gives all
images one draw and is no replacement. Nothing is asserted about time, and a plain test run does
not collect this file.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch.utils.data import default_collate

from mlteach.views import simclr_view

# mlteach comes before torchvision, which it may have to repair
# isort: split
from torchvision.transforms import v2

IMAGES = torch.rand(256, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def torchvision_view(*, blur):
    """The transforms of torchvision that make an equivalent view."""
    return v2.Compose(
        [
            v2.RandomResizedCrop(32, scale=(0.6, 1.0), ratio=(1.0, 1.0), antialias=False),
            v2.RandomRotation(
                math.degrees(0.12 * math.pi), interpolation=v2.InterpolationMode.BILINEAR
            ),
            v2.RandomHorizontalFlip(0.5),
            v2.ColorJitter(0.4, 0.4, 0.4, 0.5),
            v2.RandomGrayscale(0.2),
            *([v2.RandomApply([v2.GaussianBlur(13, (0.1, 2.0))], blur)] if blur else []),
        ]
    )


def ours(*, blur):
    """One resampling and one colour matrix for the batch."""
    return simclr_view(IMAGES, blur=blur)


def image_by_image(*, blur):
    """What a data loader does."""
    view = torchvision_view(blur=blur)
    return default_collate([view(image) for image in IMAGES])


def one_draw_for_all(*, blur):
    """Fast, but every image is cut, turned and coloured alike."""
    return torchvision_view(blur=blur)(IMAGES)


MAKERS = {image_by_image: 8, one_draw_for_all: 40, ours: 40}


@pytest.fixture(scope="module")
def fastest():
    """Seconds of the fastest round, by blur and maker."""
    return {}


@pytest.mark.parametrize("make", MAKERS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_views(benchmark, fastest, blur, make):
    """Every maker returns a batch of views; how long that takes is only recorded."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    benchmark.group = f"256 views, blur {blur}"
    views = benchmark.pedantic(make, kwargs={"blur": blur}, rounds=MAKERS[make], warmup_rounds=1)
    assert views.shape == IMAGES.shape
    fastest[blur, make.__name__] = benchmark.stats.stats.min


def test_ratios(fastest, capsys):
    """Prints each fastest round as images a second, and its ratio to torchvision's."""
    assert fastest
    with capsys.disabled():
        print("\nstrong views, 1 thread, fastest round")
        for (blur, name), seconds in fastest.items():
            ratio = fastest[blur, "image_by_image"] / seconds
            speed = f"{len(IMAGES) / seconds:10,.0f} images a second"
            print(f"blur {blur}  {name:20}{speed}, {ratio:5.1f} times as many")
