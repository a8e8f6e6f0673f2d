"""Mistakes in SimCLR as one-shot tasks whose classes are single views."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake


def one_view_task(z, i):
    """Right: the loss of the task whose query is row i of z (2B, P), its supports the others."""
    return _found(z, i, -(z[i] - z).square().sum(1))


def _found(z, i, logits, partner=None):
    """Cross-entropy over all rows but i; the partner is the right one."""
    n_images = len(z) // 2
    partner = (i + n_images) % len(z) if partner is None else partner
    others = torch.arange(len(z)) != i
    return logits[others].logsumexp(0) - logits[partner]


@mistake(
    one_view_task,
    "the query is among its own supports: with distance 0 it is the nearest, leave row i out",
)
def query_kept(z, i):
    logits = -(z[i] - z).square().sum(1)
    return logits.logsumexp(0) - logits[(i + len(z) // 2) % len(z)]


@mistake(
    one_view_task,
    "the right support is the other view of the same image, B rows away, not the next row",
)
def neighbour_as_partner(z, i):
    return _found(z, i, -(z[i] - z).square().sum(1), partner=i + 1 if i % 2 == 0 else i - 1)


@mistake(
    one_view_task,
    "the right support is the other view of the same image, B rows away: the next row shows "
    "another image",
)
def next_row_as_partner(z, i):
    return _found(z, i, -(z[i] - z).square().sum(1), partner=(i + 1) % len(z))


@mistake(one_view_task, "the distance is not squared: a prototypical network squares it")
def not_squared(z, i):
    return _found(z, i, -(z[i] - z).norm(dim=1))


@mistake(one_view_task, "the sign is wrong: a near support must get a large logit")
def far_is_likely(z, i):
    return _found(z, i, (z[i] - z).square().sum(1))


@mistake(
    one_view_task,
    "a logit is the inner product, half of what is asked for: the squared distance holds it twice",
)
def inner_product_once(z, i):
    return _found(z, i, z @ z[i])


@mistake(
    one_view_task,
    "this is right on a sphere only: the squared distance also holds the support's squared length",
)
def inner_product_doubled(z, i):
    return _found(z, i, 2 * z @ z[i])


@mistake(
    one_view_task,
    "only the B views of the other side are supports: all the other 2B - 1 views are",
)
def other_side_only(z, i):
    n_images = len(z) // 2
    logits = -(z[i] - z).square().sum(1)
    side = (torch.arange(len(z)) // n_images) != i // n_images
    return logits[side].logsumexp(0) - logits[(i + n_images) % len(z)]


@mistake(
    one_view_task,
    "the right support is missing in the softmax: only the other images are left there",
)
def partner_left_out(z, i):
    partner = (i + len(z) // 2) % len(z)
    logits = -(z[i] - z).square().sum(1)
    rows = torch.arange(len(z))
    return logits[(rows != i) & (rows != partner)].logsumexp(0) - logits[partner]


@mistake(one_view_task, "the distance is averaged over the features: it is their sum")
def averaged_distance(z, i):
    return _found(z, i, -(z[i] - z).square().mean(1))


@mistake(
    one_view_task,
    "the logits are cosines: nothing is normalised here, take minus the squared distances",
)
def cosines(z, i):
    z = F.normalize(z, dim=1)
    return _found(z, i, z @ z[i])


@mistake(
    one_view_task,
    "the squared distance is halved: that is the density of a Gaussian, a prototypical network "
    "takes all of it",
)
def halved_distance(z, i):
    return _found(z, i, -(z[i] - z).square().sum(1) / 2)


@mistake(
    one_view_task,
    "the distance is divided by a temperature of 0.5: here is none, the lengths of z play its part",
)
def divided_by_a_temperature(z, i):
    return _found(z, i, -(z[i] - z).square().sum(1) / 0.5)


@mistake(
    one_view_task,
    "the softmax is taken twice: F.cross_entropy takes it itself, so give it logits",
)
def softmax_twice(z, i):
    others = torch.arange(len(z)) != i
    logits = -(z[i] - z).square().sum(1).masked_fill(~others, math.inf)
    return _found(z, i, logits.softmax(0))


@mistake(
    one_view_task,
    "after row i is taken out, the rows behind it move up by one: so does the partner of a first "
    "view",
)
def partner_not_moved(z, i):
    index = (i + len(z) // 2) % len(z) % (len(z) - 1)
    return _found(z, i, -(z[i] - z).square().sum(1), partner=index + (index >= i))


@mistake(
    one_view_task,
    "only the rows behind row i move up when it is taken out: the partner of a second view stands "
    "before it and stays",
)
def partner_always_moved(z, i):
    index = ((i + len(z) // 2) % len(z) - 1) % (len(z) - 1)
    return _found(z, i, -(z[i] - z).square().sum(1), partner=index + (index >= i))


@mistake(
    one_view_task,
    "the two views of an image are averaged to one prototype: each row is a class of its own",
)
def views_averaged(z, i):
    n_images = len(z) // 2
    logits = -(z[i] - (z[:n_images] + z[n_images:]) / 2).square().sum(1)
    return logits.logsumexp(0) - logits[i % n_images]


@mistake(one_view_task, "this is the probability of the right support: the loss is minus its log")
def probability(z, i):
    return (-one_view_task(z, i)).exp()
