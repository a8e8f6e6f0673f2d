"""Mistakes in what exercises ask for: a loss of hidden patches, a label, an order undone."""

from __future__ import annotations

import math

import torch

from mlteach.mistakes._registry import mistake

# --- the loss ------------------------------------------------------------------------------------


def masked_loss(prediction, patches, mask):
    """Right: (B, N, D), (B, N, D), (B, N) -> (), the mean squared error over hidden patches."""
    return (prediction[mask] - patches[mask]).square().mean()


@mistake(
    masked_loss,
    "the mean goes over all patches: visible ones can be copied, so they do not count",
)
def over_all_patches(prediction, patches, mask):
    return (prediction - patches).square().mean()


@mistake(masked_loss, "the mean goes over the visible patches: True in mask is a hidden one")
def over_visible_patches(prediction, patches, mask):
    return masked_loss(prediction, patches, ~mask)


@mistake(
    masked_loss,
    "visible patches count as errors of 0: divide by the number of hidden patches, not of all",
)
def divided_by_all(prediction, patches, mask):
    return ((prediction - patches).square() * mask[..., None]).mean()


@mistake(
    masked_loss,
    "you divide by the number of all patches, and not by D: divide by the hidden patches times D",
)
def divided_by_all_patches(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().sum() / mask.numel()


@mistake(
    masked_loss,
    "errors of visible patches are in the sum, which is divided by the number of hidden ones: "
    "leave them out of the sum",
)
def visible_in_the_sum(prediction, patches, mask):
    return over_all_patches(prediction, patches, mask) / mask.float().mean()


@mistake(
    masked_loss,
    "the mean over all patches, times the share that is hidden: take the mean over the hidden ones",
)
def times_the_hidden_share(prediction, patches, mask):
    return over_all_patches(prediction, patches, mask) * mask.float().mean()


@mistake(
    masked_loss,
    "only the prediction is masked: set patches to 0 too, or index both, prediction[mask]",
)
def prediction_masked_only(prediction, patches, mask):
    return (prediction * mask[..., None] - patches).square().mean()


@mistake(
    masked_loss,
    "the D errors of a patch are added up: take their mean, too",
)
def summed_within_a_patch(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().sum(1).mean()


@mistake(masked_loss, "the errors are added up: take their mean")
def summed(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().sum()


@mistake(
    masked_loss,
    "you divide the sum by the number of images: divide by the hidden patches times D",
)
def divided_by_the_images(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().sum() / len(mask)


@mistake(
    masked_loss,
    "the errors of an image's hidden patches are added: take one mean over all hidden patches",
)
def summed_within_an_image(prediction, patches, mask):
    return ((prediction - patches).square().mean(2) * mask).sum(1).mean()


@mistake(
    masked_loss,
    "you average within each image first: where few patches of an image are hidden, each would "
    "count more; take one mean over all hidden patches",
)
def mean_of_the_images(prediction, patches, mask):
    errors = (prediction - patches).square().mean(2) * mask
    return (errors.sum(1) / mask.sum(1)).mean()


@mistake(masked_loss, "you take absolute differences: the loss squares them")
def absolute_differences(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).abs().mean()


@mistake(masked_loss, "you take the root of the mean: the mean squared error has none")
def root_of_the_mean(prediction, patches, mask):
    return masked_loss(prediction, patches, mask).sqrt()


@mistake(masked_loss, "the square is taken of the mean difference: square first, then average")
def square_of_the_mean(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).mean().square()


@mistake(masked_loss, "the mean of each patch is predicted only: compare all of its D numbers")
def means_of_patches(prediction, patches, mask):
    return (prediction[mask].mean(1) - patches[mask].mean(1)).square().mean()


@mistake(
    masked_loss,
    "the patches are normalised first, as a variant of MAE does: here they stay as they are",
)
def normalised_patches(prediction, patches, mask):
    mean, var = patches.mean(2, keepdim=True), patches.var(2, keepdim=True)
    return masked_loss(prediction, (patches - mean) / (var + 1e-6).sqrt(), mask)


@mistake(masked_loss, "you take the median of the squared errors: their mean is asked for")
def median_of_the_errors(prediction, patches, mask):
    return (prediction[mask] - patches[mask]).square().median()


@mistake(masked_loss, "only the first image counts: go through all of the batch")
def first_image_only(prediction, patches, mask):
    return masked_loss(prediction[:1], patches[:1], mask[:1])


# --- the label of a relative position ------------------------------------------------------------


def position_label(down, across):
    """Right: (B,), (B,) in {-1, 0, 1} -> (B,) 0 to 7, row by row, the centre left out."""
    place = 3 * (down + 1) + across + 1
    return place - (place > 4).long()


@mistake(
    position_label,
    "the centre is counted: it is no answer, so the labels after it are one less, 7 at most",
)
def centre_counted(down, across):
    return 3 * (down + 1) + across + 1


@mistake(position_label, "you count column by column: 0, 1, 2 are the three above, row by row")
def column_by_column(down, across):
    return position_label(across, down)


@mistake(position_label, "the labels begin at 1: cross_entropy wants 0 to 7")
def from_one_on(down, across):
    return position_label(down, across) + 1


@mistake(
    position_label,
    "you tell where the centre lies, seen from the neighbour: "
    "down and across lead from the centre to the neighbour",
)
def seen_from_the_neighbour(down, across):
    return position_label(-down, -across)


@mistake(position_label, "above and below are swapped: down = -1 is the row above, labels 0, 1, 2")
def above_and_below_swapped(down, across):
    return position_label(-down, across)


@mistake(position_label, "left and right are swapped: across = -1 is left, labels 0, 3 and 5")
def left_and_right_swapped(down, across):
    return position_label(down, -across)


CLOCKWISE = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def _on_a_walk(down, across, places):
    """The number of each place on a walk round the centre."""
    numbers = {place: number for number, place in enumerate(places)}
    pairs = zip(down.tolist(), across.tolist(), strict=True)
    return torch.tensor([numbers[pair] for pair in pairs])


@mistake(position_label, "you walk clockwise round the centre: count row by row instead")
def clockwise(down, across):
    return _on_a_walk(down, across, CLOCKWISE)


@mistake(position_label, "you walk anticlockwise round the centre: count row by row instead")
def anticlockwise(down, across):
    return _on_a_walk(down, across, (CLOCKWISE[0], *CLOCKWISE[:0:-1]))


@mistake(position_label, "you number by the angle, from the right on: count row by row instead")
def by_angle(down, across):
    angle = torch.atan2(-down.double(), across.double())
    return (angle / (math.pi / 4)).round().long() % 8


@mistake(
    position_label,
    "1 is subtracted everywhere: only the labels after the centre become one less",
)
def one_less_everywhere(down, across):
    return 3 * (down + 1) + across


@mistake(
    position_label,
    "a label beyond 7 is cut off to 7: all labels after the centre become one less, not the last",
)
def last_cut_off(down, across):
    return centre_counted(down, across).clamp(max=7)


@mistake(
    position_label,
    "a label beyond 7 begins at 0 again: all labels after the centre become one less",
)
def last_begins_again(down, across):
    return centre_counted(down, across) % 8


# --- the order of tiles --------------------------------------------------------------------------


def put_back(tiles, permutation):
    """Right: (T, ...) tiles with tiles[place] = original[permutation[place]] -> the original."""
    return tiles[permutation.argsort()]


@mistake(
    put_back,
    "you lay the tiles in the order once more: `tiles[permutation]` shuffles, going back needs "
    "the inverse, original[permutation] = tiles",
)
def shuffled_again(tiles, permutation):
    return tiles[permutation]


@mistake(put_back, "the tiles stay as they lie: move tile `permutation[place]` to its place")
def left_as_they_lie(tiles, permutation):
    return tiles.clone()


@mistake(
    put_back,
    "only the first four tiles are moved: an image may have more, so go over range(len(tiles))",
)
def first_four_moved(tiles, permutation):
    made = tiles.clone()
    made[permutation[:4]] = tiles[:4]
    return made


@mistake(
    put_back,
    "only the first four tiles are laid, the other places stay 0: an image may have more tiles, so "
    "go over range(len(tiles))",
)
def first_four_laid(tiles, permutation):
    made = torch.zeros_like(tiles)
    made[permutation[:4]] = tiles[:4]
    return made


@mistake(put_back, "you reverse the tiles: undo the order itself, whatever it is")
def reversed_tiles(tiles, permutation):
    return tiles.flip(0)


@mistake(put_back, "you reverse the order: its inverse is asked for, that is argsort")
def order_reversed(tiles, permutation):
    return tiles[permutation.flip(0)]


@mistake(put_back, "you sort the order downwards: argsort without descending=True")
def sorted_downwards(tiles, permutation):
    return tiles[permutation.argsort(descending=True)]


@mistake(
    put_back,
    "places are overwritten before they are read: write into a new tensor, not into `tiles`",
)
def written_over(tiles, permutation):
    made = tiles.clone()
    for place, tile in enumerate(permutation.tolist()):
        made[tile] = made[place]
    return made


@mistake(
    put_back,
    "swapping along the way moves tiles that were right: write every tile once, into a new tensor",
)
def swapped_along_the_way(tiles, permutation):
    order = list(range(len(tiles)))
    for place, tile in enumerate(permutation.tolist()):
        order[place], order[tile] = order[tile], order[place]
    return tiles[order]
