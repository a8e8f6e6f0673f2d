"""Patches and masks: their order, their inverse, how many are hidden and where."""

from __future__ import annotations

import math

import pytest
import torch
from support.numbers import generator, normal32

from mlteach.pretext import block_mask, hide, patchify, random_mask, unpatchify


def naive_patches(images, size):
    """Row by row, one patch after the other."""
    b, _, height, width = images.shape
    return torch.stack(
        [
            torch.stack(
                [
                    images[i, :, r * size : (r + 1) * size, c * size : (c + 1) * size].flatten()
                    for r in range(height // size)
                    for c in range(width // size)
                ]
            )
            for i in range(b)
        ]
    )


@pytest.mark.parametrize("shape", [(2, 3, 8, 12), (1, 1, 4, 4), (3, 2, 6, 6)])
@pytest.mark.parametrize("size", [1, 2])
def test_patches_are_the_images_row_by_row(shape, size):
    images = normal32(*shape)
    patches = patchify(images, size)
    assert patches.equal(naive_patches(images, size))
    assert unpatchify(patches, size, shape[1], rows=shape[2] // size).equal(images)


def test_square_images_need_no_rows():
    images = normal32(2, 3, 8, 8)
    assert unpatchify(patchify(images, 4), 4, 3).equal(images)


def test_the_order_of_lightly():
    """Its patches are the same ones, with the channels last within each."""
    models = pytest.importorskip("lightly.models.utils")
    images = normal32(2, 3, 8, 8)
    theirs = models.patchify(images, 4).unflatten(2, (4, 4, 3)).movedim(4, 2).flatten(2)
    assert patchify(images, 4).equal(theirs)


def test_one_row_of_patches_and_what_does_not_divide():
    images = normal32(1, 1, 2, 6)
    assert unpatchify(patchify(images, 2), 2, 1, rows=1).equal(images)
    with pytest.raises(ValueError, match="rows must divide the 3 patches"):
        unpatchify(patchify(images, 2), 2, 1)
    with pytest.raises(ValueError, match="size must divide images of 2 x 6"):
        patchify(images, 4)
    with pytest.raises(ValueError, match="rows must divide"):
        unpatchify(patchify(images, 2), 2, 1, rows=2)


def test_gradients_pass():
    images = normal32(1, 1, 4, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: patchify(x, 2), images)
    assert torch.autograd.gradcheck(lambda x: unpatchify(patchify(x, 2), 2, 1), images)


@pytest.mark.parametrize("grid", [(2, 1), (3, 5), (8, 8)])
@pytest.mark.parametrize("ratio", [0, 0.01, 0.25, 0.5, 0.75, 0.99, 1])
def test_a_mask_hides_its_share_but_never_nothing_and_never_all(grid, ratio):
    cells = grid[0] * grid[1]
    mask = random_mask(50, grid, ratio, generator=generator())
    assert mask.shape == (50, *grid)
    assert mask.dtype == torch.bool
    hidden = min(max(round(ratio * cells), 1), cells - 1)
    assert (mask.sum((1, 2)) == hidden).all()


def test_every_cell_is_hidden_equally_often_and_every_image_has_its_own_mask():
    n = 4000
    mask = random_mask(n, 3, 1 / 3, generator=generator(1))
    share = mask.float().mean(0)
    deviation = math.sqrt(1 / 3 * 2 / 3 / n)
    assert (share - 1 / 3).abs().max() < 5 * deviation
    # of the 84 masks of three cells each occurs, about 48 times
    _, counts = mask.flatten(1).unique(dim=0, return_counts=True)
    assert len(counts) == math.comb(9, 3)
    assert counts.max() < 48 + 5 * math.sqrt(48)


def test_the_same_generator_gives_the_same_mask():
    first, again = (random_mask(5, 4, 0.5, generator=generator(2)) for _ in range(2))
    assert first.equal(again)
    assert not first.equal(random_mask(5, 4, 0.5, generator=generator(3)))


@pytest.mark.parametrize(("grid", "size"), [((4, 4), (2, 2)), ((3, 5), (3, 1)), ((2, 6), (1, 5))])
def test_a_block_is_one_rectangle_at_every_place(grid, size):
    mask = block_mask(1000, grid, size, generator=generator())
    places = {}
    for one in mask:
        rows, columns = one.any(1).nonzero()[:, 0], one.any(0).nonzero()[:, 0]
        top, left = int(rows[0]), int(columns[0])
        assert (len(rows), len(columns)) == size
        assert one[top : top + size[0], left : left + size[1]].all()
        assert one.sum() == size[0] * size[1]
        places[top, left] = places.get((top, left), 0) + 1
    possible = (grid[0] - size[0] + 1) * (grid[1] - size[1] + 1)
    assert len(places) == possible
    assert min(places.values()) > 1000 / possible - 5 * math.sqrt(1000 / possible)


def test_a_block_is_smaller_than_the_grid():
    with pytest.raises(ValueError, match="size must be smaller than the grid"):
        block_mask(1, (2, 3), (2, 3))
    with pytest.raises(ValueError, match="size must be smaller than the grid"):
        block_mask(1, 4, (5, 1))


def test_hidden_patches_are_grey_and_the_others_as_they_were():
    images = normal32(2, 3, 4, 6)
    mask = random_mask(2, (2, 3), 0.5, generator=generator())
    hidden = hide(images, mask, value=0.25)
    for i in range(2):
        for r in range(4):
            for c in range(6):
                seen = hidden[i, :, r, c]
                if mask[i, r // 2, c // 2]:
                    assert (seen == 0.25).all()
                else:
                    assert seen.equal(images[i, :, r, c])
    assert not hidden.equal(images)


def test_a_mask_must_be_true_and_false_and_fit():
    images = normal32(2, 3, 4, 6)
    with pytest.raises(ValueError, match="mask must hold True and False, or 1 and 0"):
        hide(images, torch.full((2, 2, 3), 0.5))
    assert hide(images, torch.ones(2, 2, 3)).equal(torch.full_like(images, 0.5))
    with pytest.raises(ValueError, match="mask must divide images of 4 x 6"):
        hide(images, torch.ones(2, 2, 4, dtype=torch.bool))
    with pytest.raises(ValueError, match="mask must be"):
        hide(images, torch.ones(3, 2, 3, dtype=torch.bool))
