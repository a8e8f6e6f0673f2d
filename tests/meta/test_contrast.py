"""Contrastive losses are losses of tasks, and MAML from a head of zeros is contrast: exactly."""

from __future__ import annotations

import math
from collections import OrderedDict

import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn

from mlteach.episodes import Episode
from mlteach.losses import clip_loss, nt_xent
from mlteach.meta import maml_loss, prototypical_loss


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=Generator().manual_seed(seed)).double()


def on_sphere(z, temperature):
    return F.normalize(z, dim=-1) / math.sqrt(2 * temperature)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
@pytest.mark.parametrize("n_images", [2, 9])
def test_clip_is_the_mean_of_two_one_shot_episodes(n_images, temperature):
    a, b = on_sphere(drawn(2, n_images, 5), temperature)
    each = torch.arange(n_images)[None]
    losses = [
        prototypical_loss(nn.Identity(), Episode(x[None], each, y[None], each))
        for x, y in ((a, b), (b, a))
    ]
    assert torch.allclose(sum(losses) / 2, clip_loss(a, b, temperature=temperature), atol=1e-12)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
@pytest.mark.parametrize("n_images", [2, 9])
def test_nt_xent_is_the_mean_of_leave_one_out_tasks(n_images, temperature):
    """Query one view, supports the other 2B - 1, one class each: value and gradient."""
    views = drawn(2, n_images, 5).requires_grad_()
    z = on_sphere(views, temperature).flatten(0, 1)
    n_views = 2 * n_images
    others = [torch.tensor([k for k in range(n_views) if k != i]) for i in range(n_views)]
    labels = torch.stack(
        [(o == (i + n_images) % n_views).nonzero()[0] for i, o in enumerate(others)]
    )
    tasks = Episode(
        torch.stack([z[o] for o in others]),
        torch.arange(n_views - 1).expand(n_views, -1),
        z[:, None],
        labels,
    )
    by_tasks = prototypical_loss(nn.Identity(), tasks)
    at_once = nt_xent(*views, temperature=temperature)
    assert torch.allclose(by_tasks, at_once, atol=1e-12)
    (one,) = torch.autograd.grad(by_tasks, views)
    (other,) = torch.autograd.grad(at_once, views)
    assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("n_shot", [1, 3])
def test_maml_from_a_head_of_zeros_is_supervised_contrast(n_shot):
    """One inner step: the encoder's outer gradient is that of a softmax over sums of q · z."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 5)).double()
    head = nn.Linear(5, 4).double()
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    model = nn.Sequential(OrderedDict(encoder=encoder, head=head))
    y, y_query = torch.arange(4).repeat(n_shot)[None], torch.arange(4).repeat(2)[None]
    x, x_query = drawn(1, 4 * n_shot, 6, seed=1), drawn(1, 8, 6, seed=2)
    outer = maml_loss(model, Episode(x, y, x_query, y_query), F.cross_entropy, lr=0.4, steps=1)
    maml = torch.autograd.grad(outer, list(encoder.parameters()))

    z, q = encoder(x[0]), encoder(x_query[0])
    products = 0.4 / len(z) * q @ z.T  # (M, N)
    similarities = products @ F.one_hot(y[0]).double()  # (M, C): summed over a class
    contrast = F.cross_entropy(similarities, y_query[0])
    assert torch.allclose(outer, contrast, atol=1e-12)
    written_out = torch.autograd.grad(contrast, list(encoder.parameters()))
    for one, other in zip(maml, written_out, strict=True):
        assert other.abs().max() > 1e-6
        assert torch.allclose(one, other, atol=1e-12)
