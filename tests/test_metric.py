"""Siamese and triplet networks, mining and batches by class: definitions, witnesses, mistakes."""

from __future__ import annotations

import math
from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.miners import BatchHardMiner, TripletMarginMiner
from support.numbers import generator
from torch import nn

from mlteach import metric
from mlteach.data import digits
from mlteach.losses import contrastive_loss, triplet_loss
from mlteach.metric import (
    REGIONS,
    Siamese,
    Triplet,
    mine_pairs,
    mine_triplets,
    pairwise_distances,
    sample_classes,
    triplet_regions,
)
from mlteach.mistakes import mistakes_in
from mlteach.networks import conv_encoder, mlp
from mlteach.training import fit, seed_everything

MARGIN = 0.6


def batch(seed=0):
    """Twelve points of four classes, one class a single point, and their squared distances."""
    z = torch.randn(12, 3, generator=generator(seed), dtype=torch.float64)
    labels = torch.tensor([2, 0, 1, 1, 0, 3, 2, 0, 1, 2, 0, 0])
    return z, labels, pairwise_distances(z).square()


def as_set(rows):
    """Rows of indices as a set of tuples; none may come twice."""
    listed = [tuple(row) for row in rows.tolist()]
    assert len(set(listed)) == len(listed)
    return set(listed)


# Pairwise distances


def test_pairwise_distances_equal_the_definition():
    """Each entry is the Euclidean distance of two rows, exact also far away and almost alike."""
    z = batch()[0]
    z = torch.cat([z, z + 1e-6]) + 100
    distances = pairwise_distances(z)
    for i, x in enumerate(z.tolist()):
        for j, y in enumerate(z.tolist()):
            assert distances[i, j].item() == pytest.approx(math.dist(x, y), rel=1e-9)


@pytest.mark.parametrize(
    "moved", [lambda z: z + 3000, lambda z: 1 + z / 3000], ids=["far from 0", "collapsing"]
)
def test_pairwise_distances_do_not_cancel(moved):
    """In float32, as long as it holds the differences."""
    z = moved(torch.randn(40, 16, generator=generator(), dtype=torch.float64)).float()
    exact = pairwise_distances(z.double())
    torch.testing.assert_close(pairwise_distances(z).double(), exact, rtol=1e-5, atol=0)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_distances_of_16_bits_are_computed_and_mined_in_float32(half):
    z, labels, *_ = batch()
    z = (500 * z).to(half)  # their squares leave float16
    distances = pairwise_distances(z)
    torch.testing.assert_close(distances, pairwise_distances(z.float()))
    for strategy in metric.PAIRS:
        mined = mine_pairs(distances.to(half), labels, strategy=strategy, generator=generator())
        assert mined.shape[1] == 2


def test_distances_may_be_integers_and_arrays():
    whole = [[0, 1, 2, 5], [1, 0, 3, 4], [2, 3, 0, 6], [5, 4, 6, 0]]
    labels = [0, 0, 1, 1]
    for strategy in metric.TRIPLETS:
        options = {"strategy": strategy, "margin": 3}
        mined = [
            mine_triplets(given, labels, **options, generator=generator())
            for given in (whole, np.array(whole), torch.tensor(whole), torch.tensor(whole).double())
        ]
        assert all(torch.equal(one, mined[0]) for one in mined)


def test_nothing_is_mined_from_nothing():
    nothing, labels = torch.zeros(0, 0), torch.zeros(0, dtype=torch.long)
    for strategy in metric.PAIRS:
        assert mine_pairs(nothing, labels, strategy=strategy).shape == (0, 2)
    for strategy in metric.TRIPLETS:
        assert mine_triplets(nothing, labels, strategy=strategy, margin=1).shape == (0, 3)


def test_pairwise_distances_pass_no_gradient():
    """Mining is a choice, not a part of the loss."""
    assert not pairwise_distances(torch.ones(3, 2, requires_grad=True)).requires_grad


# Pairs


def naive_pairs(labels):
    """Pairs of one class, and pairs of different classes, with loops."""
    together, apart = set(), set()
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            (together if labels[i] == labels[j] else apart).add((i, j))
    return together, apart


def assert_mines_pairs(mine):
    """Every strategy takes each pair of one class once, and of the others what its name says."""
    for seed in range(3):
        _, labels, distances = batch(seed)
        together, apart = naive_pairs(labels)
        assert as_set(mine(distances, labels, strategy="all")) == together | apart
        nearest = sorted(apart, key=lambda pair: distances[pair])[: len(together)]
        assert as_set(mine(distances, labels, strategy="hard")) == together | set(nearest)
        drawn = [
            as_set(mine(distances, labels, strategy="random", generator=generator(s)))
            for s in range(40)
        ]
        assert all(together <= pairs and len(pairs) == 2 * len(together) for pairs in drawn)
        assert set.union(*drawn) == together | apart


def test_pairs_equal_the_definition():
    assert_mines_pairs(mine_pairs)


@pytest.mark.parametrize("mistake", mistakes_in(mine_pairs), ids=str)
def test_a_mistake_in_mining_pairs_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_mines_pairs(mistake)


def test_pairs_where_classes_are_few():
    """With fewer pairs of different classes than of one, all are taken; one class gives its own."""
    labels = torch.tensor([0, 0, 0, 1])
    for strategy in ("random", "hard"):
        assert len(mine_pairs(torch.rand(4, 4), labels, strategy=strategy)) == 6
        assert len(mine_pairs(torch.rand(4, 4), torch.zeros(4).long(), strategy=strategy)) == 6


# Triplets


def naive_triplets(labels):
    """Every triplet of a batch, with loops."""
    return {
        (a, p, n)
        for a, p, n in product(range(len(labels)), repeat=3)
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]
    }


def naive_semi_hard(distances, labels):
    return {
        (a, p, n)
        for a, p, n in naive_triplets(labels)
        if 0 < distances[a, n] - distances[a, p] < MARGIN
    }


def naive_hard(distances, labels):
    chosen = set()
    for a in {a for a, _, _ in naive_triplets(labels)}:
        positives = [j for j in range(len(labels)) if j != a and labels[j] == labels[a]]
        negatives = [j for j in range(len(labels)) if labels[j] != labels[a]]
        chosen.add(
            (
                a,
                max(positives, key=lambda j: distances[a, j]),
                min(negatives, key=lambda j: distances[a, j]),
            )
        )
    return chosen


def assert_mines_triplets(mine):
    """Each strategy takes what its name says; drawn ones take every anchor and positive once."""
    for seed in range(3):
        _, labels, distances = batch(seed)
        assert as_set(mine(distances, labels, strategy="hard", margin=MARGIN)) == naive_hard(
            distances, labels
        )
        allowed = {
            "random": naive_triplets(labels),
            "semi-hard": naive_semi_hard(distances, labels),
        }
        assert 0 < len(allowed["semi-hard"]) < len(allowed["random"])
        for strategy, expected in allowed.items():
            draws = [
                as_set(
                    mine(
                        distances, labels, strategy=strategy, margin=MARGIN, generator=generator(s)
                    )
                )
                for s in range(80)
            ]
            pairs = {(a, p) for a, p, _ in expected}
            assert all(sorted((a, p) for a, p, _ in drawn) == sorted(pairs) for drawn in draws)
            assert set.union(*draws) == expected


def test_triplets_equal_the_definition():
    assert_mines_triplets(mine_triplets)


@pytest.mark.parametrize("mistake", mistakes_in(mine_triplets), ids=str)
def test_a_mistake_in_mining_triplets_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_mines_triplets(mistake)


SQUARED = LpDistance(normalize_embeddings=False, p=2, power=2)


def test_hard_triplets_equal_those_of_batch_hard_miner():
    """An independent library mines the same triplets for every anchor that has a positive."""
    for seed in range(5):
        z, labels, distances = batch(seed)
        theirs = torch.stack(BatchHardMiner(distance=SQUARED)(z, labels), dim=1)
        assert as_set(mine_triplets(distances, labels, strategy="hard", margin=MARGIN)) == as_set(
            theirs
        )


def test_semi_hard_triplets_are_drawn_from_those_of_triplet_margin_miner():
    """An independent library lists all semi-hard triplets; ours draws one a positive pair."""
    miner = TripletMarginMiner(margin=MARGIN, type_of_triplets="semihard", distance=SQUARED)
    for seed in range(5):
        z, labels, distances = batch(seed)
        theirs = as_set(torch.stack(miner(z, labels), dim=1))
        ours = as_set(
            mine_triplets(
                distances, labels, strategy="semi-hard", margin=MARGIN, generator=generator()
            )
        )
        assert ours <= theirs
        assert {(a, p) for a, p, _ in ours} == {(a, p) for a, p, _ in theirs}


def test_regions_are_those_of_triplet_margin_miner():
    """Its "easy", "semihard" and "hard" triplets are ours."""
    z, labels, distances = batch()
    for region, theirs in zip(REGIONS, ("easy", "semihard", "hard"), strict=True):
        miner = TripletMarginMiner(margin=MARGIN, type_of_triplets=theirs, distance=SQUARED)
        anchor, positive, negative = miner(z, labels)
        assert len(anchor) > 0
        found = triplet_regions(
            distances[anchor, positive], distances[anchor, negative], margin=MARGIN
        )
        assert found.eq(REGIONS.index(region)).all()


def test_regions_at_their_borders():
    """At the positive's distance a negative is hard, at the margin beyond it easy."""
    to_negative = torch.tensor([0.0, 0.5, 1.0, 1.125, 1.25, 9.0])
    assert triplet_regions(torch.tensor(1.0), to_negative, margin=0.25).tolist() == [
        2,
        2,
        2,
        1,
        0,
        0,
    ]
    assert triplet_regions(torch.tensor(1.0), to_negative, margin=0.0).tolist() == [
        2,
        2,
        2,
        0,
        0,
        0,
    ]


def test_easy_triplets_are_those_without_loss():
    """Region and loss agree: 0 where easy, below the margin where semi-hard, else at least it."""
    z, labels, distances = batch()
    for a, p, n in naive_triplets(labels):
        loss = triplet_loss(z[[a]], z[[p]], z[[n]], margin=MARGIN).item()
        region = REGIONS[triplet_regions(distances[a, p], distances[a, n], margin=MARGIN)]
        assert region == ("easy" if loss == 0 else "semi-hard" if loss < MARGIN else "hard")


@pytest.mark.parametrize("strategy", metric.TRIPLETS)
def test_no_triplet_where_there_is_none(strategy):
    """A batch of one class, or with every class once, holds no triplet."""
    for labels in (torch.zeros(4).long(), torch.arange(4)):
        assert mine_triplets(torch.rand(4, 4), labels, strategy=strategy, margin=1.0).shape == (
            0,
            3,
        )


def test_the_same_generator_mines_the_same():
    _, labels, distances = batch()
    for strategy in ("random", "semi-hard"):
        one, same, other = (
            mine_triplets(distances, labels, strategy=strategy, margin=2.0, generator=generator(s))
            for s in (0, 0, 1)
        )
        assert one.equal(same)
        assert not one.equal(other)


# Batches


def test_a_batch_holds_so_many_images_of_so_many_classes():
    """Class by class, no image twice, and no class that has too few images."""
    # class 3 has one image, class 2 has two
    labels = torch.tensor([0, 1, 2, 3, 1, 0, 2, 1, 0, 1])
    for seed in range(20):
        index = sample_classes(labels, n_classes=2, n_each=3, generator=generator(seed))
        assert len(set(index.tolist())) == 6
        groups = labels[index].view(2, 3)
        assert groups.eq(groups[:, :1]).all()
        assert set(groups[:, 0].tolist()) == {0, 1}


def test_every_class_and_every_image_is_drawn_equally_often():
    """Of 3 classes 2 are drawn each time, and 2 of a class' images, however many it has."""
    labels = torch.tensor([0] * 3 + [1] * 4 + [2] * 8)
    source = generator()
    drawn = torch.cat(
        [sample_classes(labels, n_classes=2, n_each=2, generator=source) for _ in range(3000)]
    )
    share = drawn.bincount(minlength=15) / 3000
    expected = torch.tensor([2 / 3 * 2 / 3] * 3 + [2 / 3 * 2 / 4] * 4 + [2 / 3 * 2 / 8] * 8)
    # the standard error of a share is below 0.0092
    assert (share - expected).abs().max() < 0.04


def test_class_numbers_may_have_gaps():
    labels = torch.tensor([7, 7, 100, 100])
    index = sample_classes(labels, n_classes=2, n_each=2, generator=generator())
    assert sorted(index.tolist()) == [0, 1, 2, 3]


# Networks


def tiny(cls, **options):
    """A network without a random part in it, on twelve points."""
    return cls(nn.Identity(), **options)


@pytest.mark.parametrize("mining", metric.PAIRS)
def test_the_siamese_loss_is_the_contrastive_loss_of_its_pairs(mining):
    z, labels, _ = batch()
    loss, aux = tiny(Siamese, mining=mining, margin=2.0).loss(z, labels)
    first, second = aux["pairs"].T
    same = labels[first] == labels[second]
    assert loss.item() == pytest.approx(
        contrastive_loss(z[first], z[second], same, margin=2.0).item()
    )
    single = [
        contrastive_loss(z[[i]], z[[j]], labels[[i]] == labels[[j]], margin=2.0).item()
        for i, j in aux["pairs"].tolist()
    ]
    assert aux["active"].item() == pytest.approx(sum(value > 0 for value in single) / len(single))
    assert aux["z"].equal(z)


@pytest.mark.parametrize("mining", metric.TRIPLETS)
def test_the_triplet_network_s_loss_is_the_triplet_loss_of_its_triplets(mining):
    z, labels, _ = batch()
    loss, aux = tiny(Triplet, mining=mining, margin=MARGIN, normalise=False).loss(z, labels)
    losses = [
        triplet_loss(z[[a]], z[[p]], z[[n]], margin=MARGIN).item()
        for a, p, n in aux["triplets"].tolist()
    ]
    assert loss.item() == pytest.approx(sum(losses) / len(losses))
    assert aux["active"].item() == pytest.approx(sum(value > 0 for value in losses) / len(losses))


@pytest.mark.parametrize("cls", [Siamese, Triplet])
def test_the_gradient_reaches_all_three_and_mining_none(cls):
    """Finite differences of the loss for the chosen pairs or triplets are its gradient."""
    z, labels, _ = batch()
    method = tiny(cls, mining="hard", normalise=True)
    z = z.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: method.loss(z, labels)[0], (z,))


@pytest.mark.parametrize("cls", [Siamese, Triplet])
def test_normalised_representations_have_length_one(cls):
    images = torch.randn(5, 3, generator=generator())
    assert tiny(cls, normalise=True).encode(images).norm(dim=1).allclose(torch.ones(5))
    assert tiny(cls, normalise=False).encode(images).equal(images)


def test_each_keeps_its_paper_s_meaning_by_default():
    """Hadsell's points are free, all pairs count; Schroff's lie on the sphere, semi-hard count."""
    siamese, triplet = Siamese(nn.Identity()), Triplet(nn.Identity())
    assert (siamese.normalise, siamese.mining, siamese.margin) == (False, "all", 1.0)
    assert (triplet.normalise, triplet.mining, triplet.margin) == (True, "semi-hard", 0.2)


def test_a_batch_without_triplets_has_loss_zero_and_can_be_trained_on():
    """The step changes nothing instead of failing or giving nan."""
    method = Triplet(mlp(3, 4))
    loss, aux = method.loss(torch.randn(4, 3, generator=generator()), torch.arange(4))
    loss.backward()
    assert loss.item() == 0
    assert aux["active"].item() == 0
    assert all(p.grad.eq(0).all() for p in method.parameters())


def test_when_all_coincide_the_hard_triplet_loss_is_the_margin():
    """The collapsed network: every distance is 0, so the loss is the margin and the gradient 0."""
    z = torch.ones(6, 3, requires_grad=True)
    loss, _ = tiny(Triplet, mining="hard", normalise=False, margin=0.2).loss(
        z, torch.arange(6) // 2
    )
    loss.backward()
    assert loss.item() == pytest.approx(0.2)
    assert z.grad.eq(0).all()


@pytest.mark.parametrize("cls", [Siamese, Triplet])
def test_state_is_complete_and_after_step_moves_nothing(cls):
    """A copy through the state dictionary encodes alike; there is nothing besides weights."""
    method, copy = cls(mlp(3, 4, 2)), cls(mlp(3, 4, 2))
    copy.load_state_dict(method.state_dict())
    x, labels = torch.randn(6, 3, generator=generator()), torch.arange(6) // 2
    _, aux = method.loss(x, labels)
    before = [p.clone() for p in method.parameters()]
    method.after_step(aux)
    assert all(a.equal(b) for a, b in zip(before, method.parameters(), strict=True))
    assert copy.encode(x).equal(method.encode(x))


# Bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: Siamese(nn.Identity(), mining="semi-hard"),
            "mining must be one of 'all', 'random', 'hard', got 'semi-hard'",
        ),
        (
            lambda: Triplet(nn.Identity(), mining="semihard"),
            "mining must be one of 'random', 'semi-hard', 'hard'",
        ),
        (lambda: Siamese(nn.Identity(), margin=-1), "margin must be finite and >= 0, got -1"),
        (lambda: Triplet(nn.Identity(), margin=math.nan), "margin must be"),
        (
            lambda: mine_pairs(torch.rand(3, 3), torch.zeros(3).long(), strategy="easy"),
            "strategy must be one of 'all'",
        ),
        (
            lambda: mine_pairs(torch.rand(3, 2), torch.zeros(3).long(), strategy="all"),
            r"distances must be \(3, 3\), got shape \(3, 2\)",
        ),
        (
            lambda: mine_triplets(
                torch.rand(2, 2), torch.zeros(3).long(), strategy="hard", margin=1
            ),
            r"distances must be \(3, 3\), got shape \(2, 2\)",
        ),
        (
            lambda: mine_triplets(
                torch.rand(3, 3), torch.zeros(3).long(), strategy="hard", margin=-1
            ),
            "margin must be",
        ),
        (lambda: triplet_regions(torch.rand(3), torch.rand(3), margin=-1), "margin must be"),
        (
            lambda: sample_classes(
                torch.zeros(3).long(), n_classes=0, n_each=1, generator=generator()
            ),
            "n_classes must be a whole number >= 1, got 0",
        ),
        (
            lambda: sample_classes(
                torch.zeros(3).long(), n_classes=2, n_each=1, generator=generator()
            ),
            "only 1 classes",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: mine_pairs(torch.rand(3, 3), torch.rand(3), strategy="all"),
            "labels must be a tensor of integers, got a tensor of float32",
        ),
        (
            lambda: sample_classes(torch.zeros(3), n_classes=1, n_each=1, generator=generator()),
            "labels must be a tensor of integers",
        ),
        (
            lambda: sample_classes(torch.zeros(3).long(), n_classes=1, n_each=1, generator=0),
            "generator must be a torch.Generator or None, got int: 0",
        ),
        (lambda: Siamese(nn.Identity(), margin="1"), "margin must be a number"),
    ],
)
def test_wrong_kinds_are_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


# Behaviour: real digits, seconds


def one_nearest_neighbour(encode, dataset):
    """Share of images whose nearest other image is of their class."""
    with torch.no_grad():
        distances = pairwise_distances(encode(dataset.images)).fill_diagonal_(math.inf)
    return (dataset.labels[distances.argmin(1)] == dataset.labels).double().mean().item()


def trained_on_digits(method, seed, steps=150):
    train = digits("train")

    def draw(source):
        index = sample_classes(train.labels, n_classes=10, n_each=6, generator=source)
        return train.images[index], train.labels[index]

    run = fit(method, draw, steps=steps, seed=seed, progress=False)
    method.eval()
    return run


@pytest.mark.parametrize(
    "make", [Siamese, partial(Triplet, normalise=False, margin=1.0)], ids=["siamese", "triplet"]
)
@pytest.mark.parametrize("seed", range(3))
def test_two_numbers_a_digit_are_enough_once_the_distance_is_learned(make, seed):
    """In the plane, the nearest new digit is of the same class; untrained, it is any."""
    seed_everything(seed)
    method = make(conv_encoder(widths=(16, 16, 16), out_features=2)).eval()
    test = digits("test")
    untrained = one_nearest_neighbour(method.encode, test)
    trained_on_digits(method, seed)
    trained = one_nearest_neighbour(method.encode, test)
    assert untrained < 0.4
    assert trained > 0.8
