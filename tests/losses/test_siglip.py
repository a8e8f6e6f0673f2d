"""SigLIP's loss against the paper's pseudocode and its double sum; mistakes that people make."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from support.numbers import assert_equal, normal

from mlteach.losses import clip_loss, siglip_loss
from mlteach.mistakes import mistakes_in


def double_sum(image, text, temperature, bias):
    """-1/B sum_i sum_j log 1 / (1 + exp(z_ij (-t x_i y_j - b))), as the paper writes it."""
    x, y = (
        [[v / math.hypot(*row) for v in row] for row in rows.tolist()] for rows in (image, text)
    )
    t, total = 1 / temperature, 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            z = 1 if i == j else -1
            product = sum(a * b for a, b in zip(x[i], y[j], strict=True))
            total += math.log(1 / (1 + math.exp(z * (-t * product - bias))))
    return -total / len(x)


def by_the_pseudocode(image, text, t_prime, bias):
    """Algorithm 1: t is the exponential of what is learned, labels are 2 I - 1."""
    t, n = t_prime.exp(), len(image)
    x, y = (z / z.pow(2).sum(1, keepdim=True).sqrt() for z in (image, text))
    logits = torch.einsum("ip,jp->ij", x, y) * t + bias
    labels = torch.full((n, n), -1.0).double().fill_diagonal_(1.0)
    return -(1 / (1 + (-labels * logits).exp())).log().sum() / n


SETTINGS = [(0.1, -10.0), (0.5, -1.0), (0.07, 0.0), (2.0, 3.0)]


def pairs(batch, width, *, seed=0):
    image = normal(batch, width, seed=seed)
    return 3 * image, image + 0.5 * normal(batch, width, seed=seed + 1)


def assert_is_siglip_loss(loss):
    """Values at four settings, and gradients for images, texts, temperature and bias."""
    for (temperature, bias), (batch, width) in zip(
        SETTINGS, [(5, 3), (2, 4), (7, 2), (3, 6)], strict=True
    ):
        image, text = pairs(batch, width, seed=batch)
        expected = double_sum(image, text, temperature, bias)
        assert_equal(loss(image, text, temperature=temperature, bias=bias), expected)
    learned = torch.tensor(math.log(10)).double(), torch.tensor(-2.0).double()
    leaves = [x.requires_grad_() for x in (*pairs(4, 3), *learned)]
    image, text, t_prime, bias = leaves
    ours = loss(image, text, temperature=(-t_prime).exp(), bias=bias)
    theirs = by_the_pseudocode(*leaves)
    pair = [torch.autograd.grad(value, leaves, allow_unused=True) for value in (ours, theirs)]
    for mine, other in zip(*pair, strict=True):
        assert mine is not None
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-9)


def test_it_is_the_papers_loss():
    assert_is_siglip_loss(siglip_loss)


@pytest.mark.parametrize("mistake", mistakes_in(siglip_loss), ids=str)
def test_each_mistake_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_is_siglip_loss(mistake)


def test_it_begins_where_the_paper_says():
    """With random directions every logit is near the bias: the right pairs cost 10, the 99 wrong
    ones of an image 0.005. Without the bias these would cost 69, and drown the right ones.
    """
    image, text = normal(100, 4096), normal(100, 4096, seed=1)
    assert siglip_loss(image, text).item() == pytest.approx(10, abs=0.1)
    assert siglip_loss(image, text, bias=0).item() == pytest.approx(100 * math.log(2), rel=0.02)


def test_blocks_of_the_batch_add_up():
    """As on several devices: each block of texts is compared with each block of images."""
    image, text = pairs(6, 4)
    total = siglip_loss(image, text, temperature=0.3, bias=-2)
    x, y = F.normalize(image), F.normalize(text)
    summed = 0
    for rows in (range(2), range(2, 6)):
        for columns in (range(3), range(3, 6)):
            for i in rows:
                for j in columns:
                    logit = x[i] @ y[j] / 0.3 - 2
                    summed = summed + F.softplus(-logit if i == j else logit)
    torch.testing.assert_close(total, summed / 6)


def with_cosines(cosines):
    """(B, B) numbers → images and texts whose cosines are a third of them."""
    rest = (1 - cosines.square().sum(1, keepdim=True) / 9).sqrt()
    axes = torch.eye(len(cosines), dtype=cosines.dtype)
    return torch.cat([cosines / 3, rest], 1), torch.cat([axes, torch.zeros_like(axes[:, :1])], 1)


def test_no_pair_is_moved_by_another():
    """The force between image 0 and text 1 stays when all other cosines change; CLIP's does not."""

    def force(loss, cosines):
        cosines = cosines.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(*with_cosines(cosines)), cosines)
        return gradient[0, 1]

    cosines, other = (normal(5, 5, seed=seed).tanh() for seed in (0, 1))
    other[0, 1] = cosines[0, 1]
    forces = [
        force(lambda x, y: siglip_loss(x, y, temperature=0.2, bias=-1), c) for c in (cosines, other)
    ]
    torch.testing.assert_close(*forces)
    forces = [force(lambda x, y: clip_loss(x, y, temperature=0.2), c) for c in (cosines, other)]
    assert abs(forces[0] / forces[1] - 1) > 0.1


def test_limits():
    """Hot: every term is the bias'. Cold and separated: nothing is left to learn."""
    image, text = pairs(5, 3)
    hot = siglip_loss(image, text, temperature=1e12, bias=-3)
    assert_equal(hot, math.log1p(math.exp(3)) + 4 * math.log1p(math.exp(-3)))
    eye = torch.eye(4).double()
    assert siglip_loss(eye, eye, temperature=0.01, bias=-50).item() < 1e-20


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_large_logits_stay_finite(dtype):
    """Wrong pairs alike and right pairs opposed, at the coldest temperature: logits near 100."""
    image = normal(6, 4).to(dtype).requires_grad_()
    loss = siglip_loss(image, -image.detach(), temperature=0.01, bias=-10.0)
    exact = siglip_loss(
        image.detach().double(), -image.detach().double(), temperature=0.01, bias=-10.0
    )
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss.double(), exact, rtol=1e-4, atol=0)
    loss.backward()
    assert image.grad.isfinite().all()
