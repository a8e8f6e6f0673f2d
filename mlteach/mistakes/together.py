"""Mistakes where both halves of the book meet: tasks of single images, MAML's head, mixed batches.

The exercises of chapter 17 ask for these; the right definitions stand here too.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from scipy.stats import t as student

from mlteach.losses import nt_xent, supervised_contrastive
from mlteach.mistakes._registry import mistake

# --- the task of one view ------------------------------------------------------------------------


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


# --- one inner step from a head of zeros ---------------------------------------------------------


def zero_head_logits(support, labels, query, lr):
    """Right: (M, C) logits of a linear head without bias, after one step from zeros."""
    return lr * query @ _step(support, labels)


def _step(support, labels, share=None):
    """(D, C) minus the gradient of the mean cross-entropy at a head of zeros."""
    targets = F.one_hot(labels).to(support)  # (N, C)
    share = 1 / targets.shape[1] if share is None else share
    return support.T @ (targets - share) / len(support)


@mistake(zero_head_logits, "the sign is wrong: this step goes up the loss, not down")
def step_uphill(support, labels, query, lr):
    return -zero_head_logits(support, labels, query, lr)


@mistake(
    zero_head_logits,
    "the probabilities are missing: at zeros every class has 1/C, and the gradient holds "
    "them minus the labels",
)
def no_probabilities(support, labels, query, lr):
    return lr * query @ _step(support, labels, share=0)


@mistake(
    zero_head_logits, "the support's losses are added up: the loss is their mean, so divide by N"
)
def summed_over_the_support(support, labels, query, lr):
    return len(support) * zero_head_logits(support, labels, query, lr)


@mistake(
    zero_head_logits,
    "these are class means minus their mean, times lr: the gradient has 1/N, not one over the "
    "shots",
)
def means_without_their_share(support, labels, query, lr):
    means = _means(support, labels)
    return lr * query @ (means - means.mean(0)).T


def _means(support, labels):
    """(C, D) mean of each class."""
    return torch.stack([support[labels == c].mean(0) for c in range(int(labels.max()) + 1)])


@mistake(
    zero_head_logits,
    "these are class means minus the support's mean, times lr: the gradient has 1/N, not one over "
    "the shots, and 1/C of every image",
)
def means_minus_the_support_mean(support, labels, query, lr):
    return lr * query @ (_means(support, labels) - support.mean(0)).T


@mistake(
    zero_head_logits,
    "class means are right only if all classes have as many images: each image counts 1/N, so take "
    "sums",
)
def equal_shots_assumed(support, labels, query, lr):
    means = _means(support, labels)
    return lr / len(means) * query @ (means - means.mean(0)).T


@mistake(
    zero_head_logits,
    "these are inner products with class means, as of prototypes: a step from zeros gives lr/N "
    "times their sums, minus 1/C of all images",
)
def inner_products_with_means(support, labels, query, lr):
    return lr * query @ _means(support, labels).T


@mistake(
    zero_head_logits,
    "the probabilities at zeros are 1/N in yours: there are C classes, so 1/C",
)
def one_over_the_images(support, labels, query, lr):
    return lr * query @ _step(support, labels, share=1 / len(support))


@mistake(
    zero_head_logits,
    "the probabilities at zeros are one half in yours, as of a sigmoid: a softmax over C classes "
    "gives 1/C",
)
def one_half(support, labels, query, lr):
    return lr * query @ _step(support, labels, share=0.5)


@mistake(
    zero_head_logits,
    "the gradient is divided by the number of classes: the mean is over the N images",
)
def divided_by_the_classes(support, labels, query, lr):
    n_way = labels.max() + 1
    return zero_head_logits(support, labels, query, lr) * len(support) / n_way


@mistake(
    zero_head_logits,
    "the gradient is divided by N and by the number of classes: the mean is over N images alone",
)
def divided_by_images_and_classes(support, labels, query, lr):
    return zero_head_logits(support, labels, query, lr) / (labels.max() + 1)


@mistake(zero_head_logits, "the log-softmax is taken already: logits are asked for")
def log_softmax_taken(support, labels, query, lr):
    return zero_head_logits(support, labels, query, lr).log_softmax(1)


@mistake(zero_head_logits, "you take two steps: one step from zeros is asked for")
def two_steps_from_zeros(support, labels, query, lr):
    head = lr * _step(support, labels)
    slope = support.T @ ((support @ head).softmax(1) - F.one_hot(labels)) / len(support)
    return query @ (head - lr * slope)


@mistake(zero_head_logits, "a bias learns too: this head has none")
def bias_learned(support, labels, query, lr):
    bias = _step(torch.ones_like(support[:, :1]), labels)  # (1, C)
    return zero_head_logits(support, labels, query, lr) + lr * bias


@mistake(zero_head_logits, "lr is missing: a step is lr times the gradient")
def no_rate(support, labels, query, lr):
    return query @ _step(support, labels)


@mistake(zero_head_logits, "the gradient is divided by the number of queries: the support has N")
def divided_by_the_queries(support, labels, query, lr):
    return zero_head_logits(support, labels, query, lr) * len(support) / len(query)


@mistake(zero_head_logits, "the softmax is taken already: logits are asked for")
def softmax_taken(support, labels, query, lr):
    return zero_head_logits(support, labels, query, lr).softmax(1)


@mistake(
    zero_head_logits,
    "the support features are detached, or an inner gradient was taken without create_graph=True: "
    "the outer gradient of MAML flows through them too",
)
def support_detached(support, labels, query, lr):
    return zero_head_logits(support.detach(), labels, query, lr)


# --- one batch of labelled and unlabelled images -------------------------------------------------


def mixed_loss(z1, z2, labels, *, temperature):
    """Right: contrast over both views; labels (B,) >= 0, or -1 for an image without."""
    return supervised_contrastive(
        torch.cat([z1, z2]), _instances(labels).repeat(2), temperature=temperature
    )


def _instances(labels):
    """A number of its own for each image without a label."""
    own = labels.max().clamp(min=0) + 1 + torch.arange(len(labels))
    return torch.where(labels < 0, own, labels)


@mistake(
    mixed_loss,
    "all images without a label count as one class: -1 says that the class is not known, so give "
    "each a number of its own",
)
def unknown_as_a_class(z1, z2, labels, *, temperature):
    return supervised_contrastive(torch.cat([z1, z2]), labels.repeat(2), temperature=temperature)


@mistake(
    mixed_loss,
    "the labels are not used: images of one class are pushed apart here, they must be positives",
)
def labels_unused(z1, z2, labels, *, temperature):
    return nt_xent(z1, z2, temperature=temperature)


@mistake(
    mixed_loss,
    "images without a label are left out: they are anchors with their other view, and negatives "
    "of all others",
)
def unlabelled_left_out(z1, z2, labels, *, temperature):
    known = labels >= 0
    return unknown_as_a_class(z1[known], z2[known], labels[known], temperature=temperature)


@mistake(
    mixed_loss,
    "the numbers of images without a label are those of classes too: begin behind the largest",
)
def numbers_used_twice(z1, z2, labels, *, temperature):
    own = torch.where(labels < 0, torch.arange(len(labels)), labels)
    return unknown_as_a_class(z1, z2, own, temperature=temperature)


@mistake(
    mixed_loss,
    "the numbers are in another order than the rows: cat([z1, z2]) holds all first views, then all "
    "second ones, so repeat(2) and not repeat_interleave(2)",
)
def repeated_one_by_one(z1, z2, labels, *, temperature):
    numbers = _instances(labels).repeat_interleave(2)
    return supervised_contrastive(torch.cat([z1, z2]), numbers, temperature=temperature)


@mistake(
    mixed_loss,
    "this adds two losses, of the labelled and of the unlabelled images: in one batch each is also "
    "a negative of the others",
)
def two_batches(z1, z2, labels, *, temperature):
    known = labels >= 0
    apart = nt_xent(z1[~known], z2[~known], temperature=temperature)
    return apart + unlabelled_left_out(z1, z2, labels, temperature=temperature)


@mistake(
    mixed_loss,
    "this averages two losses, of the labelled and of the unlabelled images: in one batch each is "
    "also a negative of the others",
)
def two_batches_averaged(z1, z2, labels, *, temperature):
    known = labels >= 0
    apart = nt_xent(z1[~known], z2[~known], temperature=temperature)
    together = unlabelled_left_out(z1, z2, labels, temperature=temperature)
    return apart + (together - apart) * known.double().mean().to(apart)


@mistake(
    mixed_loss,
    "this adds NT-Xent of all images and a loss of the labelled ones: NT-Xent pushes images of one "
    "class apart, so take one loss with all positives",
)
def added_to_nt_xent(z1, z2, labels, *, temperature):
    apart = labels_unused(z1, z2, labels, temperature=temperature)
    return apart + unlabelled_left_out(z1, z2, labels, temperature=temperature)


@mistake(
    mixed_loss,
    "an image without a label does not look for its other view in yours: it is an anchor too, and "
    "its two views share one number, so number the images, then repeat",
)
def each_view_numbered(z1, z2, labels, *, temperature):
    numbers = _instances(labels.repeat(2))
    return supervised_contrastive(torch.cat([z1, z2]), numbers, temperature=temperature)


@mistake(
    mixed_loss,
    "the first image without a label has the number of the largest class: begin behind it",
)
def begun_at_the_largest(z1, z2, labels, *, temperature):
    own = labels.clone()
    own[labels < 0] = labels.max() + torch.arange(int((labels < 0).sum()))
    return unknown_as_a_class(z1, z2, own, temperature=temperature)


@mistake(mixed_loss, "only the first views are anchors: the loss is a mean over all 2B views")
def first_views_as_anchors(z1, z2, labels, *, temperature):
    return _by_anchor(z1, z2, labels, temperature)[: len(z1)].mean()


@mistake(
    mixed_loss,
    "only views of the other side are compared: all other 2B - 1 rows are, of both sides",
)
def across_the_sides_only(z1, z2, labels, *, temperature):
    n = len(z1)
    side = torch.arange(2 * n) // n
    across = side[:, None] != side
    return _by_anchor(z1, z2, labels, temperature, candidates=across).mean()


@mistake(
    mixed_loss,
    "a labelled image's own other view is no positive in yours: it is one, as all views of its "
    "class are",
)
def own_view_left_out(z1, z2, labels, *, temperature):
    images = torch.arange(len(z1)).repeat(2)
    positives = _same(labels) & (images[:, None] != images)
    positives = torch.where(positives.any(1)[:, None], positives, _same(labels))
    return _by_anchor(z1, z2, labels, temperature, positives=positives).mean()


@mistake(
    mixed_loss,
    "the row itself is in the softmax: with cosine 1 it is the nearest, leave the diagonal out",
)
def self_in_the_softmax(z1, z2, labels, *, temperature):
    every = torch.ones(2 * len(z1), 2 * len(z1), dtype=torch.bool)
    return _by_anchor(z1, z2, labels, temperature, candidates=every).mean()


@mistake(
    mixed_loss,
    "each row is its own positive: leave the diagonal out of the positives and of the softmax",
)
def self_as_a_positive(z1, z2, labels, *, temperature):
    every = torch.ones(2 * len(z1), 2 * len(z1), dtype=torch.bool)
    own = torch.eye(2 * len(z1), dtype=torch.bool)
    how = {"positives": _same(labels) | own, "candidates": every}
    return _by_anchor(z1, z2, labels, temperature, **how).mean()


@mistake(
    mixed_loss,
    "all pairs of positives weigh the same, so that large classes weigh more: average over each "
    "anchor's positives first, then over the anchors",
)
def averaged_over_pairs(z1, z2, labels, *, temperature):
    n_positives = _same(labels).sum(1)
    losses = _by_anchor(z1, z2, labels, temperature) * n_positives
    return losses.sum() / n_positives.sum()


@mistake(mixed_loss, "you add up over an anchor's positives: divide by how many it has")
def positives_added_up(z1, z2, labels, *, temperature):
    return (_by_anchor(z1, z2, labels, temperature) * _same(labels).sum(1)).mean()


@mistake(
    mixed_loss,
    "the probabilities of the positives are added before the logarithm: each positive has a "
    "logarithm of its own, and these are averaged",
)
def log_of_the_sum(z1, z2, labels, *, temperature):
    return (
        -_log_probability(z1, z2, temperature).where(_same(labels), -math.inf).logsumexp(1).mean()
    )


def _same(labels):
    """(2B, 2B) whether two different rows are positives of each other."""
    numbers = _instances(labels).repeat(2)
    return (numbers[:, None] == numbers) & ~torch.eye(len(numbers), dtype=torch.bool)


def _log_probability(z1, z2, temperature, candidates=None):
    """(2B, 2B) logarithm of the softmax over the candidates, all others unless said."""
    z = F.normalize(torch.cat([z1, z2]), dim=1)
    candidates = ~torch.eye(len(z), dtype=torch.bool) if candidates is None else candidates
    return (z @ z.T / temperature).masked_fill(~candidates, -math.inf).log_softmax(1)


def _by_anchor(z1, z2, labels, temperature, *, positives=None, candidates=None):
    """(2B,) the loss of each anchor: minus the mean over its positives among the candidates."""
    positives = _same(labels) if positives is None else positives
    positives = positives if candidates is None else positives & candidates
    logs = _log_probability(z1, z2, temperature, candidates)
    return -torch.where(positives, logs, 0).sum(1) / positives.sum(1)


@mistake(mixed_loss, "the temperature is not used: divide each cosine by it")
def temperature_unused(z1, z2, labels, *, temperature):
    return mixed_loss(z1, z2, labels, temperature=1.0)


@mistake(
    mixed_loss,
    "the negative is a positive too: rows whose label is unknown are pulled to all of one class",
)
def unknown_as_class_zero(z1, z2, labels, *, temperature):
    return unknown_as_a_class(z1, z2, labels.clamp(min=0), temperature=temperature)


# --- two methods on the same seeds ---------------------------------------------------------------


def paired_half_width(ours, theirs):
    """Right: half of the 95 % interval of the mean difference, seed by seed; (n,) each."""
    return _t(len(ours)) * (ours - theirs).std() / math.sqrt(len(ours))


def _t(n):
    return float(student.ppf(0.975, n - 1))


@mistake(
    paired_half_width,
    "the seeds are not paired: take the differences first, then their spread",
)
def not_paired(ours, theirs):
    return _t(len(ours)) * (ours.var() + theirs.var()).sqrt() / math.sqrt(len(ours))


@mistake(paired_half_width, "1.96 is for many seeds: with n - 1 degrees of freedom t is larger")
def normal_instead_of_t(ours, theirs):
    return 1.96 * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "t has n degrees of freedom here: the mean takes one away, so n - 1",
)
def one_degree_too_many(ours, theirs):
    return float(student.ppf(0.975, len(ours))) * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "t is taken at 0.95, which leaves 5 % on each side: 2.5 % on each side is 0.975",
)
def both_sides_at_once(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.95, n - 1)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width,
    "this is the spread of single seeds: the interval of their mean is narrower by the root of n",
)
def spread_of_single_seeds(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std()


@mistake(paired_half_width, "it is divided by n: the spread of a mean shrinks with the root of n")
def divided_by_n(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std() / len(ours)


@mistake(
    paired_half_width,
    "the standard deviation divides by n: divide by n - 1, as torch.std does by itself",
)
def population_spread(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std(correction=0) / math.sqrt(len(ours))


@mistake(paired_half_width, "this is the whole interval: half of it stands behind the ±")
def whole_width(ours, theirs):
    return 2 * paired_half_width(ours, theirs)


@mistake(
    paired_half_width,
    "the signs of the differences are lost: a seed where theirs is ahead counts against ours",
)
def without_signs(ours, theirs):
    return _t(len(ours)) * (ours - theirs).abs().std() / math.sqrt(len(ours))


@mistake(
    paired_half_width, "this is the mean difference: half of the width of its interval is asked"
)
def mean_difference(ours, theirs):
    return (ours - theirs).mean()


@mistake(
    paired_half_width, "this is the standard error alone: the interval is t times as wide each way"
)
def standard_error(ours, theirs):
    return (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "the seeds are not paired: take the differences first, then their spread, with n - 1 degrees "
    "of freedom",
)
def not_paired_with_more_degrees(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.975, 2 * n - 2)) * math.sqrt((ours.var() + theirs.var()) / n)


@mistake(paired_half_width, "t has n - 2 degrees of freedom here: one mean is taken away, so n - 1")
def one_degree_too_few(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.975, n - 2)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width, "t is taken at 0.995, which is for 99 %: 95 % leaves 2.5 % on each side"
)
def ninety_nine_percent(ours, theirs):
    n = len(ours)
    return float(student.ppf(0.995, n - 1)) * (ours - theirs).std() / math.sqrt(n)


@mistake(
    paired_half_width, "your t is that of five seeds in every case: it depends on n, take n - 1"
)
def t_of_five_seeds(ours, theirs):
    return _t(5) * (ours - theirs).std() / math.sqrt(len(ours))


@mistake(
    paired_half_width,
    "n - 1 stands under the root, and in the standard deviation already: the mean has n seeds",
)
def root_of_one_less(ours, theirs):
    return _t(len(ours)) * (ours - theirs).std() / math.sqrt(len(ours) - 1)


@mistake(
    paired_half_width,
    "each list is sorted by itself, and the pairs are lost: entry k of both is the same seed",
)
def sorted_apart(ours, theirs):
    return paired_half_width(ours.sort().values, theirs.sort().values)


@mistake(
    paired_half_width,
    "this is a difference of spreads: take the differences first, then their spread",
)
def difference_of_spreads(ours, theirs):
    return _t(len(ours)) * (ours.std() - theirs.std()).abs() / math.sqrt(len(ours))


@mistake(
    paired_half_width, "this is the upper end of the interval: half of its width alone is asked for"
)
def upper_end(ours, theirs):
    return (ours - theirs).mean() + paired_half_width(ours, theirs)


@mistake(
    paired_half_width, "these are both ends of the interval: half of its width alone is asked for"
)
def both_ends(ours, theirs):
    mean, half = (ours - theirs).mean(), paired_half_width(ours, theirs)
    return torch.stack([mean - half, mean + half])


@mistake(
    paired_half_width, "this is the mean, too: half of the width of its interval alone is asked for"
)
def mean_and_half(ours, theirs):
    return torch.stack([(ours - theirs).mean(), paired_half_width(ours, theirs)])
