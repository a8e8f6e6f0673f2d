"""An index agrees with a naive search when it looks everywhere, and finds more the longer."""

import heapq
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.cluster import KMeans
from sklearn.neighbors import NearestNeighbors

from mlteach.mistakes import mistakes_in
from mlteach.neighbours import (
    ExactSearch,
    HashTables,
    InvertedLists,
    NeighbourGraph,
    ProductQuantiser,
    k_means,
    measure,
    recall,
)

MEASURES = ("cosine", "euclidean")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def clustered(count, columns=6, seed=0):
    """Ten groups of vectors, none in the middle: origin and mean are no special places."""
    generator = seeded(seed)
    centres = 3 * torch.randn(10, columns, generator=generator) + 1
    chosen = torch.randint(10, (count,), generator=generator)
    return centres[chosen] + torch.randn(count, columns, generator=generator)


VECTORS, QUERIES = clustered(600), clustered(50, seed=0) + 0.1 * clustered(50, seed=1)

MAKERS = {
    "exact": ExactSearch,
    "hash": lambda vectors, **more: HashTables(
        vectors, n_tables=3, n_bits=6, generator=seeded(), **more
    ),
    "lists": lambda vectors, **more: InvertedLists(
        vectors, n_cells=min(20, len(vectors)), generator=seeded(), **more
    ),
    "graph": lambda vectors, **more: NeighbourGraph(
        vectors, n_links=5, ef_build=10, n_starts=4, generator=seeded(), **more
    ),
}
APPROXIMATE = [name for name in MAKERS if name != "exact"]


def everywhere(index):
    """The setting at which an index visits every vector."""
    return {index.knob: index.exhaustive} if index.knob else {}


def naive(vectors, queries, k, measure):
    """Values and indices of the k nearest, one pair of vectors after the other, in float64."""
    vectors, queries = vectors.double().tolist(), queries.double().tolist()
    values, indices = [], []
    for q in queries:
        if measure == "euclidean":
            keys = [math.dist(q, v) for v in vectors]
        else:
            keys = [
                -sum(a * b for a, b in zip(q, v, strict=True)) / math.hypot(*q) / math.hypot(*v)
                for v in vectors
            ]
        order = sorted(range(len(vectors)), key=lambda i: (keys[i], i))[:k]
        values.append([keys[i] if measure == "euclidean" else -keys[i] for i in order])
        indices.append(order)
    return torch.tensor(values), torch.tensor(indices)


# --- what all of them promise --------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("name", MAKERS)
def test_looking_everywhere_gives_what_a_naive_loop_gives(name, kind):
    """Recall is exactly 1 at the exhaustive setting, in the right order with the right values."""
    index = MAKERS[name](VECTORS, measure=kind)
    values, indices = index.search(QUERIES, 10, **everywhere(index))
    right_values, right_indices = naive(VECTORS, QUERIES, 10, kind)
    assert torch.equal(indices, right_indices)
    assert torch.allclose(values, right_values, atol=1e-5)
    assert recall(indices, right_indices) == 1


@pytest.mark.parametrize("kind", MEASURES)
def test_exact_search_agrees_with_scikit_learn(kind):
    """An independent implementation finds the same; scikit-learn's distance is 1 - cosine."""
    reference = NearestNeighbors(n_neighbors=7, metric=kind, algorithm="brute").fit(
        VECTORS.double().numpy()
    )
    distances, indices = reference.kneighbors(QUERIES.double().numpy())
    values, found = ExactSearch(VECTORS, measure=kind).search(QUERIES, 7)
    assert np.array_equal(found, indices)
    assert np.allclose(values, 1 - distances if kind == "cosine" else distances, atol=1e-5)


@pytest.mark.parametrize("kind", MEASURES)
@pytest.mark.parametrize("name", APPROXIMATE)
def test_recall_grows_with_the_knob(name, kind):
    """Little is found with little work, most with more, and never less; the work grows too."""
    index = MAKERS[name](VECTORS, measure=kind)
    right = ExactSearch(VECTORS, measure=kind).search(QUERIES, 10)[1]
    settings = {"n_probe": [1, 2, 4, 8, 16], "ef": [10, 20, 40, 80, 160]}[index.knob]
    found = [recall(index.search(QUERIES, 10, **{index.knob: s})[1], right) for s in settings]
    costs = [index.cost(QUERIES, **{index.knob: s}) for s in settings]
    assert found == sorted(found)
    assert found[0] < found[-1] or found[0] > 0.99
    assert found[-1] > 0.98
    assert costs == sorted(costs)
    assert costs[0] < 300


@pytest.mark.parametrize("name", MAKERS)
def test_values_belong_to_the_indices_and_come_nearest_first(name):
    """Whatever was found, its value is the cosine or distance of just that vector."""
    cosines, indices = MAKERS[name](VECTORS).search(QUERIES, 10)
    there = indices >= 0
    expected = F.cosine_similarity(QUERIES[:, None], VECTORS[indices.clamp(min=0)], dim=2)
    assert torch.allclose(cosines[there], expected[there], atol=1e-5)
    assert (cosines.diff(dim=1) <= 0).all() or not there.all()
    distances = MAKERS[name](VECTORS, measure="euclidean").search(QUERIES, 10)[0]
    assert (distances.nan_to_num(9e9, posinf=9e9).diff(dim=1) >= 0).all()


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_found_was_visited_and_visits_are_counted(name):
    """`visited` names each vector once, and the cost is their number plus what came before."""
    index = MAKERS[name](VECTORS, measure="euclidean")
    visited = index.visited(QUERIES)
    indices = index.search(QUERIES, 10)[1]
    for seen, found in zip(visited, indices, strict=True):
        assert len(seen.unique()) == len(seen)
        assert set(found.tolist()) - {-1} <= set(seen.tolist())
    assert index.cost(QUERIES) == pytest.approx(
        index.overhead + sum(map(len, visited)) / len(visited)
    )
    assert index.overhead == {"exact": 0, "hash": 18, "lists": 20, "graph": 0}[name]


@pytest.mark.parametrize("name", MAKERS)
def test_equal_vectors_come_in_the_order_of_their_numbers(name):
    """200 copies of one vector: the ties are broken alike everywhere, and none is lost."""
    vectors = torch.cat([clustered(100, seed=3), torch.ones(200, 6), clustered(100, seed=4)])
    index = MAKERS[name](vectors, measure="euclidean")
    values, indices = index.search(torch.ones(2, 6), 250, **everywhere(index))
    assert torch.equal(indices[:, :200], torch.arange(100, 300).expand(2, 200))
    assert (values[:, :200] == 0).all()
    assert (values[:, 200:] > 0).all()


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_but_equal_vectors(name):
    """Then the k first are the k nearest."""
    index = MAKERS[name](torch.ones(90, 3))
    cosines, indices = index.search(torch.ones(1, 3), 5, **everywhere(index))
    assert indices.tolist() == [[0, 1, 2, 3, 4]]
    assert cosines.tolist() == [[1.0] * 5]


@pytest.mark.parametrize("name", MAKERS)
def test_one_vector_is_the_nearest(name):
    """The smallest index that there can be."""
    kind = {"n_cells": 1} if name == "lists" else {}
    index = type(MAKERS[name](VECTORS))(torch.tensor([[3.0, 4.0]]), measure="euclidean", **kind)
    values, indices = index.search(torch.tensor([[0.0, 0.0], [3.0, 4.0]]), 1, **everywhere(index))
    assert values.tolist() == [[5.0], [0.0]]
    assert indices.tolist() == [[0], [0]]


@pytest.mark.parametrize("name", MAKERS)
def test_far_from_the_origin_nothing_is_lost_to_rounding(name):
    """|v|² - 2 v·q alone would round neighbours 0.01 apart into one heap near (100, 100, …)."""
    vectors = 100 + 0.1 * clustered(300, seed=5)
    index = MAKERS[name](vectors, measure="euclidean")
    right = naive(vectors, vectors[:20], 5, "euclidean")[1]
    assert torch.equal(index.search(vectors[:20], 5, **everywhere(index))[1], right)


@pytest.mark.parametrize("name", APPROXIMATE)
def test_one_seed_one_index(name):
    """The same generator gives the same answers, and the caller's tensor may change afterwards."""
    vectors = VECTORS.clone()
    one, two = MAKERS[name](vectors), MAKERS[name](vectors)
    vectors.zero_()
    assert torch.equal(one.search(QUERIES, 5)[1], two.search(QUERIES, 5)[1])


def test_where_too_little_was_visited_the_rest_is_empty():
    """A bucket with fewer than k vectors: index -1 and the worst value."""
    for kind, worst in (("cosine", -math.inf), ("euclidean", math.inf)):
        index = HashTables(VECTORS, measure=kind, n_tables=1, n_bits=16, generator=seeded())
        values, indices = index.search(VECTORS[:5], 600)
        assert (indices[:, -1] == -1).all()
        assert (indices[:, 0] == torch.arange(5)).all()
        assert (values[indices == -1] == worst).all()
        assert values[indices >= 0].isfinite().all()


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("k", [0, -1, 601])
def test_k_out_of_range_is_refused(name, k):
    """More neighbours than there are vectors, or none."""
    with pytest.raises(ValueError, match=f"k must be a whole number between 1 and 600, got {k}"):
        MAKERS[name](VECTORS).search(QUERIES, k)


@pytest.mark.parametrize("name", APPROXIMATE)
def test_a_knob_out_of_range_is_refused(name):
    """The message names the knob and its range."""
    index = MAKERS[name](VECTORS)
    for wrong in (0, index.exhaustive + 1):
        with pytest.raises(
            ValueError,
            match=rf"{index.knob} must be .* between \d+ and {index.exhaustive}, got {wrong}",
        ):
            index.search(QUERIES, 5, **{index.knob: wrong})


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (torch.zeros(0, 3), r"\(N >= 1, D >= 1\), got \(0, 3\)"),
        (torch.zeros(3), r"vectors must be \(N >= 1, D >= 1\), got \(3,\)"),
        (torch.tensor([[1.0, 0.0], [math.nan, 0.0]]), "finite, got NaN or infinity in row 1"),
        (
            torch.tensor([[1.0, 0.0], [0.0, 0.0]]),
            "no row of zeros, which has no cosine, got one in row 1",
        ),
    ],
)
def test_unusable_vectors_are_refused(name, vectors, message):
    """Before anything is built."""
    with pytest.raises(ValueError, match=message):
        MAKERS[name](vectors)


def test_other_wrong_arguments_are_refused():
    """Each message says what was given."""
    with pytest.raises(ValueError, match="'cosine', 'euclidean', got 'dot'"):
        ExactSearch(VECTORS, measure="dot")
    with pytest.raises(ValueError, match=r"queries must be \(Q, 6\), got shape \(\d+, 5\)"):
        ExactSearch(VECTORS).search(QUERIES[:, :5], 3)
    with pytest.raises(ValueError, match="n_tables must be .* between 1 and 10000, got 0"):
        HashTables(VECTORS, n_tables=0)
    with pytest.raises(ValueError, match="n_bits must be .* between 1 and 16, got 17"):
        HashTables(VECTORS, n_bits=17)
    with pytest.raises(ValueError, match="n_cells must be .* between 1 and 600, got 601"):
        InvertedLists(VECTORS, n_cells=601)
    for name in ("n_links", "ef_build", "n_starts"):
        with pytest.raises(
            ValueError, match=f"{name} must be a whole number between 1 and .*, got 0"
        ):
            NeighbourGraph(VECTORS, **{name: 0})
    for kind in (HashTables, InvertedLists, NeighbourGraph):
        with pytest.raises(TypeError, match="generator must be a torch.Generator or None, got int"):
            kind(VECTORS, generator=0)
    with pytest.raises(ValueError, match="ef must be .* between 20 and 600, got 10"):
        NeighbourGraph(VECTORS).search(QUERIES, 20, ef=10)


# --- hashing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("angle", [0.2, 1.0, 2.5])
def test_two_vectors_share_a_bit_with_probability_one_minus_angle_over_pi(angle):
    """Measured over 8,000 planes; four standard deviations are at most 0.022."""
    pair = torch.tensor([[1.0, 0.0, 0.0], [math.cos(angle), math.sin(angle), 0.0]])
    index = HashTables(pair, n_tables=500, n_bits=16, generator=seeded())
    first, second = index.codes(index.vectors)
    different = sum(int(a ^ b).bit_count() for a, b in zip(first, second, strict=True))
    assert 1 - different / 8000 == pytest.approx(1 - angle / math.pi, abs=0.022)


@pytest.mark.parametrize("kind", MEASURES)
def test_buckets_are_probed_in_the_order_of_the_planes_to_cross(kind):
    """Against the definition, plane by plane and code by code."""
    index = HashTables(VECTORS, measure=kind, n_tables=1, n_bits=4, generator=seeded())
    centre = index.vectors.mean(0) if kind == "euclidean" else 0
    codes = [
        sum(2**j * int(p @ (v - centre) > 0) for j, p in enumerate(index.planes[0]))
        for v in index.vectors
    ]
    for query in index._rows("queries", QUERIES[:10]):
        sides = [p @ (query - centre) for p in index.planes[0]]
        own = sum(2**j * int(s > 0) for j, s in enumerate(sides))
        detour = {
            code: sum(s**2 for j, s in enumerate(sides) if (own ^ code) >> j & 1)
            for code in range(16)
        }
        order = sorted(detour, key=detour.get)
        for n_probe in (1, 2, 5, 16):
            expected = [i for i, code in enumerate(codes) if code in order[:n_probe]]
            assert index._visit(query, n_probe=n_probe).tolist() == expected


def test_more_tables_find_more():
    """A second chance for every neighbour."""
    right = ExactSearch(VECTORS).search(QUERIES, 10)[1]
    found = [
        recall(
            HashTables(VECTORS, n_tables=n, n_bits=8, generator=seeded()).search(QUERIES, 10)[1],
            right,
        )
        for n in (1, 4, 16)
    ]
    assert found[0] < found[1] < found[2]


# --- inverted lists ------------------------------------------------------------------------------


def test_k_means_is_as_good_as_scikit_learns_and_its_cells_are_nearest():
    """One start costs something: at most 1.6 times scikit-learn's sum of squares of ten."""
    vectors = VECTORS.numpy()
    centres, cells = k_means(vectors, 10, rounds=20, generator=seeded(1))
    squares = np.square(vectors[:, None] - centres).sum(2)
    assert np.array_equal(cells, squares.argmin(1))
    reference = KMeans(10, n_init=10, random_state=0).fit(vectors).inertia_
    assert reference * 0.99 < squares.min(1).sum() < reference * 1.6
    start = (
        np.square(vectors[:, None] - k_means(vectors, 10, rounds=0, generator=seeded(1))[0])
        .sum(2)
        .min(1)
        .sum()
    )
    assert squares.min(1).sum() < start


def test_k_means_keeps_a_centre_that_lost_its_vectors():
    """Three of four first centres coincide, so two of them own nothing."""
    vectors = np.array([[0.0], [0.0], [0.0], [9.0]], np.float32)
    centres, cells = k_means(vectors, 4, generator=seeded())
    assert sorted(centres[:, 0].tolist()) == [0, 0, 0, 9]
    assert centres[cells, 0].tolist() == [0, 0, 0, 9]


def test_a_query_visits_exactly_the_lists_of_the_nearest_centres():
    """Against the definition, and every vector is in one list."""
    index = MAKERS["lists"](VECTORS, measure="euclidean")
    assert sorted(index.members.tolist()) == list(range(600))
    for query in QUERIES[:10].numpy():
        order = np.linalg.norm(index.centres - query, axis=1).argsort()
        for n_probe in (1, 3, 20):
            expected = np.flatnonzero(np.isin(index.cells, order[:n_probe]))
            assert np.array_equal(np.sort(index._visit(query, n_probe=n_probe)), expected)


def test_the_number_of_cells_is_the_root_of_the_number_of_vectors():
    """Unless it is given."""
    assert InvertedLists(VECTORS).exhaustive == 24
    assert InvertedLists(VECTORS, n_cells=7).exhaustive == 7


# --- graph ---------------------------------------------------------------------------------------


def naive_walk(index, query, ef):
    """The beam and all that was seen, by the textbook: two heaps, one query at a time."""

    def distance(node):
        return float(np.square(index.vectors[node].astype(float) - query).sum())

    seen = set(index.starts.tolist())
    best = sorted((distance(node), node) for node in seen)[:ef]
    waiting = list(best)
    heapq.heapify(waiting)
    while waiting:
        gap, node = heapq.heappop(waiting)
        if len(best) == ef and gap > best[-1][0]:
            break
        for other in index.links[node].tolist():
            if other != index.nobody and other not in seen:
                seen.add(other)
                best = sorted([*best, (distance(other), other)])[:ef]
                heapq.heappush(waiting, (distance(other), other))
    return [node for _, node in best], seen


@pytest.mark.parametrize("ef", [1, 5, 30])
def test_walks_side_by_side_are_the_walks_of_the_textbook(ef):
    """Many queries in arrays take the steps that one query takes with two heaps."""
    index = MAKERS["graph"](VECTORS, measure="euclidean")
    queries = QUERIES.numpy()
    beams, seen, trail = index.walk(queries, ef)
    for row, query in enumerate(queries):
        beam, visited = naive_walk(index, query, ef)
        assert beams[row].tolist() == beam
        assert set(np.flatnonzero(seen[row, :-1]).tolist()) == visited
        steps = [step[row] for step in trail if step[row] != index.nobody]
        assert len(set(steps)) == len(steps)
        assert set(steps) <= visited


def test_links_are_chosen_in_all_directions():
    """Against the rule, one candidate after the other."""
    index = MAKERS["graph"](VECTORS, measure="euclidean")
    nodes, candidates = np.arange(20), np.stack([np.arange(100, 130)] * 20)
    candidates[:, -3:] = index.nobody
    candidates = index._sorted(nodes, candidates)
    found = index._choose(nodes, candidates, index.n_links)
    for node, row, chosen in zip(nodes, candidates, found, strict=True):
        expected = []
        for c in row[row != index.nobody]:
            to_node = np.linalg.norm(index.vectors[c] - index.vectors[node])
            if all(
                np.linalg.norm(index.vectors[c] - index.vectors[e]) >= to_node for e in expected
            ):
                expected.append(c)
        expected = expected[: index.n_links]
        assert chosen[chosen != index.nobody].tolist() == expected


def test_a_vector_without_room_keeps_twice_as_many_links_as_a_new_one_makes():
    """Five vectors in five directions from the first; all might stay, and four have room."""
    vectors = torch.cat([torch.zeros(1, 3), torch.eye(3), -torch.eye(3)])[:6]
    index = NeighbourGraph(vectors, measure="euclidean", n_links=2, generator=seeded())
    index.links[0, :4] = [1, 2, 3, 4]
    index._link_back(np.array([5]), np.array([0]))
    kept = index.links[0, :4]
    assert len(set(kept) - {index.nobody}) == 4


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_vector_can_be_reached_and_the_links_are_sound(seed):
    """No link to itself, none twice, few enough, and a way from the start to everywhere."""
    index = NeighbourGraph(
        clustered(700, seed=seed), n_links=4, ef_build=8, n_starts=1, generator=seeded(seed)
    )
    for node, links in enumerate(index.links[:-1]):
        links = links[links != index.nobody]
        assert node not in links
        assert len(set(links[:-1])) >= len(links) - 1
        assert 1 <= len(links) <= 9
    assert (index.links[-1] == index.nobody).all()
    assert index._reach(np.zeros(701, bool), index.starts)[:-1].all()


def test_starts_in_every_group_find_the_right_group():
    """Ten groups far apart: from one start some walks miss their group, from many nearly none."""
    vectors = F.one_hot(torch.arange(10).repeat(200), 10).float()
    vectors = vectors + 0.05 * torch.randn(2000, 10, generator=seeded(7))
    right = ExactSearch(vectors).search(vectors[:200], 5)[1]
    found = [
        recall(
            NeighbourGraph(vectors, n_starts=n, generator=seeded()).search(vectors[:200], 5, ef=16)[
                1
            ],
            right,
        )
        for n in (1, 64)
    ]
    assert found[1] > 0.95
    assert found[1] > found[0]


# --- recall and its price ------------------------------------------------------------------------


def assert_counts_true_neighbours(counts):
    """By hand: 2 of 3, then 0 of 3; an empty place never counts, nor another query's neighbour."""
    exact = torch.tensor([[1, 2, 3], [4, 5, 6]])
    found = torch.tensor([[3, 9, 1], [2, -1, -1]])
    assert float(counts(found, exact)) == pytest.approx(1 / 3)
    assert float(counts(exact.flip(1), exact)) == 1
    hardly = torch.tensor([[3, -1, -1], [-1, -1, -1]])
    assert float(counts(hardly, exact)) == pytest.approx(1 / 6)


@pytest.mark.parametrize("mistake", mistakes_in(recall), ids=str)
def test_a_wrong_recall_is_caught(mistake):
    with pytest.raises(AssertionError):
        assert_counts_true_neighbours(mistake)


def test_recall_counts_true_neighbours_in_any_order():
    assert_counts_true_neighbours(recall)
    exact = torch.tensor([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ValueError, match=r"found must be \(2, 3\), got shape \(2, 2\)"):
        recall(exact[:, :2], exact)


def test_measure_reports_every_setting():
    """Recall and distances equal what the index itself says; the speed is a positive number."""
    right = ExactSearch(VECTORS).search(QUERIES, 10)[1]
    (exact,) = measure(ExactSearch(VECTORS), QUERIES, right, repeats=1)
    assert (exact.setting, exact.recall, exact.distances) == ("everything", 1, 600)
    index = MAKERS["lists"](VECTORS)
    few, all_of_them = measure(index, QUERIES, right, [2, 20], repeats=2)
    assert (few.setting, all_of_them.setting) == ("n_probe 2", "n_probe 20")
    assert few.recall == recall(index.search(QUERIES, 10, n_probe=2)[1], right)
    assert few.distances == index.cost(QUERIES, n_probe=2)
    assert all_of_them.recall == 1
    assert all_of_them.distances == 620
    assert few.per_second > 0


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("size", [1, 2, 5, 31])
def test_few_vectors_are_visited_and_measured_without_a_setting(name, size):
    """The measurement says which setting it was."""
    few = VECTORS[:size]
    index = MAKERS[name](few)
    right = ExactSearch(few).search(QUERIES, size)[1]
    assert all(len(vectors) <= size for vectors in index.visited(QUERIES))
    (measured,) = measure(index, QUERIES, right, repeats=1)
    assert measured.recall == recall(index.search(QUERIES, size)[1], right)
    assert measured.distances == pytest.approx(index.cost(QUERIES))
    setting = {"exact": "everything", "graph": f"ef {size}"}.get(name, "n_probe 1")
    assert measured.setting == setting


def test_the_distances_of_a_measurement_are_those_of_its_search():
    """The usual beam of a search for 50 neighbours is 50."""
    right = ExactSearch(VECTORS).search(QUERIES, 50)[1]
    index = NeighbourGraph(VECTORS, generator=seeded())
    (measured,) = measure(index, QUERIES, right, repeats=1)
    assert measured.setting == "ef 50"
    assert measured.distances == index.cost(QUERIES, ef=50)


@pytest.mark.parametrize("name", MAKERS)
def test_an_unknown_knob_is_refused_by_its_name(name):
    """Whichever way the index is asked."""
    index = MAKERS[name](VECTORS)
    calls = (index.cost, index.visited, lambda queries, **knob: index.search(queries, 3, **knob))
    for call in calls:
        with pytest.raises(TypeError, match=r"knob of \w+ must be .*, got 'wrong'"):
            call(QUERIES, wrong=3)


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"index": 3}, TypeError, "index must be an index, got int"),
        ({"exact": torch.zeros(3, 2, dtype=torch.long)}, ValueError, "exact must be"),
        ({"exact": torch.zeros(3, dtype=torch.long)}, ValueError, "exact must be"),
        ({"queries": "all"}, TypeError, "queries must be"),
        ({"settings": 5}, TypeError, "settings must be whole numbers in a row, got int"),
        ({"settings": "55"}, TypeError, "settings must be whole numbers in a row, got str"),
        ({"settings": [2.5]}, TypeError, "settings must be a whole number"),
        ({"settings": [601]}, ValueError, "settings must be a whole number between 1 and 600"),
        ({"index": ExactSearch(VECTORS)}, ValueError, r"settings must be left out.* got \[40\]"),
        ({"repeats": 0}, ValueError, "repeats must be"),
        ({"repeats": 2.5}, TypeError, "repeats must be"),
    ],
)
def test_what_cannot_be_measured_is_refused(changed, error, message):
    """By the name of the argument."""
    arguments = {
        "index": MAKERS["graph"](VECTORS),
        "queries": QUERIES,
        "exact": ExactSearch(VECTORS).search(QUERIES, 3)[1],
        "settings": [40],
    }
    with pytest.raises(error, match=message):
        measure(**arguments | changed)


# --- the mistakes that people make ---------------------------------------------------------------

RIGHT = [
    (ExactSearch, {}),
    (InvertedLists, {"n_cells": 20}),
    (HashTables, {"n_tables": 2, "n_bits": 6}),
    (NeighbourGraph, {"n_links": 6, "n_starts": 2}),
]


def failures(make, arguments):
    """Which of three properties of every right index this one lacks."""
    lacking = set()
    for kind in MEASURES:
        index = make(
            VECTORS,
            measure=kind,
            **arguments,
            **({} if make_is_exact(make) else {"generator": seeded()}),
        )
        right = naive(VECTORS, QUERIES, 10, kind)[1]
        if not torch.equal(index.search(QUERIES, 10, **everywhere(index))[1], right):
            lacking.add("right when it looks everywhere")
        little = {index.knob: {"n_probe": 1, "ef": 20}[index.knob]} if index.knob else {}
        itself = index.search(VECTORS, 1, **little)[1][:, 0] == torch.arange(len(VECTORS))
        if itself.double().mean() < 0.98:
            lacking.add("a vector is its own nearest neighbour, with little work")
    return lacking


def make_is_exact(make):
    return issubclass(make, ExactSearch)


@pytest.mark.parametrize(
    ("make", "arguments"), RIGHT, ids=lambda part: getattr(part, "__name__", "")
)
def test_right_indexes_have_all_properties(make, arguments):
    """The properties that catch the mutants are true of the real ones."""
    assert failures(make, arguments) == set()


WRONG = [(m.function, arguments) for make, arguments in RIGHT for m in mistakes_in(make)]


@pytest.mark.parametrize(
    ("make", "arguments"), WRONG, ids=lambda part: getattr(part, "__name__", "")
)
def test_every_mistake_is_caught(make, arguments):
    """A mistake that people make shows in one of the properties."""
    assert failures(make, arguments) != set()


# --- far from 0, equal vectors, whole numbers -----------------------------------------------------


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_of_a_hundred_copies_one_is_found(name, measure):
    """Of several equal centres all but one are empty: no query may end in an empty cell."""
    five = torch.randn(5, 16, generator=seeded())
    index = MAKERS[name](five.repeat(100, 1), measure=measure)
    found = index.search(five, 1)[1][:, 0]
    assert (found >= 0).all()
    assert (found % 5).tolist() == [0, 1, 2, 3, 4]


def test_k_means_of_integers_has_the_means_of_floats():
    whole = torch.randint(0, 10, (60, 3), generator=seeded())
    centres, cells = k_means(whole, 4, generator=seeded())
    expected, same_cells = k_means(whole.float().numpy(), 4, generator=seeded())
    assert np.array_equal(centres, expected)
    assert np.array_equal(cells, same_cells)
    assert (centres != centres.round()).any()


def test_far_from_zero_the_graph_and_the_cells_find_as_much():
    for kind, knob in ((NeighbourGraph, {"ef": 20}), (InvertedLists, {"n_probe": 4})):
        shares = []
        for shift in (0, 3000):
            vectors, queries = VECTORS + shift, QUERIES + shift
            exact = ExactSearch(vectors, measure="euclidean").search(queries, 5)[1]
            index = kind(vectors, measure="euclidean", generator=seeded())
            shares.append(recall(index.search(queries, 5, **knob)[1], exact))
        assert shares[1] > shares[0] - 0.05


# --- product quantisation -------------------------------------------------------------------------


def quantiser(vectors=VECTORS, **more):
    return ProductQuantiser(
        vectors, **{"n_parts": 3, "n_centres": 16, "generator": seeded()} | more
    )


def test_product_quantiser_is_its_definition():
    """Codes are nearest centres, and a search adds up the distances of the parts, in loops."""
    index = quantiser()
    for vector, code in zip(VECTORS[:40], index.encode(VECTORS[:40]), strict=True):
        for part, centres, number in zip(vector.split(2), index.centres, code, strict=True):
            gaps = [float((part.double() - torch.tensor(c)).square().sum()) for c in centres]
            assert gaps[number] <= min(gaps) + 1e-5
    values, indices = index.search(QUERIES[:5], 7)
    decoded = index.decode(index.encode(VECTORS)).double()
    for query, row, found in zip(QUERIES[:5].double(), values, indices, strict=True):
        naive = sorted((float((query - v).norm()), i) for i, v in enumerate(decoded))
        assert torch.allclose(row.double(), torch.tensor([d for d, _ in naive[:7]]).double())
        # equal codes have equal distances: whatever is as near as the last may stand there
        assert all(float((query - decoded[i]).norm()) <= naive[6][0] + 1e-6 for i in found)


def test_product_quantiser_agrees_with_faiss():
    """With our centres, faiss gives the same codes and the same distances."""
    faiss = pytest.importorskip("faiss")
    vectors, queries = clustered(2000, 8), clustered(20, 8, seed=3)
    index = ProductQuantiser(vectors, n_parts=4, n_centres=256, generator=seeded())
    theirs = faiss.IndexPQ(8, 4, 8)
    theirs.train(vectors.numpy())
    faiss.copy_array_to_vector(index.centres.ravel(), theirs.pq.centroids)
    theirs.add(vectors.numpy())
    assert (theirs.pq.compute_codes(vectors.numpy()) == index.codes).mean() > 0.999  # ties
    squares, _ = theirs.search(queries.numpy(), 10)
    assert np.allclose(index.search(queries, 10)[0] ** 2, squares, rtol=1e-4, atol=1e-4)


def test_product_quantiser_keeps_vectors_that_are_centres():
    """With a centre for each value nothing is lost, and equal codes come in their order."""
    grid = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0))
    vectors = torch.cat([grid, grid])
    index = ProductQuantiser(vectors, n_parts=1, n_centres=32, generator=seeded())
    assert torch.equal(index.decode(index.encode(vectors)), vectors)
    values, indices = index.search(grid, 2)
    assert torch.equal(indices, torch.stack([torch.arange(16), torch.arange(16) + 16], dim=1))
    assert torch.equal(values, torch.zeros(16, 2))


def test_more_parts_and_more_centres_find_more():
    """What is rounded less is found more often, and costs more bytes."""
    truth = ExactSearch(VECTORS, measure="euclidean").search(QUERIES, 10)[1]

    def share(**more):
        return recall(quantiser(**more).search(QUERIES, 10)[1], truth)

    assert share(n_parts=1) < share(n_parts=3) - 0.1 < share(n_parts=6) - 0.2
    assert share(n_centres=4) < share(n_centres=16) - 0.1 < share(n_centres=64) - 0.2
    assert quantiser(n_parts=6).codes.nbytes == 6 * len(VECTORS)


def test_product_quantiser_refuses_by_name():
    with pytest.raises(ValueError, match="n_parts must divide the 6 columns, got 4"):
        ProductQuantiser(VECTORS, n_parts=4)
    with pytest.raises(ValueError, match="n_centres"):
        ProductQuantiser(VECTORS, n_parts=3, n_centres=257)
    with pytest.raises(ValueError, match="codes must be numbers of centres, 0 to 15, got 16"):
        quantiser().decode(torch.full((2, 3), 16))
    with pytest.raises(ValueError, match="queries"):
        quantiser().search(VECTORS[:, :4], 3)
