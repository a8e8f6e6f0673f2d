"""InfoNCE, CLIP's and SigLIP's loss: definitions, properties, and the mistakes people make."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from support.numbers import assert_equal, normal

from mlteach.losses import clip_loss, info_nce, siglip_loss
from mlteach.mistakes import mistakes_in


def cosine(u, v):
    """Cosine of two lists."""
    return sum(a * b for a, b in zip(u, v, strict=True)) / math.hypot(*u) / math.hypot(*v)


def cosines(x, y):
    """Matrix of cosines."""
    return F.normalize(x, dim=1) @ F.normalize(y, dim=1).T


# InfoNCE


def naive_info_nce(query, positive, negatives, temperature):
    """One query at a time: the softmax probability of its positive among 1 + K candidates."""
    total = 0.0
    for i in range(len(query)):
        own = (negatives if negatives.dim() == 2 else negatives[i]).tolist()
        numerator = math.exp(cosine(query[i].tolist(), positive[i].tolist()) / temperature)
        denominator = numerator + sum(
            math.exp(cosine(query[i].tolist(), k) / temperature) for k in own
        )
        total -= math.log(numerator / denominator)
    return total / len(query)


def queries(batch, dim, *, seed=0):
    """Queries and noisy positives at different scales."""
    query = normal(batch, dim, seed=seed)
    return 3 * query, query + 0.5 * normal(batch, dim, seed=seed + 1)


def assert_is_info_nce(loss):
    """Value and gradient are those of the definition, for negatives that are shared or not."""
    for temperature in (0.07, 0.5, 2.0):
        query, positive = queries(4, 3)
        for negatives in (
            2 * normal(6, 3, seed=2),
            2 * normal(4, 5, 3, seed=2),
            normal(1, 3, seed=3),
        ):
            number = naive_info_nce(query, positive, negatives, temperature)
            assert_equal(loss(query, positive, negatives, temperature=temperature), number)
    inputs = [
        x.requires_grad_()
        for x in (*queries(2, 3), normal(3, 3, seed=2), torch.tensor(0.4).double())
    ]
    assert torch.autograd.gradcheck(
        lambda q, p, n, t: loss(q, p, n, temperature=t), inputs, raise_exception=False
    )


def test_info_nce_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_info_nce(info_nce)


@pytest.mark.parametrize("mistake", mistakes_in(info_nce), ids=str)
def test_info_nce_catches(mistake):
    """Each mistake is caught."""
    with pytest.raises(AssertionError):
        assert_is_info_nce(mistake)


def test_info_nce_when_all_vectors_coincide():
    """log(1 + K): 1 + K equal candidates."""
    x = normal(1, 3).expand(4, 3)
    assert_equal(info_nce(x, 2 * x, 5 * x[:1].expand(7, 3), temperature=0.01), math.log(8))


def test_info_nce_limits_of_the_temperature():
    """Cold: temperature * loss is the hardest negative's lead. Hot: all candidates weigh alike."""
    query, positive = queries(8, 2)
    negatives = normal(5, 2, seed=2)
    hardest = cosines(query, negatives).amax(1)
    hinge = (hardest - F.cosine_similarity(query, positive)).relu()
    assert 0 < (hinge > 0).sum() < 8  # both sides of the hinge are there
    cold = 1e-4 * info_nce(query, positive, negatives, temperature=1e-4)
    assert cold.item() == pytest.approx(hinge.mean().item(), abs=1e-4 * math.log(6))
    assert info_nce(query, positive, negatives, temperature=1e6).item() == pytest.approx(
        math.log(6), abs=1e-5
    )


def test_info_nce_symmetries():
    """Queries may be reordered with their positives, and negatives; scale does not matter."""
    query, positive = queries(4, 3)
    negatives = normal(5, 3, seed=2)
    loss = info_nce(query, positive, negatives)
    order = torch.tensor([2, 0, 3, 1])
    scale = normal(4, 1, seed=4).exp()
    for same in [
        (query[order], positive[order], negatives.flip(0)),
        (query * scale, positive / scale, 7 * negatives),
        (query, positive, negatives.expand(4, 5, 3)),
    ]:
        torch.testing.assert_close(info_nce(*same), loss, rtol=1e-12, atol=1e-12)


# CLIP


def naive_clip_loss(image, text, temperature):
    """Both softmaxes, one pair at a time."""
    image = image.tolist()
    text = text.tolist()
    batch = len(image)
    total = 0.0
    for i in range(batch):
        own = math.exp(cosine(image[i], text[i]) / temperature)
        total -= math.log(
            own / sum(math.exp(cosine(image[i], text[k]) / temperature) for k in range(batch))
        )
        total -= math.log(
            own / sum(math.exp(cosine(image[k], text[i]) / temperature) for k in range(batch))
        )
    return total / (2 * batch)


def assert_is_clip_loss(loss):
    """Value and gradient are those of the definition."""
    for temperature in (0.07, 0.5, 2.0):
        image, text = queries(5, 3)
        assert_equal(
            loss(image, text, temperature=temperature), naive_clip_loss(image, text, temperature)
        )
    inputs = [x.requires_grad_() for x in (*queries(3, 2), torch.tensor(0.4).double())]
    assert torch.autograd.gradcheck(
        lambda i, t, temp: loss(i, t, temperature=temp), inputs, raise_exception=False
    )


def test_clip_loss_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_clip_loss(clip_loss)


@pytest.mark.parametrize("mistake", mistakes_in(clip_loss), ids=str)
def test_clip_loss_catches(mistake):
    """Each mistake is caught."""
    with pytest.raises(AssertionError):
        assert_is_clip_loss(mistake)


def test_clip_loss_by_hand():
    """log(B) when all rows coincide; log(1 + exp(-1 / temperature)) for two orthogonal pairs."""
    z = normal(1, 3).expand(6, 3)
    assert_equal(clip_loss(z, 2 * z), math.log(6))
    eye = torch.eye(2, dtype=torch.float64)
    assert_equal(clip_loss(eye, eye, temperature=0.5), math.log(1 + math.exp(-2)))


def test_clip_loss_symmetries():
    """Images and texts may be swapped, pairs reordered, rows rescaled."""
    image, text = queries(4, 3)
    loss = clip_loss(image, text)
    order, scale = torch.tensor([2, 0, 3, 1]), normal(4, 1, seed=4).exp()
    for same in [(text, image), (image[order], text[order]), (image * scale, text / scale)]:
        torch.testing.assert_close(clip_loss(*same), loss, rtol=1e-12, atol=1e-12)


def test_clip_loss_limits_of_the_temperature():
    """Hot: every candidate weighs the same. Cold: the hardest wrong partner counts."""
    image, text = normal(8, 2), normal(8, 2, seed=1)
    assert clip_loss(image, text, temperature=1e6).item() == pytest.approx(math.log(8), abs=1e-5)
    s = cosines(image, text)
    wrong = s.clone().fill_diagonal_(-math.inf)
    hinges = torch.stack([(wrong.amax(dim) - s.diagonal()).relu() for dim in (0, 1)])
    assert hinges.mean() > 0.01  # otherwise the limit would show nothing
    assert 1e-4 * clip_loss(image, text, temperature=1e-4).item() == pytest.approx(
        hinges.mean().item(), abs=3e-4
    )


# SigLIP


def naive_siglip_loss(image, text, temperature, bias):
    """One question a pair: do these two belong together?"""
    image = image.tolist()
    text = text.tolist()
    total = 0.0
    for i in range(len(image)):
        for k in range(len(image)):
            logit = cosine(image[i], text[k]) / temperature + bias
            probability = 1 / (1 + math.exp(-logit))
            total -= math.log(probability if i == k else 1 - probability)
    return total / len(image)


def assert_is_siglip_loss(loss):
    """Value and gradient are those of the definition."""
    for temperature, bias in ((0.1, -10.0), (0.5, 1.0), (2.0, 0.0)):
        image, text = queries(5, 3)
        assert_equal(
            loss(image, text, temperature=temperature, bias=bias),
            naive_siglip_loss(image, text, temperature, bias),
        )
    hyperparameters = torch.tensor(0.4).double(), torch.tensor(-0.7).double()
    inputs = [x.requires_grad_() for x in (*queries(3, 2), *hyperparameters)]
    assert torch.autograd.gradcheck(
        lambda i, t, temp, b: loss(i, t, temperature=temp, bias=b), inputs, raise_exception=False
    )


def test_siglip_loss_equals_the_definition():
    """Value and gradient are those of the formula."""
    assert_is_siglip_loss(siglip_loss)


def test_siglip_loss_by_hand():
    """All rows equal: every pair has one logit. Orthogonal pairs: a wrong pair has the bias."""
    z = normal(1, 3).expand(6, 3)
    by_hand = math.log1p(math.exp(-3)) + 5 * math.log1p(math.exp(3))
    assert_equal(siglip_loss(z, 2 * z, temperature=0.2, bias=-2), by_hand)
    eye = torch.eye(2, dtype=torch.float64)
    by_hand = math.log1p(math.exp(-1)) + math.log1p(math.exp(-1))
    assert_equal(siglip_loss(eye, eye, temperature=0.5, bias=-1), by_hand)


def test_siglip_loss_symmetries():
    """Images and texts may be swapped, pairs reordered, rows rescaled."""
    image, text = queries(4, 3)
    loss = siglip_loss(image, text)
    order, scale = torch.tensor([2, 0, 3, 1]), normal(4, 1, seed=4).exp()
    for same in [(text, image), (image[order], text[order]), (image * scale, text / scale)]:
        torch.testing.assert_close(siglip_loss(*same), loss, rtol=1e-12, atol=1e-12)


def test_siglip_loss_knows_no_batch():
    """A batch costs what its pairs cost, each alone: half batches and the pairs between them."""
    image, text = queries(6, 3)
    halves = sum(3 * siglip_loss(image[part], text[part]) for part in (slice(3), slice(3, 6)))
    between = sum(
        F.softplus(10 * cosines(image[a], text[b]) - 10).sum()
        for a, b in ((slice(3), slice(3, 6)), (slice(3, 6), slice(3)))
    )
    torch.testing.assert_close(6 * siglip_loss(image, text), halves + between)
