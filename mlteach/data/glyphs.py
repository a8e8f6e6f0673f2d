"""Handwriting-like characters of a dozen scripts, made from the fonts that matplotlib ships.

A letter is drawn with a font and thinned to its skeleton, a cloud of points. A drawer moves the
points (habit and chance: slant, proportions, wobble) and inks them with a pen.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mlteach import _validate
from mlteach._kernel import ProgressBar
from mlteach.data.cache import Arrays, bytes_shaped, on_cpu, read, texts
from mlteach.data.dataset import Dataset

TRAIN_SCRIPTS = ("Latin", "Greek", "Cyrillic", "Armenian", "Arabic", "Canadian", "Old Italic")
TEST_SCRIPTS = ("Georgian", "Tifinagh", "Hebrew", "NKo", "Lao")
SCRIPTS = TRAIN_SCRIPTS + TEST_SCRIPTS
SPLITS = {"train": TRAIN_SCRIPTS, "test": TEST_SCRIPTS, "all": SCRIPTS}

N_DRAWERS = 20
SIDE = 28  # pixels
LEVELS = 15  # 4 bits a pixel

# the first one has every letter
STYLES = ("DejaVuSans", "DejaVuSansMono", "DejaVuSerif-Italic", "DejaVuSerif")
STYLE_OF_DRAWER = (0, 1, 0, 2, 0, 1, 0, 2, 0, 3)  # again and again; mostly the plain style
FONT_SIZE, CANVAS = 40, 72  # pixels
MOST_LETTERS = 200  # of one script
# points of a skeleton: fewer is a dot or a tick, more a clot at this size
STROKE_POINTS = range(32, 251)
# cosine of two letters written with one broad pen; of a letter and its capital
LOOK_ALIKE, LIKE_CAPITAL = 0.9, 0.8

# How far a drawer's hand moves a letter: as a habit, and by chance each time. Radians, logarithms,
# pixels; the warp is in half letter heights, at each point of a grid.
WARP = 5
HABIT = {
    "rotation": 0.06,
    "slant": 0.25,
    "aspect": 0.2,
    "size": 0.15,
    "x": 0.4,
    "y": 0.4,
    "warp": 0.06,
}
CHANCE = {
    "rotation": 0.16,
    "slant": 0.12,
    "aspect": 0.15,
    "size": 0.12,
    "x": 1.8,
    "y": 1.8,
    "warp": 0.18,
}
HEIGHT = 9.5  # half the usual letter height, pixels
PEN = (0.65, 1.05)  # thinnest and broadest pen, radius in pixels


@on_cpu
def glyphs(split: str = "train") -> Dataset:
    """Characters as 20 drawers write them, split by script: every test character is new in kind.

    The set is part of the package, so that every installation has the same images.

    Args:
        split: "train" (seven scripts), "test" (five others) or "all"; labels count from 0 in each.

    Returns:
        Images (N, 1, 28, 28) with ink = 1, character by character; factors "script", an index into
        SCRIPTS, and "drawer", 0 to 19; class names such as "Hebrew/א".

    Raises:
        ValueError: split is none of the three.
    """
    scripts = SPLITS[_validate.choice("split", split, SPLITS)]
    with as_file(files("mlteach.data") / "glyphs.npz") as path:
        arrays = read(path, ("images", "classes"), check=_check)
    script = np.array([SCRIPTS.index(name.split("/")[0]) for name in arrays["classes"]])
    chosen = np.isin(script, [SCRIPTS.index(name) for name in scripts])
    packed = arrays["images"][chosen]  # (C, D, 392), two pixels a byte
    pixels = np.stack([packed >> 4, packed & LEVELS], axis=-1)
    n_classes, n_drawers = packed.shape[:2]
    return Dataset(
        name=f"glyphs-{split}",
        images=torch.from_numpy(pixels).float().div(LEVELS).view(-1, 1, SIDE, SIDE),
        labels=torch.arange(n_classes).repeat_interleave(n_drawers),
        classes=tuple(map(str, arrays["classes"][chosen])),
        factors={
            "script": torch.from_numpy(script[chosen]).repeat_interleave(n_drawers),
            "drawer": torch.arange(n_drawers).repeat(n_classes),
        },
    )


def _check(arrays: Arrays) -> None:
    """The form that `data/README.md` describes."""
    texts("classes", arrays["classes"])
    bytes_shaped("images", arrays["images"], len(arrays["classes"]), "D", SIDE * SIDE // 2)
    scripts = {name.split("/")[0] for name in arrays["classes"].tolist()}
    if wrong := sorted(scripts - set(SCRIPTS)):
        raise ValueError(f"classes must begin with one of SCRIPTS, got {wrong[0]!r}")


def pack_glyphs() -> Arrays:
    """The whole set, drawn anew (some ten seconds), as glyphs.npz holds it."""
    images, classes = draw_glyphs()
    pixels = images.mul(LEVELS).round().byte().flatten(2).numpy()  # (C, D, 784)
    return {"images": pixels[..., 0::2] << 4 | pixels[..., 1::2], "classes": np.array(classes)}


@on_cpu
def draw_glyphs(
    scripts: tuple[str, ...] = SCRIPTS, *, n_drawers: int = N_DRAWERS, seed: int = 0
) -> tuple[Tensor, tuple[str, ...]]:
    """Draws every letter of the scripts that does not look like an earlier one.

    A letter's images depend on the seed and the letter alone, not on which other letters are
    drawn. Fonts render differently from version to version, so the images may differ a little
    elsewhere.

    Args:
        scripts: names out of SCRIPTS; of look-alikes the one that comes first stays.
        n_drawers: D >= 1 images of each letter; drawer d has the same habits in all of them.
        seed: of the drawers and of chance.

    Returns:
        (C, D, 28, 28) in [0, 1] with ink = 1, and the C class names "script/letter".

    Raises:
        TypeError, ValueError: scripts is no tuple of names out of SCRIPTS, n_drawers no whole
            number >= 1, or seed not in 0 ... 2**32 - 1.
    """
    if not isinstance(scripts, tuple | list) or not scripts:
        allowed = "a tuple with at least one name out of SCRIPTS"
        raise TypeError(f"scripts must be {allowed}, got {_validate.kind(scripts)}: {scripts!r}")
    for i, script in enumerate(scripts):
        _validate.choice(f"scripts[{i}]", script, SCRIPTS)
    n_drawers = _validate.count("n_drawers", n_drawers)
    seed = _validate.seed("seed", seed)
    drawers = _uniform(n_drawers, len(_spread(HABIT)) + 1, seed=seed)  # last column: the pen
    habits = drawers[:, :-1] * _spread(HABIT)
    pens = PEN[0] + (PEN[1] - PEN[0]) * (drawers[:, -1] + 1) / 2
    styles = [STYLE_OF_DRAWER[d % len(STYLE_OF_DRAWER)] for d in range(n_drawers)]
    plain = {}
    for script in ProgressBar(scripts, desc="reading fonts", leave=False):
        plain[script] = _skeletons(_letters(script), STYLES[0])
    images, classes = [], []
    for script, letters in ProgressBar(
        _distinct(plain).items(), desc="drawing glyphs", leave=False
    ):
        # plain where the style has none
        skeletons = [plain[script] | _skeletons(letters, style) for style in STYLES]
        for letter in letters:
            points = _stack([skeletons[style][letter] for style in styles])  # (D, points, 2)
            draws = _uniform(n_drawers, len(_spread(CHANCE)), seed=seed + 1000 * ord(letter))
            chance = draws * _spread(CHANCE)
            images.append(_ink(_write(points, habits + chance), pens))
            classes.append(f"{script}/{letter}")
    return torch.stack(images), tuple(classes)


def _distinct(skeletons: dict[str, dict[str, Tensor]]) -> dict[str, list[str]]:
    """Of each script, the letters that are no specks, no clots, and like no letter before them."""
    candidates = {
        letter: (script, points)
        for script, letters in skeletons.items()
        for letter, points in letters.items()
        if len(points) in STROKE_POINTS
    }
    broad = torch.tensor([1.6])
    looks = torch.cat(
        [_ink(points[None] * HEIGHT, broad).flatten(1) for _, points in candidates.values()]
    )
    likeness = F.normalize(looks) @ F.normalize(looks).T
    rows: dict[str, int] = {}
    chosen: dict[str, list[str]] = {script: [] for script in skeletons}
    for row, (letter, (script, _)) in enumerate(candidates.items()):
        upper = rows.get(letter.upper())
        is_like_another = (likeness[row, [*rows.values()]] > LOOK_ALIKE).any()
        is_like_another |= upper is not None and likeness[row, upper] > LIKE_CAPITAL
        if not is_like_another and len(chosen[script]) < MOST_LETTERS:
            rows[letter] = row
            chosen[script].append(letter)
    return chosen


def _uniform(*shape: int, seed: int) -> Tensor:
    """Uniform in [-1, 1)."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def _spread(widths: dict[str, float]) -> Tensor:
    """The widths in a row, the warp's for both coordinates of each grid point."""
    return torch.tensor([*widths.values()][:-1] + [widths["warp"]] * 2 * WARP**2)


def _stack(clouds: list[Tensor]) -> Tensor:
    """Clouds of different sizes as one tensor; smaller ones repeat points, which no pen notices."""
    most = max(map(len, clouds))
    return torch.stack([cloud[torch.arange(most) % len(cloud)] for cloud in clouds])


def _font_file(style: str) -> str:
    return str(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{style}.ttf"))


@cache
def _code_points(style: str) -> frozenset[int]:
    return frozenset(FT2Font(_font_file(style)).get_charmap())


def _letters(script: str) -> list[str]:
    """The script's letters that are not made of others (no é, no ligature), by code point."""
    found = []
    for letter in map(chr, sorted(_code_points(STYLES[0]))):
        name = unicodedata.name(letter, "")
        simple = not unicodedata.decomposition(letter) and "LIGATURE" not in name
        if (
            simple
            and name.startswith(script.upper() + " ")
            and unicodedata.category(letter) in ("Lu", "Ll", "Lo")
        ):
            found.append(letter)
    return found


def _skeletons(letters: list[str], style: str) -> dict[str, Tensor]:
    """Of each letter that the font has, its skeleton (points, 2), the longer side from -1 to 1."""
    font = ImageFont.truetype(_font_file(style), FONT_SIZE, layout_engine=ImageFont.Layout.BASIC)
    letters = [letter for letter in letters if ord(letter) in _code_points(style)]
    if not letters:
        return {}
    printed = []
    for letter in letters:
        page = Image.new("L", (CANVAS, CANVAS))
        ImageDraw.Draw(page).text(
            (CANVAS / 2, CANVAS / 2), letter, fill=255, font=font, anchor="mm"
        )
        printed.append(np.asarray(page) > 127)
    return {
        letter: _points(thin)
        for letter, thin in zip(letters, _thin(np.stack(printed)), strict=True)
    }


def _points(skeleton: Tensor) -> Tensor:
    """(H, W) lines as points (points, 2): x, y down, centred, the longer side from -1 to 1."""
    pixels = skeleton.nonzero().flip(1).float()
    distances = torch.cdist(pixels, pixels)
    weights = torch.exp(-distances.square())  # evens out the stairs of the pixels
    points = weights @ pixels / weights.sum(1, keepdim=True)
    # neighbours: a point between them closes the line
    one, other = (distances < 1.5).triu(1).nonzero().T
    points = torch.cat([points, (points[one] + points[other]) / 2])
    low, high = points.amin(0), points.amax(0)
    return (points - (low + high) / 2) / (high - low).max().clamp(min=1) * 2


def _thin(ink: np.ndarray) -> Tensor:
    """(M, H, W) strokes worn down from both sides to lines one pixel wide (Zhang and Suen 1984)."""
    pages = F.pad(torch.from_numpy(ink).byte(), (1, 1, 1, 1))
    inner = pages[:, 1:-1, 1:-1]
    height, width = inner.shape[1:]
    # clockwise, from the pixel above
    corners = [(0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0)]
    before = None
    while before != (before := int(inner.sum())):
        for from_south_east in (True, False):
            around = [pages[:, y : y + height, x : x + width] for y, x in corners]
            north, east, south, west = around[::2]
            count = sum(around)
            # stretches of ink around the pixel
            runs = sum((around[i] < around[(i + 1) % 8]).byte() for i in range(8))
            kept = (
                east & south & (north | west) if from_south_east else north & west & (east | south)
            )
            inner[(count >= 2) & (count <= 6) & (runs == 1) & (kept == 0)] = 0
    return inner


def _write(points: Tensor, moves: Tensor) -> Tensor:
    """Moves D clouds (D, points, 2) by their rows of `moves`, as `_spread` has them, in pixels."""
    rotation, slant, aspect, size, x, y = moves[:, :6].T
    warp = moves[:, 6:].view(-1, 2, WARP, WARP)
    # (D, 2, points, 1)
    bend = F.grid_sample(warp, points[:, :, None] * 0.8, mode="bicubic", align_corners=True)
    points = points + bend[..., 0].mT
    cos = rotation.cos()
    sin = rotation.sin()
    zero = torch.zeros_like(slant)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)
    wide, high = torch.exp(aspect / 2), torch.exp(-aspect / 2)
    shear = torch.stack([wide, -slant, zero, high], dim=1).view(-1, 2, 2)
    scale = HEIGHT * torch.exp(size)[:, None, None]
    points = points @ (turn @ shear).mT * scale + torch.stack([x, y], dim=1)[:, None]
    reach = points.abs().amax((1, 2), keepdim=True)
    return points * ((SIDE / 2 - 1) / reach).clamp(max=1)  # stays on the page


def _ink(points: Tensor, radius: Tensor) -> Tensor:
    """Draws clouds (B, points, 2) with round pens of radii (B,) as (B, 28, 28), 1 under a pen."""
    line = torch.arange(SIDE) - (SIDE - 1) / 2
    # (B, 784, 2), x first
    pixels = torch.cartesian_prod(line, line).flip(1).expand(len(points), -1, -1)
    distance = torch.cdist(pixels, points).amin(2)
    return (radius[:, None] + 0.5 - distance).clamp(0, 1).view(-1, SIDE, SIDE)
