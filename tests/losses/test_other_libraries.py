"""The losses equal independently written code, in value and gradient; conventions are spelt out."""

from __future__ import annotations

from mlteach import losses  # before lightly, which imports torchvision

# isort: split

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import (
    BarlowTwinsLoss,
    DINOLoss,
    NegativeCosineSimilarity,
    NTXentLoss,
    VICRegLoss,
)
from lightly.loss.hypersphere_loss import HypersphereLoss
from pytorch_metric_learning import losses as pml
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.reducers import DoNothingReducer, MeanReducer
from support.numbers import normal

BATCH, DIM = 24, 8
NEGATIVES = 40
LABELS = torch.randint(0, 6, (BATCH,), generator=torch.Generator().manual_seed(5))


def views():
    """Two correlated views."""
    image = normal(BATCH, DIM)
    return image + 0.5 * normal(BATCH, DIM, seed=1), 2 * image + 0.5 * normal(BATCH, DIM, seed=2)


def assert_equal(ours, theirs, *inputs, rtol=1e-9):
    """Same value and same gradient for every input."""
    results = []
    for loss in (ours, theirs):
        leaves = [x.detach().clone().requires_grad_() for x in inputs]
        value = loss(*leaves)
        results.append((value.detach(), *torch.autograd.grad(value, leaves)))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("chunk_size", [None, 7])
@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_nt_xent(temperature, chunk_size):
    """lightly and pytorch-metric-learning, which takes both views as one batch with labels."""

    def ours(z1, z2):
        return losses.nt_xent(z1, z2, temperature=temperature, chunk_size=chunk_size)

    def by_labels(z1, z2):
        return pml.NTXentLoss(temperature)(torch.cat([z1, z2]), torch.arange(BATCH).repeat(2))

    assert_equal(ours, NTXentLoss(temperature), *views())
    assert_equal(ours, by_labels, *views())


def test_info_nce():
    """lightly's NT-Xent with a memory bank, which holds the negatives."""
    negatives = F.normalize(normal(NEGATIVES, DIM, seed=3), dim=1)
    witness = NTXentLoss(0.2, memory_bank_size=(NEGATIVES, DIM))

    def with_bank(query, positive):
        witness.memory_bank.bank = negatives.clone()  # each call replaces its oldest rows
        return witness(query, positive)

    assert_equal(
        lambda q, p: losses.info_nce(q, p, negatives, temperature=0.2), with_bank, *views()
    )


@pytest.mark.parametrize("labels", [LABELS, torch.cat([LABELS[:-1], torch.tensor([99])])])
def test_supervised_contrastive(labels):
    """pytorch-metric-learning leaves anchors without a positive out of its mean, as we do."""
    (z, _) = views()
    assert_equal(
        lambda z: losses.supervised_contrastive(z, labels, temperature=0.2),
        lambda z: pml.SupConLoss(0.2)(z, labels),
        z,
    )


def test_clip_loss():
    """pytorch-metric-learning's NT-Xent with a reference set is one direction of CLIP's mean."""
    one_direction = pml.NTXentLoss(0.07)
    # one tensor for both would mean one set for both
    images, texts = torch.arange(BATCH), torch.arange(BATCH)

    def theirs(image, text):
        image_to_text = one_direction(image, images, ref_emb=text, ref_labels=texts)
        return (image_to_text + one_direction(text, texts, ref_emb=image, ref_labels=images)) / 2

    assert_equal(losses.clip_loss, theirs, *views())


def test_siglip_loss():
    """PyTorch's binary cross-entropy over all pairs, of which it takes the mean: times B."""

    def theirs(image, text):
        logits = 10 * F.cosine_similarity(image[:, None], text[None], dim=2) - 10
        belong = torch.eye(BATCH, dtype=logits.dtype)
        return BATCH * F.binary_cross_entropy_with_logits(logits, belong)

    assert_equal(losses.siglip_loss, theirs, *views())


def test_contrastive_loss():
    """pytorch-metric-learning hinges without squaring: half its mean square is the paper's loss."""
    x1, x2 = views()
    margin, pairs = 3.0, torch.arange(BATCH)
    same = LABELS % 2 == 0
    distance = LpDistance(normalize_embeddings=False)
    witness = pml.ContrastiveLoss(0, margin, distance=distance, reducer=DoNothingReducer())
    indices = (pairs[same], pairs[same], pairs[~same], pairs[~same])

    def theirs(x1, x2):
        terms = witness(x1, indices_tuple=indices, ref_emb=x2)
        hinged = torch.cat([terms["pos_loss"]["losses"], terms["neg_loss"]["losses"]])
        return hinged.square().sum() / (2 * BATCH)

    assert_equal(
        lambda x1, x2: losses.contrastive_loss(x1, x2, same, margin=margin), theirs, x1, x2
    )


def test_triplet_loss():
    """PyTorch's with the squared distance, and pytorch-metric-learning's with a plain mean."""
    triplets = (*views(), normal(BATCH, DIM, seed=3))
    mean_of_all = pml.TripletMarginLoss(
        0.5, distance=LpDistance(normalize_embeddings=False, power=2), reducer=MeanReducer()
    )

    def squared(x, y):
        return (x - y).square().sum(-1)

    def from_torch(anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=squared, margin=0.5
        )

    def by_indices(anchor, positive, negative):
        rows = torch.arange(BATCH)
        others = torch.cat([positive, negative])
        return mean_of_all(anchor, indices_tuple=(rows, rows, rows + BATCH), ref_emb=others)

    def ours(anchor, positive, negative):
        return losses.triplet_loss(anchor, positive, negative, margin=0.5)

    assert_equal(ours, from_torch, *triplets)
    assert_equal(ours, by_indices, *triplets)


def test_byol_loss():
    """lightly's negative cosine similarity, doubled and raised by 2."""
    prediction, target = views()
    assert_equal(
        lambda p: losses.byol_loss(p, target),
        lambda p: 2 + 2 * NegativeCosineSimilarity()(p, target),
        prediction,
    )


@pytest.mark.parametrize(
    ("student_temperature", "teacher_temperature"), [(0.125, 0.03125), (1, 0.5)]
)
def test_dino_loss(student_temperature, teacher_temperature):
    """lightly's takes the mean over both directions, and rounds its temperature to float32."""
    s1, s2 = views()
    t1, t2 = (0.5 * z + 0.1 for z in views())
    center = normal(DIM, seed=3)
    temperatures = {
        "student_temperature": student_temperature,
        "teacher_temperature": teacher_temperature,
    }
    witness = DINOLoss(
        DIM, student_temp=student_temperature, teacher_temp=teacher_temperature
    ).double()

    def ours(s1, s2):
        first = losses.dino_loss(s1, t2, center=center, **temperatures)
        return (first + losses.dino_loss(s2, t1, center=center, **temperatures)) / 2

    def theirs(s1, s2):
        witness.center.copy_(center)  # each call moves it
        return witness([t1, t2], [s1, s2])

    assert_equal(ours, theirs, s1, s2)


def test_barlow_twins():
    """lightly, whose batch-norm adds the same 1e-5 to the variance."""
    assert_equal(losses.barlow_twins, BarlowTwinsLoss(), *views())


def test_vicreg():
    """lightly and pytorch-metric-learning, both in the scale of the authors' code."""
    assert_equal(losses.vicreg, VICRegLoss(), *[0.4 * z for z in views()])
    assert_equal(
        losses.vicreg, lambda z1, z2: pml.VICRegLoss()(z1, ref_emb=z2), *[0.4 * z for z in views()]
    )


@pytest.mark.parametrize(("power", "t"), [(2, 2), (3, 0.5)])
def test_alignment_and_uniformity(power, t):
    """lightly's hypersphere loss: alignment plus the mean uniformity of both views."""

    def ours(x, y):
        spread = losses.uniformity(x, t=t) + losses.uniformity(y, t=t)
        return losses.alignment(x, y, power=power) + spread / 2

    assert_equal(ours, HypersphereLoss(t=t, alpha=power), *views())
