"""Hyperparameters may be keyword-only in an answer, as they are in the package."""

import pytest
import torch
import torch.nn.functional as F

from mlteach import checks, losses
from mlteach.evaluate import knn_votes
from mlteach.mistakes import meta, selfsup


def simclr_loss(encoder, projector, x1, x2, *, temperature):
    z1, z2 = projector(encoder(torch.cat([x1, x2]))).chunk(2)
    return losses.nt_xent(z1, z2, temperature=temperature)


def moco_logits(query, key, queue, *, temperature):
    return selfsup.moco_logits(query, key, queue, temperature=temperature)


def target_update(target, online, *, decay):
    with torch.no_grad():
        for p, q in zip(target.parameters(), online.parameters(), strict=True):
            p.lerp_(q, 1 - decay)


def weighted_votes(similarities, labels, *, n_classes, temperature):
    return knn_votes(similarities, labels, n_classes=n_classes, temperature=temperature)


def episode(labels, *, n_way, n_shot, n_query, generator):
    sizes = labels.bincount()
    classes = (sizes >= n_shot + n_query).nonzero()[:, 0]
    rows = []
    for label in classes[torch.randperm(len(classes), generator=generator)[:n_way]]:
        members = (labels == label).nonzero()[:, 0]
        order = torch.randperm(len(members), generator=generator)
        rows.append(members[order[: n_shot + n_query]])
    return torch.stack(rows)


def prototypes(support, labels, *, n_way):
    return meta.prototypes(support, labels, n_way)


def inner_step(weights, x, y, *, lr):
    return weights - lr * 2 * x.T @ (x @ weights - y) / len(y)


def maml_loss(weights, x_support, y_support, x_query, y_query, *, lr, steps):
    values = []
    for xs, ys, xq, yq in zip(x_support, y_support, x_query, y_query, strict=True):
        adapted = weights
        for _ in range(steps):
            adapted = inner_step(adapted, xs, ys, lr=lr)
        values.append(F.mse_loss(xq @ adapted, yq))
    return torch.stack(values).mean()


def outer_gradient(w, optimum, curvature, *, lr):
    return curvature * (1 - lr * curvature) ** 2 * (w - optimum)


def reptile_step(weights, x, y, *, step_size, lr, steps):
    ends = []
    for xs, ys in zip(x, y, strict=True):
        end = weights
        for _ in range(steps):
            end = inner_step(end, xs, ys, lr=lr)
        ends.append(end)
    return weights + step_size * (torch.stack(ends).mean(0) - weights)


@pytest.mark.parametrize(
    "answer",
    [
        simclr_loss,
        moco_logits,
        target_update,
        weighted_votes,
        episode,
        prototypes,
        inner_step,
        maml_loss,
        outer_gradient,
        reptile_step,
    ],
    ids=lambda answer: answer.__name__,
)
def test_hyperparameters_may_be_keyword_only(answer):
    verdict = getattr(checks, answer.__name__)(answer)
    assert verdict.passed, verdict
