"""Mistakes in one inner step of MAML whose head starts at zeros."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from mlteach.mistakes._registry import mistake


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
