"""UMAP: the definitions in loops, umap-learn's numbers, autograd's forces, and maps of digits.

A descent is random and chaotic: what is claimed of one holds for layouts that are far from each
other, on several seeds; the comments give the spread that was measured.
"""

import math

import numpy as np
import pytest
import torch
from support.numbers import generator, normal
from torch import Tensor

from mlteach import data, maps
from mlteach.evaluate import nearest_neighbour_accuracy
from mlteach.evaluate.layouts import trustworthiness
from mlteach.maps.umap import LARGEST_STEP, _attraction, _repulsion

# --- the fuzzy graph ------------------------------------------------------------------------------


def naive_weights(distances: list[float], k: int) -> list[float]:
    """Of one point's k - 1 nearest neighbours, with sigma by halving an interval of its logarithm.

    No neighbours coincide here.
    """
    rho, low, high = min(distances), 1e-9, 1e9
    for _ in range(200):
        sigma = math.sqrt(low * high)
        total = sum(math.exp(-(d - rho) / sigma) for d in distances)
        low, high = (low, sigma) if total > math.log2(k) else (sigma, high)
    return [math.exp(-(d - rho) / sigma) for d in distances]


def naive_graph(x: Tensor, k: int) -> Tensor:
    directed = torch.zeros(len(x), len(x), dtype=torch.float64)
    for i in range(len(x)):
        distances = {j: (x[i] - x[j]).norm().item() for j in range(len(x)) if j != i}
        nearest = sorted(distances, key=distances.get)[: k - 1]
        for j, weight in zip(
            nearest, naive_weights([distances[j] for j in nearest], k), strict=True
        ):
            directed[i, j] = weight
    graph = torch.zeros_like(directed)
    for i in range(len(x)):
        for j in range(len(x)):
            graph[i, j] = 1 - (1 - directed[i, j]) * (1 - directed[j, i])  # not neither
    return graph


@pytest.mark.parametrize("k", [2, 3, 5, 11])
def test_the_graph_is_the_definition(k):
    x = normal(16, 3, seed=1) * torch.linspace(0.2, 3, 16)[:, None]
    assert torch.allclose(maps.fuzzy_graph(x, k), naive_graph(x, k), atol=1e-6)


def curve_of_twelve() -> Tensor:
    """(12, 3) points without a random number, for which umap-learn was asked."""
    i = torch.arange(12, dtype=torch.float64)
    columns = (1.7 * i).cos(), (2.3 * i).sin() * (1 + i / 6), (0.4 * i**2).cos()
    return torch.stack(columns, 1).float()


# The upper triangle of umap-learn 0.5.12's
# fuzzy_simplicial_set(x, n_neighbors=5, random_state=RandomState(0), metric="euclidean"):
# row → column → weight.
UMAP_LEARN = {
    0: {1: 0.579637, 4: 1.0, 7: 0.825864, 8: 0.745148, 11: 0.649829},
    1: {3: 0.417721, 4: 1.0, 6: 0.693709, 9: 0.609073, 11: 0.36109},
    2: {5: 1.0, 7: 0.302327, 8: 0.589128, 10: 0.872948},
    3: {4: 0.371002, 6: 0.778772, 9: 0.386244, 11: 1.0},
    4: {7: 0.67932, 8: 0.435234, 9: 0.326602, 11: 0.7336},
    5: {7: 0.231895, 8: 0.254153, 10: 1.0},
    6: {9: 1.0, 11: 0.290836},
    7: {8: 1.0, 10: 0.321085, 11: 0.493331},
    8: {10: 0.351212},
}


def test_the_graph_is_umap_learns():
    theirs = torch.zeros(12, 12)
    for row, weights in UMAP_LEARN.items():
        for column, weight in weights.items():
            theirs[row, column] = theirs[column, row] = weight
    # they stop at 1e-5 of the sum
    assert torch.allclose(maps.fuzzy_graph(curve_of_twelve(), 5), theirs, atol=1e-5)


def test_the_graph_has_a_sure_edge_at_every_point_and_none_to_itself():
    graph = maps.fuzzy_graph(normal(60, 5), 8)
    assert torch.equal(graph, graph.T)
    assert graph.diagonal().abs().max() == 0
    assert torch.allclose(graph.amax(1), torch.ones(60, dtype=torch.float64))
    assert graph.min() >= 0
    assert ((graph > 0).sum(1) >= 7).all()


def test_the_graph_ignores_scale_place_and_order():
    x = normal(40, 4)
    graph = maps.fuzzy_graph(x, 6)
    order = torch.randperm(40, generator=generator())
    for scale in (1e-6, 1e6):
        assert torch.allclose(maps.fuzzy_graph(scale * (x + 3), 6), graph, atol=1e-6)
    assert torch.allclose(maps.fuzzy_graph(x[order], 6), graph[order][:, order], atol=1e-9)


def test_graphs_that_are_known_by_hand():
    """Equally far points are all sure neighbours; with k = 2 only the nearest is one."""
    everyone = 1 - torch.eye(9)
    assert torch.allclose(maps.fuzzy_graph(torch.eye(9), 9), everyone)
    assert torch.allclose(maps.fuzzy_graph(torch.ones(9, 3), 9), everyone)
    line = torch.tensor([[0.0], [1.0], [3.0], [3.5]])
    pairs = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0.0]])
    assert torch.equal(maps.fuzzy_graph(line, 2), pairs)


def test_points_that_coincide_do_not_spoil_the_others():
    x = normal(50, 3)
    x[:20] = x[0]
    graph = maps.fuzzy_graph(x, 6)
    assert graph.isfinite().all()
    assert ((graph[:20, :20].sum(1)) >= 5 - 1e-6).all()
    alone = maps.fuzzy_graph(x[20:], 6)
    assert alone[alone > 0].min() > 0


# --- the curve ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("min_dist", "theirs"),
    [
        (0.0, (1.932808397, 0.790494973)),
        (0.1, (1.576943460, 0.895060878)),
        (0.5, (0.583030020, 1.334166992)),
        (0.99, (0.119305300, 1.916390417)),
    ],
)
def test_the_curve_is_umap_learns(min_dist, theirs):
    """Of find_ab_params(1.0, min_dist) in umap-learn 0.5.12."""
    assert maps.curve_parameters(min_dist) == pytest.approx(theirs, rel=1e-4)


# --- the loss and its forces ----------------------------------------------------------------------

A, B = 1.6, 0.9


def places(edges: int = 6, strangers: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    return normal(edges, 2), normal(edges, 2, seed=1), normal(edges, strangers, 2, seed=2)


def naive_loss(anchors: Tensor, neighbours: Tensor, strangers: Tensor) -> float:
    def q(one, other):
        return 1 / (1 + A * math.dist(one.tolist(), other.tolist()) ** (2 * B))

    total = 0.0
    for anchor, neighbour, others in zip(anchors, neighbours, strangers, strict=True):
        total -= math.log(q(anchor, neighbour))
        for stranger in others:
            total -= math.log(1 - q(anchor, stranger))
    return total / len(anchors)


def test_the_loss_is_the_definition():
    loss = maps.umap_loss(*places(), a=A, b=B)
    assert loss.shape == ()
    assert loss.item() == pytest.approx(naive_loss(*places()))


def test_the_loss_where_every_q_is_a_half():
    """At distance 1 with a = 1: a coin for the neighbour and one for each stranger."""
    anchors, up = torch.zeros(3, 2), torch.tensor([0.0, 1.0])
    loss = maps.umap_loss(anchors, anchors + up, (anchors - up)[:, None].expand(3, 5, 2), a=1, b=2)
    assert loss.item() == pytest.approx(6 * math.log(2))


def test_the_loss_has_its_gradient():
    given = [part.requires_grad_() for part in places()]
    assert torch.autograd.gradcheck(lambda *parts: maps.umap_loss(*parts, a=A, b=B), given)


def test_the_forces_are_the_gradient_of_the_loss():
    """Of one edge and its strangers, on all three kinds of ends."""
    anchors, neighbours, strangers = (part.requires_grad_() for part in places())
    loss = len(anchors) * maps.umap_loss(anchors, neighbours, strangers, a=A, b=B)
    on_anchors, on_neighbours, on_strangers = torch.autograd.grad(
        loss, (anchors, neighbours, strangers)
    )
    with torch.no_grad():
        pull = _attraction(anchors - neighbours, A, B)
        push = _repulsion(anchors[:, None] - strangers, A, B)
    assert torch.allclose(pull + push.sum(1), on_anchors)
    assert torch.allclose(-pull, on_neighbours)
    assert torch.allclose(-push, on_strangers)


def test_places_that_coincide_feel_no_force():
    for force in (_attraction, _repulsion):
        assert torch.equal(force(torch.zeros(2, 2), A, B), torch.zeros(2, 2))


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"neighbours": torch.zeros(5, 2)}, r"neighbours must be \(6, 2\)"),
        ({"strangers": torch.zeros(6, 2)}, r"strangers must be \(6, M, 2\)"),
        ({"strangers": torch.zeros(6, 4, 3)}, r"strangers must be \(6, M, 2\)"),
        ({"a": 0}, "a must be"),
        ({"b": -1}, "b must be"),
    ],
)
def test_what_does_not_belong_together_is_refused(changed, part):
    names = ("anchors", "neighbours", "strangers")
    with pytest.raises(ValueError, match=part):
        maps.umap_loss(**dict(zip(names, places(), strict=True)) | {"a": A, "b": B} | changed)


# --- the descent ----------------------------------------------------------------------------------


def naive_umap(x: Tensor, start: Tensor, *, k: int, epochs: int, negatives: int) -> Tensor:
    """Edge by edge, with autograd's forces; the random numbers are drawn as `umap` draws them."""
    graph, (a, b) = naive_graph(x, k), maps.curve_parameters(0.1)
    edges = [(i, j) for i in range(len(x)) for j in range(len(x)) if graph[i, j] > 0]
    drawing, y = generator(7), start.clone()
    for epoch in range(epochs):
        chances = torch.rand(len(edges), generator=drawing)
        drawn = [
            edge for edge, chance in zip(edges, chances, strict=True) if chance < graph[edge].item()
        ]
        order = torch.randperm(len(drawn), generator=drawing).tolist()
        for some in torch.tensor(order).split(len(x) // 2):
            strangers = torch.randint(len(x), (len(some), negatives), generator=drawing)
            moved = y.clone()
            for number, others in zip(some.tolist(), strangers.tolist(), strict=True):
                i, j = drawn[number]
                force = gradient(y[i], y[j], lambda d: (1 + a * d ** (2 * b)).log())
                moved[i] -= (1 - epoch / epochs) * force
                moved[j] += (1 - epoch / epochs) * force
                for m in others:
                    if m != i:
                        far = gradient(y[i], y[m], lambda d: (1 + 1 / (a * d ** (2 * b))).log())
                        moved[i] -= (1 - epoch / epochs) * far
            y = moved
    return y - y.mean(0)


def gradient(one: Tensor, other: Tensor, of_distance) -> Tensor:
    one = one.clone().requires_grad_()
    (force,) = torch.autograd.grad(of_distance((one - other).norm()), one)
    return force.clamp(-LARGEST_STEP, LARGEST_STEP)


def test_the_descent_is_the_algorithm():
    x, start = normal(12, 3, seed=1), 3 * normal(12, 2, seed=2)
    options = {"start": start, "generator": generator(7), "n_neighbors": 4, "n_negative": 3}
    ours = maps.umap(x, epochs=3, **options)
    naive = naive_umap(x, start, k=4, epochs=3, negatives=3)
    assert (naive - start).abs().max() > 1
    assert torch.allclose(ours, naive, atol=1e-5)


def test_the_same_generator_gives_the_same_map_and_nothing_given_is_changed():
    x, start = normal(30, 3), normal(30, 2, seed=1)
    before = start.clone()
    one, again, other = (
        maps.umap(x, n_neighbors=5, epochs=5, start=start, generator=generator(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, again)
    assert not torch.allclose(one, other, atol=0.1)
    assert torch.equal(start, before)
    assert one.mean(0).abs().max() < 1e-9


def test_the_number_of_threads_is_what_it_was():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        maps.umap(normal(12, 3), n_neighbors=4, epochs=2)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_a_map_of_digits_is_nearly_as_trustworthy_as_t_snes():
    """500 digits. UMAP .980 to .985 on five seeds, umap-learn the same; t-SNE .991; PCA .83."""
    digits = data.digits("test")
    x = digits.images.flatten(1)
    tsne = trustworthiness(x, maps.tsne(x), k=5)
    flat = trustworthiness(x, maps.pca(x).points, k=5)
    for seed in range(3):
        y = maps.umap(x, generator=generator(seed))
        trust = trustworthiness(x, y, k=5)
        assert tsne - 0.03 < trust
        assert trust > flat + 0.1
        # 93 to 94 %, 54 % on PCA's shadow
        assert nearest_neighbour_accuracy(y, digits.labels) > 0.88


def test_more_distance_spreads_the_points_of_an_island():
    """Median distance to the nearest place: 0.07 to 0.09 against 0.30 to 0.34 on five seeds."""
    x = data.digits("test").images.flatten(1)[:200]

    def gap(min_dist: float, seed: int) -> float:
        y = maps.umap(x, min_dist=min_dist, epochs=100, generator=generator(seed))
        gaps = torch.cdist(y, y).fill_diagonal_(math.inf).amin(1)
        return gaps.median().item()

    for seed in range(3):
        assert gap(0.8, seed) > 2 * gap(0.0, seed)


def test_points_that_coincide_and_single_columns_have_maps():
    for x in (torch.ones(12, 3), torch.arange(12.0)[:, None], torch.cat([torch.eye(6)] * 2)):
        y = maps.umap(x, n_neighbors=4, epochs=20, generator=generator())
        assert y.shape == (12, 2)
        assert y.isfinite().all()


def test_arrays_and_lists_are_taken():
    x = normal(12, 3).numpy()
    options = {"n_neighbors": 4, "epochs": 2}
    ours = maps.umap(x, generator=generator(), **options)
    assert np.allclose(ours, maps.umap(x.tolist(), generator=generator(), **options), atol=1e-4)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"n_neighbors": 1}, "n_neighbors must be a whole number between 2 and 15"),
        ({"n_neighbors": 16}, "n_neighbors must be a whole number between 2 and 15"),
        ({"min_dist": -0.1}, "min_dist must be"),
        ({"min_dist": math.nan}, "min_dist must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"n_negative": 0}, "n_negative must be"),
        ({"start": torch.zeros(3, 2)}, r"start must be \(15, 2\)"),
        ({"start": torch.full((15, 2), 1e16)}, "start must have no coordinate beyond"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, part):
    with pytest.raises(ValueError, match=part):
        maps.umap(normal(15, 3), **{"n_neighbors": 5, "epochs": 2} | options)
