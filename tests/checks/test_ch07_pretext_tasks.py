"""The checks on pretext tasks pass the right answers and name each mistake that they know."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from support.every_check import EveryCheck

from mlteach import checks, pretext
from mlteach.checks import ch07_pretext_tasks
from mlteach.mistakes import mistakes_in
from mlteach.mistakes import pretext as wrong

# --- right functions, in other words than the definition ------------------------------------------


def right_mask(n, grid, ratio, generator):
    """One image after the other, each by a random permutation."""
    rows, columns = grid
    hidden = min(max(round(ratio * rows * columns), 1), rows * columns - 1)
    masks = []
    for _ in range(n):
        mask = torch.zeros(rows * columns, dtype=torch.bool)
        mask[torch.randperm(rows * columns, generator=generator)[:hidden]] = True
        masks.append(mask.reshape(rows, columns))
    return torch.stack(masks)


def right_loss(prediction, patches, mask):
    errors = []
    for b, n in itertools.product(*map(range, mask.shape)):
        if mask[b, n]:
            errors += [(p - x) ** 2 for p, x in zip(prediction[b, n], patches[b, n], strict=True)]
    return sum(errors) / len(errors)


def right_label(down, across):
    around = [[0, 1, 2], [3, None, 4], [5, 6, 7]]
    pairs = zip(down.tolist(), across.tolist(), strict=True)
    return torch.tensor([around[1 + i][1 + j] for i, j in pairs])


def right_order(tiles, permutation):
    original = torch.empty_like(tiles)
    original[permutation] = tiles
    return original


RIGHT = {
    "random_mask": right_mask,
    "masked_loss": right_loss,
    "position_label": right_label,
    "put_back": right_order,
}
MISTAKES = {name: mistakes_in(getattr(wrong, name)) for name in RIGHT}


class TestEveryCheck(EveryCheck):
    """What all checks promise."""


def test_no_two_mistakes_are_told_the_same():
    for name, mistakes in MISTAKES.items():
        told = [mistake.explanation for mistake in mistakes]
        assert len(set(told)) == len(told), name


# --- the library's own functions pass, too --------------------------------------------------------


def test_the_librarys_mask_passes():
    assert checks.random_mask(pretext.random_mask).passed


def test_the_library_numbers_positions_as_the_exercise_does():
    """What `relative_position` cuts lies where its label says, by the right function."""
    images = (
        torch.arange(3 * 8 * 3 * 8, dtype=torch.float32)
        .reshape(1, 1, 24, 24)
        .expand(64, -1, -1, -1)
    )
    generator = torch.Generator().manual_seed(0)
    centre, neighbour, labels = pretext.relative_position(images, patch=8, generator=generator)
    apart = (neighbour - centre)[:, 0, 0, 0].round().long()
    down = torch.div(apart + 12, 24, rounding_mode="floor")
    across = apart - 24 * down
    assert labels.tolist() == right_label(down.sign(), across.sign()).tolist()
    assert set(labels.tolist()) == set(range(8))


def test_the_library_lays_tiles_as_the_exercise_puts_them_back():
    images = torch.rand(5, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    orders = pretext.permutation_set(9, 20)
    generator = torch.Generator().manual_seed(2)
    tiles, labels = pretext.jigsaw(images, orders, generator=generator)
    plain, _ = pretext.jigsaw(images, torch.arange(9)[None], generator=generator)
    for image, label in enumerate(labels.tolist()):
        assert torch.equal(wrong.put_back(tiles[image], orders[label]), plain[image])


# --- random_mask ----------------------------------------------------------------------------------


def shifted(n, grid, ratio, generator):
    """One scattered mask, moved on in a circle."""
    hidden = wrong.number_hidden(grid, ratio)
    one = torch.arange(math.prod(grid)) * 11 % math.prod(grid) < hidden
    starts = torch.randint(math.prod(grid), (n,), generator=generator).tolist()
    return torch.stack([one.roll(start).reshape(grid) for start in starts])


def hiding(count):
    """A function that hides so many patches: of what is exact, and of the size."""

    def masks(n, grid, ratio, generator):
        size = math.prod(grid)
        return wrong.masks.lowest(n, grid, count(ratio * size, size), generator)

    return masks


def only_at_the_ends(exact, size):
    """Never none, but all, unless the ratio is 1."""
    return size - 1 if exact == size else round(exact) or 1


def by_quantile(exact, size):
    """So many of random numbers are below their quantile, which lies between two of them."""
    return math.ceil(exact * (size - 1) / size)


def few_in_turn(n, grid, ratio, generator):
    """Three masks, repeated."""
    return right_mask(3, grid, ratio, generator).repeat(-(-n // 3), 1, 1)[:n]


def equal_keys(n, grid, ratio, generator):
    """Hides up to the k-th of keys that are equal now and then."""
    keys = torch.randint(50, (n, math.prod(grid)), generator=generator)
    last = keys.kthvalue(wrong.number_hidden(grid, ratio), 1, keepdim=True).values
    return (keys <= last).reshape(n, *grid)


def never_the_first(n, grid, ratio, generator):
    """The upper left patch is visible, unless all but one are hidden."""
    hidden = wrong.number_hidden(grid, ratio)
    if hidden > math.prod(grid) - 2:
        return right_mask(n, grid, ratio, generator)
    rest = torch.rand(n, math.prod(grid) - 1, generator=generator).argsort(1).argsort(1) < hidden
    return torch.cat([torch.zeros(n, 1, dtype=torch.bool), rest], 1).reshape(n, *grid)


def copying(n, grid, ratio, generator):
    """Draws from a copy of the generator."""
    copy = torch.Generator()
    copy.set_state(generator.get_state())
    return right_mask(n, grid, ratio, copy)


def seeding_its_generator(n, grid, ratio, generator):
    """Begins anew at every call."""
    generator.manual_seed(generator.initial_seed())
    return right_mask(n, grid, ratio, generator)


def counting_hidden(n, grid, ratio, generator):
    """Whole numbers in a list, which are not 0 where a patch is hidden."""
    return (3 * right_mask(n, grid, ratio, generator).long()).tolist()


def seeding_torch(n, grid, ratio, generator):
    """Follows the generator, by way of torch's own random numbers."""
    torch.manual_seed(int(torch.randint(10**6, (), generator=generator)))
    return right_mask(n, grid, ratio, None)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        (shifted, "1500 images get 20 different masks: each draws its own, from all"),
        (few_in_turn, "1500 images get 3 different masks: each draws its own, from all"),
        (equal_keys, "some images hide more than 15 patches, none fewer: do several patches share"),
        (never_the_first, "the patch in row 0, column 0 is hidden in 0% of the images"),
        (seeding_torch, "torch.manual_seed changes what others draw"),
        (copying, "two calls with one generator draw the same"),
        (seeding_its_generator, "two calls with one generator draw the same"),
        (counting_hidden, "expected is a mask: True and False"),
        (hiding(lambda exact, size: min(max(round(exact), 2), size - 2)), "expected are 1"),
        (hiding(only_at_the_ends), "6 of 6 patches are hidden"),
        (hiding(lambda exact, size: min(max(round(exact), size // 10, 1), size - 1)), "clamp"),
        (hiding(lambda exact, size: size - round(size - exact)), "expected are 8: round(7.5) is 8"),
        (hiding(by_quantile), "expected are 4: round(4.5) is 4"),
        (lambda n, grid, ratio, generator: right_mask(n, grid, ratio, generator).float(), "a mask"),
        (lambda n, grid, ratio, generator: right_mask(n + 1, grid, ratio, generator), "shape"),
        (lambda n, grid, ratio, generator: right_mask(n, grid, ratio / 2, generator), "8 of 20"),
        (lambda n, grid, ratio, generator: torch.rand(n, *grid, generator=3) < ratio, "TypeError"),
    ],
)
def test_other_masks_are_told_what_they_show(given, part):
    verdict = checks.random_mask(given)
    assert not verdict.passed
    assert part in str(verdict)


def test_any_way_of_drawing_passes():
    """Order by random numbers, by permutations, by exponential races; keyword-only too."""

    def race(n, grid, ratio, *, generator):
        times = torch.empty(n, math.prod(grid)).exponential_(generator=generator)
        hidden = times.topk(wrong.number_hidden(grid, ratio), 1).indices
        mask = torch.zeros(n, math.prod(grid), dtype=torch.bool)
        return mask.scatter_(1, hidden, True).reshape(n, *grid)

    def chosen(n, grid, ratio, generator):
        ones = torch.ones(n, math.prod(grid))
        hidden = torch.multinomial(ones, wrong.number_hidden(grid, ratio), generator=generator)
        return torch.zeros(n, math.prod(grid)).scatter(1, hidden, 1.0).bool().reshape(n, *grid)

    for given in (race, chosen, right_mask):
        assert checks.random_mask(given).passed, given


def test_images_that_share_their_masks():
    def in_pairs(n, grid, ratio, generator):
        half = pretext.random_mask((n + 1) // 2, grid, ratio, generator=generator)
        return half.repeat_interleave(2, 0)[:n]

    verdict = checks.random_mask(in_pairs)
    assert "different masks: each draws its own" in verdict.message


def test_tiles_that_are_whole_numbers():
    def into_zeros(tiles, permutation):
        result = torch.zeros(tiles.shape)
        result[permutation] = tiles
        return result

    verdict = checks.put_back(into_zeros)
    assert not verdict.passed
    assert "Case 5 of 5: with 4 tiles of whole numbers" in str(verdict)
    verdict = checks.put_back(lambda tiles, order: tiles[order.argsort()].double())
    assert not verdict.passed
    assert "tiles of uint8 come back as float64" in verdict.message


def test_an_error_that_is_the_same_for_the_opposite_mask_depends_on_the_mask():
    def halves(prediction, patches, mask):
        error = (prediction - patches).square()
        return (error[mask].mean() + error[~mask].mean()) / 2

    verdict = checks.masked_loss(halves)
    assert not verdict.passed
    assert "does not depend" not in verdict.message


@pytest.mark.parametrize(
    "given",
    [
        lambda label: (label + 0.25).numpy(),
        lambda label: [entry + 0.75 for entry in label.tolist()],
        lambda label: label.numpy().astype(float),
        lambda label: label.int(),
    ],
)
def test_labels_are_not_cut_off_to_whole_numbers(given):
    right = ch07_pretext_tasks.pretext.position_label
    assert not checks.position_label(lambda down, across: given(right(down, across))).passed


# --- position_label -------------------------------------------------------------------------------


def test_labels_that_are_told_one_by_one():
    """A numbering that is no known one is told by its first wrong place; floats are no labels."""
    up_down = checks.position_label(lambda down, across: down.abs() + across + 1)
    assert not up_down.passed
    assert "the neighbour above left has label 0, yours is 1" in up_down.message
    for dtype in (torch.float32, torch.int32, torch.int8):  # cross_entropy refuses them
        others = checks.position_label(lambda *pair, dtype=dtype: right_label(*pair).to(dtype))
        assert not others.passed
        assert f"your labels are numbers of {str(dtype)[6:]}" in others.message
    assert checks.position_label(lambda *pair: right_label(*pair).tolist()).passed


# --- masked_loss ----------------------------------------------------------------------------------


def test_detached_patches_pass_and_a_detached_prediction_does_not():
    def of_data(prediction, patches, mask):
        return wrong.masked_loss(prediction, patches.detach(), mask)

    def of_nothing(prediction, patches, mask):
        return wrong.masked_loss(prediction.detach(), patches, mask)

    def with_weights(prediction, patches, mask):
        errors = (prediction - patches).square().mean(-1)
        return (errors * mask).sum() / mask.sum()

    for given in (of_data, with_weights):
        assert checks.masked_loss(given).passed, given
    verdict = checks.masked_loss(of_nothing)
    assert not verdict.passed
    assert "no gradient can flow" in verdict.message
    changing = checks.masked_loss(lambda p, x, m: p.sub_(x)[m].square().mean())
    assert "changes its input" in changing.message


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        [0.25, 0.125, 1 / 24, 1 / 64],
        (Fraction(1, 4), Fraction(1, 8), Fraction(1, 24), Fraction(1, 64)),
        np.array([0.25, 0.125, 0.0417, 0.0156]),
        torch.tensor([0.25, 0.125, 0.042, 0.016]),
    ],
)
def test_chance_levels(answer):
    assert checks.chance_levels(answer).passed


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([4, 8, 24, 64], "one guess in so many"),
        ([25, 12.5, 4.17, 1.56], "that is percent"),
        ([0.75, 0.875, 23 / 24, 63 / 64], "shares of wrong guesses"),
        ([0.25, 1 / 9, 1 / 24, 1 / 64], "eight positions: the centre is no answer"),
        ([0.25, 0.125, 0.25, 1 / 64], "that is one tile's chance"),
        ([0.25, 0.125, 1 / 16, 1 / 64], "4 · 3 · 2 · 1 orders"),
        ([0.25, 0.125, 1 / 24, 1 / math.factorial(9)], "only 64 are asked for"),
        ([0.25, 0.125, 1 / 24, 1 / 9], "one of 64 orders"),
        ([0.5, 0.125, 1 / 24, 1 / 64], "four rotations: among how many answers"),
        ([0.25, 0.125, 0.04, 1 / 64], "0.04 is rounded too far"),
        ([0.25, 0.125, 24, 1 / 64], "a share lies between 0 and 1, got 24"),
        ([0.25, 0.125, 1 / 24], "a list of 4 numbers is expected"),
        ("many", "a list of 4 numbers is expected"),
    ],
)
def test_wrong_chance_levels_are_explained(answer, part):
    verdict = checks.chance_levels(answer)
    assert not verdict.passed
    assert part in verdict.message


@pytest.mark.parametrize(
    "answer",
    [
        [49, 1 / 16],
        [49, 0.0625],
        (49.0, Fraction(1, 16)),
        [49, 0.063],
        [49, 0.062],
        torch.tensor([49, 0.063]),
    ],
)
def test_seen_patches(answer):
    assert checks.seen_patches(answer).passed
    assert (224 // 16) ** 2 / 4 == 49
    assert 49**2 / 196**2 == 1 / 16


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ([147, 9 / 16], "these are the hidden patches"),
        ([196, 1], "all patches of the image"),
        ([14, 1 / 16], "along one side"),
        ([12544, 1 / 16], "these are pixels"),
        ([49, 9 / 16], "pairs of hidden patches"),
        ([49, 38416], "all pairs of the whole image"),
        ([49, 0.25], "pairs go with its square"),
        ([49, 16], "upside down"),
        ([49, 2401], "how many pairs there are"),
        ([49, 6.25], "that is percent"),
        ([49, 15 / 16], "are saved"),
        ([49, 49 * 48 / (196 * 195)], "pairs of a patch with itself"),
        ([3.5, 1 / 16], "along one side"),
        ([48, 1 / 16], "a quarter of all is seen, got 48"),
        ([49, 0.5], "(seen / all)²"),
        ([49, 0.06], "0.06 is rounded too far"),
        (torch.tensor([49, 0.06]), "0.06 is rounded too far"),
        (49, "a list of 2 numbers is expected"),
    ],
)
def test_wrong_numbers_of_patches_are_explained(answer, part):
    verdict = checks.seen_patches(answer)
    assert not verdict.passed
    assert part in verdict.message


# --- shortcuts ------------------------------------------------------------------------------------

KEYS = list(ch07_pretext_tasks.SHORTCUTS)
CLOSED = {key: remedy for key, (remedy, _) in ch07_pretext_tasks.SHORTCUTS.items()}


def test_every_shortcut_has_a_remedy_of_its_own():
    assert checks.shortcuts(CLOSED).passed
    assert checks.shortcuts({key: f" {CLOSED[key].upper()}" for key in CLOSED}).passed
    assert checks.shortcuts({k: v.replace("colour", "color") for k, v in CLOSED.items()}).passed
    assert sorted(CLOSED.values()) == sorted(ch07_pretext_tasks.REMEDIES)
    for key, other in itertools.product(KEYS, ch07_pretext_tasks.REMEDIES):
        verdict = checks.shortcuts(CLOSED | {key: other})
        assert verdict.passed == (other == CLOSED[key])
        if not verdict.passed:
            assert f"{other!r} is not the one meant here: {key}. It is meant" in verdict.message


@pytest.mark.parametrize(
    ("answer", "part"),
    [
        ({}, f"{KEYS[0]!r} is missing"),
        (CLOSED | {KEYS[1]: "glue"}, "'glue' is none of 'gap'"),
        (CLOSED | {KEYS[1]: ["gap"]}, "is none of 'gap'"),
        (CLOSED | {"noise": "gap"}, "'noise' is none of the shortcuts"),
        (["gap"], "a dictionary shortcut -> remedy is expected here"),
        (None, "a dictionary shortcut -> remedy is expected here"),
    ],
)
def test_wrong_remedies_are_explained(answer, part):
    verdict = checks.shortcuts(answer)
    assert not verdict.passed
    assert part in verdict.message


def test_a_batch_of_one_stays_a_batch():
    squeezed = checks.random_mask(lambda *given, **more: RIGHT["random_mask"](*given, **more)[0])
    assert not squeezed.passed
    squeezed = checks.random_mask(
        lambda *given, **more: RIGHT["random_mask"](*given, **more).squeeze(0)
    )
    assert "one image" in squeezed.where
    assert "shape (3, 4)" in squeezed.message
    label = checks.position_label(lambda *given: RIGHT["position_label"](*given).squeeze())
    assert "one place" in label.where
