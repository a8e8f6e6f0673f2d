"""Images as patches, and which of them are hidden."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from mlteach import _validate


def patchify(images: Tensor, size: int) -> Tensor:
    """Cuts every image into square patches, row by row.

    Args:
        images: (B, C, H, W) floating-point; H and W are multiples of size.
        size: pixels of a patch's side, >= 1.

    Returns:
        (B, N, C * size * size), N = (H / size) * (W / size); patch 0 is the upper left one, patch 1
        lies right of it. Within a patch channels come first, then rows, then columns; MAE's own
        code has the channels last.

    Raises:
        TypeError, ValueError: images is no float tensor (B, C, H, W), or size does not divide H and
            W.
    """
    _validate.images("images", images, unit=False)
    rows, columns = grid_of("size", images, size)
    cells = images.unflatten(3, (columns, size)).unflatten(2, (rows, size))  # (B, C, r, s, c, s)
    return cells.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpatchify(patches: Tensor, size: int, channels: int, *, rows: int | None = None) -> Tensor:
    """Puts patches together to images again: the inverse of `patchify`.

    Args:
        patches: (B, N, channels * size * size), in the order that `patchify` gives.
        size: pixels of a patch's side, >= 1.
        channels: C, >= 1.
        rows: patches on top of each other, a divisor of N; None for square images.

    Returns:
        (B, C, H, W).

    Raises:
        TypeError, ValueError: patches is no float tensor of that shape, rows does not divide N, or
            it is None and N is no square.
    """
    _validate.floats("patches", patches)
    size, channels = _validate.count("size", size), _validate.count("channels", channels)
    if patches.dim() != 3 or patches.shape[2] != channels * size * size or not patches.shape[1]:
        allowed = f"(B, N >= 1, {channels * size * size})"
        raise ValueError(f"patches must be {allowed}, got shape {tuple(patches.shape)}")
    n = patches.shape[1]
    rows = round(n**0.5) if rows is None else _validate.count("rows", rows, at_most=n)
    if n % rows or (rows * rows != n and rows == round(n**0.5)):
        raise ValueError(f"rows must divide the {n} patches into equal rows, got {rows}")
    cells = patches.unflatten(2, (channels, size, size)).unflatten(1, (rows, n // rows))
    return cells.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)


def random_mask(
    n: int, grid: int | tuple[int, int], ratio: float, *, generator: Generator | None = None
) -> Tensor:
    """Chooses patches to hide, for each image others, but always equally many.

    Args:
        n: images, >= 1.
        grid: (rows, columns) of patches, at least two patches; one number for a square.
        ratio: share of the patches to hide, 0 to 1.
        generator: source of the draws.

    Returns:
        (n, rows, columns) bool, True where a patch is hidden: round(ratio * rows * columns) of
        them, but at least one, and never all.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Source: He et al. 2022, arXiv:2111.06377, Section 3 (there 75 % of the patches).
    """
    n = _validate.count("n", n, at_most=10**6)
    rows, columns = pair("grid", grid)
    ratio = float(_validate.number("ratio", ratio, at_least=0, at_most=1))
    _validate.generator("generator", generator)
    cells = rows * columns
    if not 2 <= cells <= 10**6:
        raise ValueError(f"grid must have 2 to a million patches, got {rows} x {columns}")
    hidden = min(max(round(ratio * cells), 1), cells - 1)
    device = "cpu" if generator is None else generator.device
    order = torch.rand(n, cells, generator=generator, device=device).argsort(1)
    return (order.argsort(1) < hidden).unflatten(1, (rows, columns))


def block_mask(
    n: int,
    grid: int | tuple[int, int],
    size: int | tuple[int, int],
    *,
    generator: Generator | None = None,
) -> Tensor:
    """Chooses one rectangular block of patches to hide in each image.

    Args:
        n: images, >= 1.
        grid: (rows, columns) of patches; one number for a square.
        size: (rows, columns) of the block, within the grid and smaller than it; one number for a
            square.
        generator: source of the draws.

    Returns:
        (n, rows, columns) bool, True where a patch is hidden; each place of the block is equally
        likely.

    Raises:
        TypeError, ValueError: an argument is not as described.

    Source: Assran et al. 2023, arXiv:2301.08243, Section 3, which hides four blocks of random sizes
        and shapes; here it is one of a given size.
    """
    n = _validate.count("n", n, at_most=10**6)
    rows, columns = pair("grid", grid)
    height, width = pair("size", size)
    _validate.generator("generator", generator)
    if height > rows or width > columns or height * width == rows * columns:
        raise ValueError(
            f"size must be smaller than the grid, {rows} x {columns}, got {height} x {width}"
        )
    down = _covered(n, rows, height, generator)
    across = _covered(n, columns, width, generator)
    return down[:, :, None] & across[:, None, :]


def hide(images: Tensor, mask: Tensor, *, value: float = 0.5) -> Tensor:
    """Fills the hidden patches of images with one grey; the others stay as they are.

    Args:
        images: (B, C, H, W) floating-point; not changed.
        mask: (B, rows, columns), True or 1 where a patch is hidden, else False or 0; rows and
            columns divide H and W.
        value: of every channel of a hidden patch.

    Returns:
        (B, C, H, W) a new tensor.

    Raises:
        TypeError, ValueError: images or mask is not as described, or value is not finite.
    """
    value = float(_validate.number("value", value))
    return torch.where(pixels_of(images, mask), images.new_tensor(value), images)


def pixels_of(images: Tensor, mask: Tensor) -> Tensor:
    """(B, 1, H, W) bool: the mask of the patches, for every pixel of the images."""
    _validate.images("images", images, unit=False)
    mask = check_mask(images, mask)
    height, width = images.shape[2] // mask.shape[1], images.shape[3] // mask.shape[2]
    return mask.repeat_interleave(height, 1).repeat_interleave(width, 2)[:, None]


def check_mask(images: Tensor, mask: Any) -> Tensor:
    """(B, rows, columns) bool, for images that it divides into equal patches."""
    _validate.shaped(
        "mask", _validate.tensor("mask", mask), len(images), "rows", "columns", at_least=1
    )
    height, width = images.shape[2:]
    if height % mask.shape[1] or width % mask.shape[2]:
        given = f"{mask.shape[1]} x {mask.shape[2]}"
        raise ValueError(f"mask must divide images of {height} x {width} evenly, got {given}")
    return _validate.mask("mask", mask.flatten(), size=mask.numel()).view(mask.shape)


def grid_of(name: str, images: Tensor, size: int) -> tuple[int, int]:
    """Rows and columns of patches of that size."""
    size = _validate.count(name, size)
    height, width = images.shape[2:]
    if height % size or width % size:
        raise ValueError(f"{name} must divide images of {height} x {width} evenly, got {size}")
    return height // size, width // size


def pair(name: str, value: Any) -> tuple[int, int]:
    """(rows, columns), or one number for both."""
    if np.ndim(value) == 0:
        one = _validate.count(name, value, at_most=10**3)
        return one, one
    both = _validate.counts(name, value)
    if len(both) != 2 or max(both) > 10**3:
        raise ValueError(f"{name} must be (rows, columns) up to 1000, got {both}")
    return both[0], both[1]


def _covered(n: int, length: int, size: int, generator: Generator | None) -> Tensor:
    """(n, length) bool: a run of size places, beginning at a random one."""
    device = "cpu" if generator is None else generator.device
    start = torch.randint(length - size + 1, (n, 1), generator=generator, device=device)
    place = torch.arange(length, device=device)
    return (place >= start) & (place < start + size)
