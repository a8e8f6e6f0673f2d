"""Checks of the chapter on pretext tasks: a mask, its loss, a label, an order, and numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor

from mlteach.checks._answers import judge_numbers
from mlteach.checks._core import Answer, Case, Verdict, check, expected, judge, normal, run_case
from mlteach.checks._verdict import shown, told
from mlteach.mistakes import mistakes_in, pretext
from mlteach.mistakes.pretext import masks

# --- which patches are hidden --------------------------------------------------------------------

MANY = 1500  # images: the share of those in which a patch is hidden is known to 0.013
# images, grid, ratio: round(ratio * N) is 15, 8, 4, 11, of 4.5 and 7.5 the even one, 4 and 8; at
# the ends and near them 0 and N, so that 1 and N - 1 are hidden; 6 where there is one image only
MASKS = (
    (MANY, (4, 5), 0.75),
    (40, (4, 4), 0.5),
    (6, (3, 4), 0.3),
    (5, (3, 5), 0.75),
    (5, (3, 6), 0.25),
    (5, (3, 5), 0.5),
    (4, (2, 3), 0.0),
    (3, (3, 2), 1.0),
    (4, (2, 3), 0.05),
    (4, (2, 3), 0.95),
    (2, (14, 14), 0.0),
    (1, (3, 4), 0.5),
)
TOLD = {m.function: m.explanation for m in mistakes_in(pretext.random_mask)}


@check
def random_mask(given: Any) -> Verdict:
    """Checks ``given(n, grid, ratio, generator)`` -> (n, rows, columns), True where hidden.

    A draw is random: each mistake is told by what the masks show of it, not by their numbers.
    """
    if not callable(given):
        return expected("a function", given)
    drawn = []
    for at, (n, grid, ratio) in enumerate(MASKS):
        answer = _masks(given, at, 0)
        printed = answer.printed
        problem = _about_the_shape(answer, n, grid, ratio) or answer.problem
        if not problem:
            drawn.append(answer.value)
            problem = _about_the_counts(given, answer.value, grid, ratio)
        if problem:
            rows, columns = grid
            images = "one image" if n == 1 else f"{n} images"
            title = f"with {images} of {rows} x {columns} patches at ratio {ratio:g}"
            where = f"Case {at + 1} of {len(MASKS)}: {title}. {answer.line}".strip()
            return Verdict(False, problem, where, printed=printed)
    problem = _about_the_draws(given, drawn[0]) or _about_the_places(drawn[0], drawn[1])
    message = problem or f"masks of {len(MASKS)} kinds drawn, public checks passed."
    return Verdict(not problem, message, printed=printed)


def _masks(given: Callable, at: int, seed: int) -> Answer:
    n, grid, ratio = MASKS[at]
    options = {"generator": Generator().manual_seed(seed)}
    shape = torch.zeros(n, *grid, dtype=torch.bool)
    return run_case(given, Case("", (n, grid, ratio), options), shape)


def _about_the_shape(answer: Answer, n: int, grid: tuple[int, int], ratio: float) -> str:
    """What the shape of the masks shows, if it is a wrong one."""
    shape = () if answer.value is None else tuple(answer.value.shape)
    known = {
        (n, *grid[::-1]): masks.rows_and_columns_swapped,
        (n, math.prod(grid)): masks.left_in_one_row,
        (n, pretext.number_hidden(grid, ratio)): masks.numbers_for_a_mask,
    }
    if n > 1:
        known[grid] = masks.one_mask_only
    known.pop((n, *grid), None)
    return TOLD[known[shape]] if shape in known else ""


def _about_the_counts(given: Callable, mask: Tensor, grid: tuple[int, int], ratio: float) -> str:
    """What the number of hidden patches shows."""
    patches = math.prod(grid)
    right = pretext.number_hidden(grid, ratio)
    counts = mask.flatten(1).sum(1)
    if (counts == right).all():
        return ""
    if counts.unique().numel() > 1:
        if counts.sum() == right * len(counts):
            return TOLD[masks.counted_over_the_batch]
        if (mask.sum(0) == right).all():
            return TOLD[masks.ordered_over_images]
        if counts.min() >= right:
            return f"some images hide more than {right} patches, {TIES}"
        few = counts.max() <= right
        return TOLD[masks.drawn_with_replacement if few else masks.a_coin_for_each_patch]
    got, exact = int(counts[0]), ratio * patches
    expected_is = f"{got} of {patches} patches are hidden in every image, expected are {right}"
    if ratio in (0, 1) and got in (0, patches):
        return TOLD[masks.nothing_hidden if got == 0 else masks.everything_hidden]
    if got in (0, patches):
        return f"{expected_is}: never none and never all, whatever the ratio"
    if exact % 1 == 0.5 and abs(got - right) == 1:
        up = got == right + 1 and _hides(given, 1 / 2, (3, 5)) == 8
        halves = f"{expected_is}: round({exact:g}) is {right}"
        return TOLD[masks.halves_rounded_up] if up else halves
    if got == patches - right:
        return TOLD[masks.visible_marked]
    if got == right - 1 and got == math.floor(exact):
        return TOLD[masks.number_cut_off]
    if got == right + 1 and got == math.ceil(exact):
        return TOLD[masks.number_rounded_up]
    of_rows = {round(ratio * size) * patches // size for size in grid}
    if got in of_rows and (mask == mask[:, :, :1]).all():
        return TOLD[masks.whole_rows]
    if got in of_rows and (mask.sum(2) == mask.sum(2)[0, 0]).all():
        return TOLD[masks.row_by_row]
    if all(_hides(given, r, g) == pretext.number_hidden(g, r) + 1 for _, g, r in MASKS):
        return TOLD[masks.one_too_many]
    if ratio in (0, 1):
        return f"{expected_is}: is the ratio clamped? Clamp the number of patches, 1 to N - 1"
    if got in of_rows:
        return f"{expected_is}: is the number of one row rounded? Round that of the whole grid"
    return expected_is


def _hides(given: Callable, ratio: float, grid: tuple[int, int]) -> int:
    """How many patches the learner's function hides in one image."""
    options = {"generator": Generator().manual_seed(0)}
    shape = torch.zeros(1, *grid, dtype=torch.bool)
    mask = run_case(given, Case("", (1, grid, ratio), options), shape).value
    return -1 if mask is None else int(mask.sum())


TIES = (
    "none fewer: do several patches share the key up to which you hide? Put the patches of an "
    "image in random order and hide the first ones"
)


def _about_the_draws(given: Callable, first: Tensor) -> str:
    """What further calls show: whether the generator, and it alone, decides."""
    again, other = (_masks(given, 0, seed).value for seed in (0, 1))
    if again is None or other is None:
        return "your function does not return a mask every time it is called"
    if (first == first[0]).all() and (other == first).all():
        return TOLD[masks.first_patches]
    if not again.equal(first):
        return TOLD[masks.generator_not_used]
    if other.equal(first):
        return TOLD[masks.seeded_inside]
    if (first == first[0]).all():
        return TOLD[masks.one_mask_for_all]
    n, grid, ratio = MASKS[0]
    generator = Generator().manual_seed(0)
    of_all = torch.get_rng_state()
    drawn = [
        run_case(given, Case("", (n, grid, ratio), {"generator": generator}), first).value
        for _ in range(2)
    ]
    if drawn[1] is not None and drawn[1].equal(drawn[0]):
        return "two calls with one generator draw the same: take the random numbers from it"
    if not torch.get_rng_state().equal(of_all):
        return (
            "torch.manual_seed changes what others draw: take the random numbers from the generator"
        )
    return ""


def _about_the_places(mask: Tensor, half: Tensor) -> str:
    """Whether any patches can be hidden together; half has as many hidden as visible."""
    whole = (mask == mask[:, :, :1]).all() or (half == half[:, :, :1]).all()
    if whole:
        return TOLD[masks.whole_rows]
    in_row = mask.sum(2)
    if (in_row == in_row[:1]).all():
        return TOLD[masks.row_by_row]
    flat = mask.flatten(1)
    if ((flat != flat.roll(1, 1)).sum(1) == 2).all():
        return TOLD[masks.one_run]
    distinct = len(flat.unique(dim=0))
    if distinct < 3 * MANY // 4:  # of 15,504 masks about 1,430 are drawn
        return f"{MANY} images get {distinct} different masks: each draws its own, from all"
    share = flat.double().mean(0)
    right = float(flat.double().mean())
    farthest = int((share - right).abs().argmax())
    if abs(share[farthest] - right) > 0.08:  # more than six times what chance gives
        row, column = divmod(farthest, mask.shape[2])
        often = f"hidden in {share[farthest]:.0%} of the images, others in {right:.0%} on average"
        return f"the patch in row {row}, column {column} is {often}: all have the same chance"
    return ""


# --- the loss ------------------------------------------------------------------------------------


@check
def masked_loss(given: Any) -> Verdict:
    """Checks ``given(prediction, patches, mask)``, (B, N, D) twice and (B, N) bool, -> ()."""
    sizes = {(3, 8, 5): 0.75, (4, 6, 12): 0.3, (2, 4, 3): 0.5}
    cases = []
    for seed, ((images, patches, width), ratio) in enumerate(sizes.items()):
        generator = Generator().manual_seed(seed)
        mask = pretext.random_mask(images, (1, patches), ratio, generator)[:, 0]
        values = (normal(images, patches, width, seed=seed + i) for i in (10, 20))
        hidden = int(mask[0].sum())
        cases.append(Case(f"with {hidden} of {patches} patches hidden", (*values, mask)))
    uneven = torch.arange(5) < torch.tensor([[1], [4], [2]])
    values = (normal(3, 5, 4, seed=seed) for seed in (8, 9))
    cases.append(Case("with 1, 4 and 2 of 5 patches hidden", (*values, uneven), edge=UNEVEN))
    right = pretext.masked_loss
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)
    if not verdict.passed:
        return verdict
    by_gradient = [_with_gradient(given, case) for case in cases]
    wrong = next((found for found in by_gradient if not found.passed), None)
    passed = f"{len(cases)} public checks passed, gradients too."
    return wrong or Verdict(True, passed, printed=verdict.printed)


UNEVEN = "every hidden patch counts the same there, whichever image it is in"


def _with_gradient(given: Callable, case: Case) -> Verdict:
    """With respect to the prediction: whoever detaches the patches, which are data, is right."""
    prediction, patches, mask = case.arguments

    def mine(prediction):
        return given(prediction, patches.clone(), mask.clone())

    def ours(prediction):
        return pretext.masked_loss(prediction, patches, mask)

    return judge(mine, ours, [Case(case.title, (prediction,))], [])


# --- labels and orders ---------------------------------------------------------------------------


@check
def position_label(given: Any) -> Verdict:
    """Checks ``given(down, across)``, (B,) each of -1, 0, 1, never both 0, -> (B,) 0 to 7."""
    places = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
    every = torch.tensor(places)
    shuffled = every[torch.tensor([5, 0, 7, 2, 2, 6, 1, 3, 4])]
    before = every[torch.tensor([2, 0, 3, 1])]
    after = every[torch.tensor([4, 7, 6, 5, 4])]
    titles = {
        "with the four places before the centre": before,
        "with the four places after the centre": after,
        "with all eight places": every,
        "with nine places in another order": shuffled,
        "with one place": every[5:6],
    }
    cases = [Case(title, tuple(pairs.T.clone())) for title, pairs in titles.items()]
    right = pretext.position_label
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)
    if verdict.passed or verdict.message.startswith(UNTOLD):
        answer = run_case(given, Case("", tuple(every.T.clone())), torch.arange(8))
        problem = _about_the_labels(answer.value)
        return replace(verdict, passed=False, message=problem) if problem else verdict
    return verdict


UNTOLD = ("wrong in every case", "right with")
PLACES = (
    "above left",
    "above",
    "above right",
    "left",
    "right",
    "below left",
    "below",
    "below right",
)


def _about_the_labels(labels: Tensor | None) -> str:
    """What is wrong with the labels of the eight places, in their order."""
    if labels is None or labels.shape != (8,):
        return ""
    for right, (place, label) in enumerate(zip(PLACES, labels.tolist(), strict=True)):
        if label != right:
            return f"the neighbour {place} has label {right}, yours is {label:g}: count row by row"
    if labels.dtype not in WHOLE:
        kind = str(labels.dtype).removeprefix("torch.")
        return f"your labels are numbers of {kind}: cross_entropy takes those of .long(), int64"
    return ""


WHOLE = (torch.int64, torch.uint8)  # as cross_entropy takes them


@check
def put_back(given: Any) -> Verdict:
    """Checks ``given(tiles, permutation)``, (T, ...) and (T,): tiles in their original order.

    ``tiles[place]`` is ``original[permutation[place]]``.
    """
    orders = {
        "with 4 tiles in a circle": [1, 2, 3, 0],
        "with 9 tiles": [4, 0, 8, 2, 5, 7, 1, 3, 6],
        "with 4 tiles, three of them moved": [2, 1, 3, 0],
        "with 9 tiles that are nearly in order": [0, 1, 3, 4, 2, 5, 6, 8, 7],
    }
    cases = [
        Case(title, (normal(len(order), 2, 3, seed=seed), torch.tensor(order)))
        for seed, (title, order) in enumerate(orders.items())
    ]
    order = torch.tensor([2, 0, 3, 1])  # pixels may be whole numbers, too
    pixels = torch.arange(24, dtype=torch.uint8).reshape(4, 2, 3)
    cases.append(Case("with 4 tiles of whole numbers", (pixels, order)))
    right = pretext.put_back
    verdict = judge(given, right, cases, mistakes_in(right), gradients=False)
    if verdict.message.startswith(ORDERED_OTHERWISE):
        return replace(verdict, message=_where_tiles_lie(given) or verdict.message)
    if verdict.message.startswith("IndexError"):
        more = "the tiles are counted along dimension 0, and an image may have any number of them"
        return replace(verdict, message=f"{verdict.message.removesuffix('.')}. Mind: {more}")
    laid = run_case(given, cases[-1], pixels).value if verdict.passed else None
    if laid is None or laid.dtype == pixels.dtype:
        return verdict
    kind = str(laid.dtype).removeprefix("torch.")
    message = f"tiles of uint8 come back as {kind}: the result has the type of the tiles"
    return replace(verdict, passed=False, message=message)


ORDERED_OTHERWISE = "your result has the right numbers in another order"


def _where_tiles_lie(given: Callable) -> str:
    """Where the first tile lies that is laid to another place, or ""."""
    order = torch.tensor([2, 0, 3, 1])
    tiles = order[:, None].double()  # each holds the number of its own place
    laid = run_case(given, Case("", (tiles, order)), tiles).value
    for place, tile in enumerate([] if laid is None else laid[:, 0].tolist()):
        if place != tile:
            return (
                f"with the order {order.tolist()} your place {place} holds tile {tile:g}: tile "
                f"{place} belongs there, and `permutation` says which tile lies where"
            )
    return ""


# --- numbers -------------------------------------------------------------------------------------

TASKS = ("four rotations", "eight positions", "all orders of 2 x 2 tiles", "64 orders of 3 x 3")


@check
def chance_levels(answer: Any) -> Verdict:
    """Checks the accuracies of guessing in TASKS, shares from 0 to 1."""
    right = [1 / 4, 1 / 8, 1 / 24, 1 / 64]
    told = {
        "these are the numbers of possible answers: one guess in so many is right": [4, 8, 24, 64],
        "that is percent: a share from 0 to 1 is expected": [100 * share for share in right],
        "these are the shares of wrong guesses": [1 - share for share in right],
    }
    single = {
        1: {
            1 / 9: "the centre is no answer: eight places are left",
            1 / 7: "eight places lie round the centre",
            1 / 4: "the corners are answers too: eight places lie round the centre",
        },
        2: {
            1 / 4: "that is one tile's chance to lie right: an answer is the order of all four",
            1 / 16: "no two tiles lie in one place: four tiles have 4 · 3 · 2 · 1 orders",
            1 / 256: "no two tiles lie in one place: four tiles have 4 · 3 · 2 · 1 orders",
            1 / 23: "the order in which nothing is moved is one of the 24",
            1 / 2: "two by two tiles are four, and four tiles have 4 · 3 · 2 · 1 orders",
        },
        3: {
            1 / math.factorial(9): "of all 9! orders only 64 are asked for",
            64 / math.factorial(9): "only the 64 orders of the set are answers, all equally likely",
            1 / 9: "that is one tile's chance to lie right: an answer is one of 64 orders",
            1 / 65: "there are 64 answers",
            1 / 63: "there are 64 answers",
        },
    }

    def otherwise(place: int, number: float) -> str:
        if place in single:
            for wrong, message in single[place].items():
                if math.isclose(number, wrong, rel_tol=0.02):
                    return f"{TASKS[place]}: {message}"
        if not 0 <= number <= 1:
            return f"{TASKS[place]}: a share lies between 0 and 1, got {number:g}"
        if math.isclose(number, right[place], rel_tol=0.1):
            return f"{TASKS[place]}: {number:g} is rounded too far, write it as a fraction"
        cut_off = " (// leaves whole numbers only)" if number == 0 else ""
        message = f"among how many answers is guessed? One in so many, got {number:g}{cut_off}"
        return f"{TASKS[place]}: {message}"

    return judge_numbers(answer, right, told, otherwise=otherwise, tolerance=5e-4, told_within=0.01)


@check
def seen_patches(answer: Any) -> Verdict:
    """Checks [patches seen, share of pairs] of a 224-pixel image in patches of 16, 75 % hidden."""
    of_patches = {
        147: "these are the hidden patches: the encoder sees the others",
        196: "these are all patches of the image: a quarter of them is seen",
        3.5: "you count along one side: an image has 14 · 14 patches",
        14: "you count along one side: an image has 14 · 14 patches",
        12544: "these are pixels: count patches of 16 x 16",
    }
    of_pairs = {
        1 / 4: "that is the share of the patches: pairs go with its square",
        9 / 16: "that is the share of pairs of hidden patches: the encoder sees the others",
        16: "the share is upside down: how many of all pairs are left?",
        2401: "that is how many pairs there are: their share of all 196² pairs is asked for",
        38416: "these are all pairs of the whole image: which share of them is left?",
        6.25: "that is percent: a share from 0 to 1 is expected",
        15 / 16: "that is the share of pairs that are saved: which is left?",
        49 * 48 / (196 * 195): "the pairs of a patch with itself count too: 49² of 196² are left",
    }

    def otherwise(place: int, number: float) -> str:
        for wrong, message in (of_patches, of_pairs)[place].items():
            if math.isclose(number, wrong, rel_tol=0.01):
                return message
        if place == 1 and math.isclose(number, round(1 / 16, 2), abs_tol=1e-5):
            return f"{number:g} is rounded too far, write it as a fraction"
        if place == 0:
            return f"224 / 16 patches along each side, a quarter of all is seen, got {number:g}"
        cut_off = " (// leaves whole numbers only)" if number == 0 else ""
        return f"(seen / all)², both numbers of patches, is expected, got {number:g}{cut_off}"

    return judge_numbers(answer, [49, 1 / 16], {}, otherwise=otherwise, tolerance=HALF_A_STEP)


HALF_A_STEP = 5.01e-4  # of three decimals: 0.0625 may be written as 0.062 or as 0.063


# --- shortcuts -----------------------------------------------------------------------------------

REMEDIES = ("gap", "jitter", "drop colours", "normalise each patch")

# what gives the answer away → what closes it, and why
SHORTCUTS = {
    "lines and edges go on from patch to patch": (
        "gap",
        "with pixels left out between them, the borders no longer match",
    ),
    "a long line crosses the gap and goes on just where it should": (
        "jitter",
        "a few pixels at random, and a long line is no ruler any more",
    ),
    "a lens shifts red against green towards the corners": (
        "drop colours",
        "one channel alone cannot be shifted against another",
    ),
    "the sky is brighter than the ground": (
        "normalise each patch",
        "with mean 0 and deviation 1 every patch is equally bright",
    ),
}


@check
def shortcuts(answer: Any) -> Verdict:
    """Checks a dictionary that names for each of SHORTCUTS the one of REMEDIES that closes it."""
    if not isinstance(answer, Mapping):
        return expected("a dictionary shortcut -> remedy", answer)
    try:
        given = {str(key): value for key, value in answer.items()}
    except Exception as error:  # whatever a dictionary of a learner's raises is told
        return Verdict(False, f"your dictionary cannot be read: {told(error)}")
    listed = ", ".join(map(repr, REMEDIES))
    if unknown := [key for key in given if key not in SHORTCUTS]:
        message = "is none of the shortcuts: take the sentences of the cell as they stand"
        return Verdict(False, f"{shown(unknown[0])} {message}")
    for key, (remedy, _) in SHORTCUTS.items():
        if key not in given:
            return Verdict(False, f"{key!r} is missing")
        named = given[key] if isinstance(given[key], str) else ""
        named = named.strip().lower().replace("color", "colour")
        if named not in REMEDIES:
            return Verdict(False, f"{shown(given[key])} is none of {listed}")
        if named != remedy:
            closes = next(name for name, (other, _) in SHORTCUTS.items() if other == named)
            message = f"{named!r} is not the one meant here: {key}. It is meant where {closes}"
            return Verdict(False, message)
    return Verdict(
        True, "each remedy takes away one thing that is not shape. Public checks passed."
    )
