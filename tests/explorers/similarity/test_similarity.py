"""The explorers of similarity show what `mlteach.similarity` computes, over the whole range of
their controls.
"""

import base64
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from mlteach.explorers import FactorMatrix, Retrieval, Vectors
from mlteach.explorers.similarity.factor_matrix import group_gap
from mlteach.similarity import factor_groups, nearest, retrieval_precision, similarities

MEASURES = ["cosine", "correlation", "dot product", "euclidean"]


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pictures(count=24, channels=3):
    return random(count, channels, 8, 8, seed=1).sigmoid()


def factors(count=24):
    return {"shape": torch.arange(count) % 3, "size": random(count, seed=2)}


def encodings(count=24):
    """One encoding that knows the shape and one that knows nothing."""
    knowing = torch.eye(3)[torch.arange(count) % 3] + 0.1 * random(count, 3, seed=3)
    return {"knowing": knowing, "blind": random(count, 6, seed=4)}


def matrix_explorer():
    return FactorMatrix(
        encodings(), pictures(), factors(), names={"shape": ("disc", "ring", "star")}
    )


def retrieval_explorer():
    return Retrieval(encodings(), pictures(), factors())


MAKERS = {"matrix": matrix_explorer, "retrieval": retrieval_explorer, "vectors": Vectors}


@pytest.fixture(params=MAKERS)
def explorer(request):
    return MAKERS[request.param]()


def shown(explorer):
    """The picture as the page shows it, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png)))


def send(explorer, ax, x, y, *, pressed=False, presses=0, press=None, inside=True):
    """A pointer message as the page sends it; x and y in data coordinates of ax."""

    def fraction(place):
        pixel = ax.transData.transform(place) / explorer.figure.bbox.size
        return pixel[0], 1 - pixel[1]

    (fx, fy), (px, py) = fraction((x, y)), fraction(press or (x, y))
    explorer.canvas.pointer = {
        "x": fx, "y": fy, "inside": inside, "pressed": pressed, "presses": presses, "press_x": px, "press_y": py,
    }  # fmt: skip


# --- what every explorer promises ----------------------------------------------------------------


def test_every_control_reaches_both_ends_and_every_option(explorer):
    """No value of any control leaves a problem or an empty picture, and the state says what was
    chosen.
    """
    for name, control in explorer.controls.items():
        for value in (
            control.options if control.has_trait("options") else (control.min, control.max)
        ):
            control.value = value
            assert explorer.state.get(name, value) == value
            assert shown(explorer).std() > 0
    assert explorer.canvas.problem == ""


def test_a_move_and_back_gives_the_same_picture(explorer):
    """Nothing of a choice stays behind."""
    control = next(iter(explorer.controls.values()))
    before, value = shown(explorer), control.value
    control.value = control.options[-1] if control.has_trait("options") else control.max
    assert not np.array_equal(shown(explorer), before)
    control.value = value
    assert np.array_equal(shown(explorer), before)


def test_blitting_draws_what_a_full_drawing_draws(explorer):
    """No artist that changes is missing from `moving`."""
    for control in explorer.controls.values():
        control.value = control.options[-1] if control.has_trait("options") else control.max
    blitted = shown(explorer)
    explorer.redraw_all()
    explorer.refresh()
    assert np.abs(blitted.astype(int) - shown(explorer)).mean() < 0.05


def test_the_output_carries_the_picture_and_its_text(explorer):
    """Without a kernel a reader sees the same picture; the controls are named."""
    data, metadata = explorer._repr_mimebundle_()
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert np.array_equal(saved, shown(explorer))
    assert metadata["image/png"]["alt"] == data["text/plain"] == explorer.describe() != ""
    assert all(control.description for control in explorer.controls.values())


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_rows_that_do_not_fit_are_refused(maker):
    """The message names the entry that has a row too few."""
    short = {"a": random(23, 4)}
    with pytest.raises(
        ValueError, match=r"encodings\['a'\] must have one row for each of 24 images, got 23"
    ):
        maker(short, pictures(), factors())
    with pytest.raises(ValueError, match=r"factors\['a'\] must have one row"):
        maker(encodings(), pictures(), {"a": torch.arange(5)})
    with pytest.raises(ValueError, match="encodings must have at least one entry"):
        maker({}, pictures(), factors())
    with pytest.raises(ValueError, match="factors must have at least one entry"):
        maker(encodings(), pictures(), {})


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_grey_pictures_are_shown_as_dark_ink(maker):
    """One channel works as well as three."""
    grey = pictures(channels=1)
    explorer = maker(encodings(), grey, factors())
    assert explorer.pictures.shape == (24, 8, 8, 3)
    assert np.allclose(explorer.pictures[..., 0], 1 - grey[:, 0].numpy())
    assert explorer.canvas.problem == ""


# --- factor matrix -------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("sort", ["shape", "size"])
def test_the_matrices_are_the_similarities_in_the_order_of_the_factor(measure, sort):
    """Rows and columns are moved together."""
    explorer = matrix_explorer()
    explorer.controls["measure"].value = measure
    explorer.controls["sort"].value = sort
    order = explorer.state["order"]
    assert (factors()[sort][order].diff() >= 0).all()
    for name, z in encodings().items():
        expected = similarities(z[order], z[order], measure=measure)
        assert torch.allclose(explorer.state["matrices"][name], expected, atol=1e-6)
        drawn = explorer.matrices[list(encodings()).index(name)].get_array()
        off = ~np.eye(24, dtype=bool)
        assert np.allclose(np.asarray(drawn)[off], expected.numpy()[off], atol=1e-6)
        assert np.isnan(np.ma.filled(drawn, np.nan)[~off]).all()


def test_the_gap_tells_who_knows_the_factor():
    """Large for the encoding that holds the shape, about 0 for the other and for a factor that
    neither holds.
    """
    explorer = matrix_explorer()
    assert explorer.state["gap"]["knowing"] > 1.5
    assert abs(explorer.state["gap"]["blind"]) < 0.3
    explorer.controls["sort"].value = "size"
    assert all(abs(gap) < 0.4 for gap in explorer.state["gap"].values())


def test_the_gap_equals_its_definition():
    """A loop over pairs; and 0, not NaN, where all similarities are equal."""
    matrix, groups = random(6, 6).double(), torch.tensor([0, 1, 0, 1, 2, 2])
    pairs = [
        (matrix[i, j].item(), bool(groups[i] == groups[j]))
        for i in range(6)
        for j in range(6)
        if i != j
    ]
    within = np.mean([value for value, same in pairs if same])
    between = np.mean([value for value, same in pairs if not same])
    expected = (within - between) / np.std([value for value, _ in pairs], ddof=1)
    assert group_gap(matrix, groups) == pytest.approx(expected)
    assert group_gap(torch.ones(6, 6), groups) == 0


def test_pointing_at_a_cell_shows_its_pair():
    """The pair is that of the cell in the sorted matrix, whichever of the matrices is pointed at."""
    explorer = matrix_explorer()
    before = shown(explorer)
    send(explorer, explorer.axes[1], 3.2, 20.9)
    assert explorer.state["hover"] == (21, 3)
    row, column = explorer.state["order"][21], explorer.state["order"][3]
    for image, index in zip(explorer.pair, (row, column), strict=True):
        assert np.allclose(image.get_array(), explorer.pictures[index])
    z = encodings()["knowing"]
    assert f"knowing: {similarities(z, z)[row, column]:.3f}" in explorer.text.get_text()
    assert "shape: star and disc" in explorer.text.get_text()
    assert not np.array_equal(shown(explorer), before)
    send(explorer, explorer.axes[1], 3, 3, inside=False)
    assert explorer.state["hover"] is None
    assert np.array_equal(shown(explorer), before)


# --- retrieval -----------------------------------------------------------------------------------


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("factor", ["shape", "size"])
def test_the_rows_are_the_nearest_neighbours(measure, factor):
    """Indices, number of right ones and precision are those of the functions of the chapter."""
    explorer = retrieval_explorer()
    for name, value in {"measure": measure, "factor": factor, "query": 5, "k": 4}.items():
        explorer.controls[name].value = value
    groups = factor_groups(factors()[factor])
    for name, z in encodings().items():
        found = nearest(similarities(z, z, measure=measure), 4)
        assert explorer.state["neighbours"][name] == found[5].tolist()
        assert explorer.state["right"][name] == (groups[found[5]] == groups[5]).sum()
        assert explorer.state["precision"][name] == retrieval_precision(found, groups)


def test_frames_are_blue_where_right_and_orange_where_wrong():
    """The colour is read from the drawn row itself."""
    explorer = retrieval_explorer()
    blue, orange = (0, 0x72 / 255, 0xB2 / 255), (0xD5 / 255, 0x5E / 255, 0)
    for row, name in enumerate(encodings()):
        drawn = np.asarray(explorer.images[row].get_array())
        side = drawn.shape[0]
        for place, index in enumerate(explorer.state["neighbours"][name]):
            same = index % 3 == explorer.state["query"] % 3
            assert np.allclose(drawn[3, place * side + 3], blue if same else orange)
            assert np.allclose(
                drawn[5:13, place * side + 5 : place * side + 13], explorer.pictures[index]
            )
        assert (drawn[:, 8 * side :] == 1).all()  # no ninth neighbour was asked for


def test_a_press_on_a_neighbour_makes_it_the_query():
    """One press, one step, also while the button stays down; a press on the empty end does nothing."""
    explorer = retrieval_explorer()
    wanted = explorer.state["neighbours"]["blind"][2]
    send(explorer, explorer.rows[1], 2.5, 0.5, pressed=True, presses=1)
    assert explorer.state["query"] == explorer.controls["query"].value == wanted
    send(explorer, explorer.rows[1], 3.5, 0.5, pressed=True, presses=1, press=(2.5, 0.5))
    send(explorer, explorer.rows[1], 9.5, 0.5, pressed=True, presses=2)
    assert explorer.state["query"] == wanted


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="more than 10 pictures, got 10"):
        Retrieval(encodings(10), pictures(10), factors(10))


# --- vectors -------------------------------------------------------------------------------------


def test_the_first_picture_is_a_disagreement():
    """The tips at the start: dot product and cosine prefer B, Euclid prefers A."""
    assert Vectors().state["nearer"] == {"dot product": "B", "cosine": "B", "euclidean": "A"}


def test_the_table_shows_the_three_measures():
    """Values of the definition, with the tips at places whose values are known by hand."""
    explorer = Vectors()
    for name, tip in {"query": (1.0, 0.0), "A": (0.5, math.sqrt(0.75)), "B": (2.2, 0.0)}.items():
        explorer.move(name, *tip)
    values = explorer.state["values"]
    assert values["dot product"] == pytest.approx([0.5, 2.2])
    assert values["cosine"] == pytest.approx([0.5, 1])
    assert values["euclidean"] == pytest.approx([-1, -1.2])
    assert explorer.state["nearer"] == {"dot product": "B", "cosine": "B", "euclidean": "A"}
    assert [cell.get_text() for cell in explorer.cells[2]] == ["1.00", "1.20", "A"]


def test_with_all_lengths_1_the_three_measures_agree():
    """Wherever the tips are; the distance follows from the cosine."""
    explorer = Vectors()
    explorer.controls["lengths"].value = "all 1"
    for x, y in random(20, 2, seed=5).tolist():
        explorer.move("B", x, y)
        assert len(set(explorer.state["nearer"].values())) == 1
        cosines, distances = (
            torch.tensor(explorer.state["values"][name]) for name in ("cosine", "euclidean")
        )
        assert torch.allclose(distances.square(), 2 - 2 * cosines, atol=1e-6)


def test_the_lines_hold_all_tips_as_alike_as_a():
    """B put anywhere on a line ties with A by that line's measure."""
    explorer = Vectors()
    query, a, _ = explorer.state["tips"][:, None]
    for measure, line in zip(("dot product", "cosine", "euclidean"), explorer.lines, strict=True):
        points = torch.tensor(np.column_stack(line.get_data()))
        # the rays meet in the origin, which has no direction
        points = points[points.norm(dim=1) > 1e-9]
        expected = similarities(query, a, measure=measure).expand(1, len(points))
        assert torch.allclose(similarities(query, points, measure=measure), expected, atol=1e-6)


def test_dragging_moves_the_nearest_tip_and_the_sliders_follow():
    """A press far from every tip takes hold of nothing; a tip never leaves the picture or loses its
    direction.
    """
    explorer = Vectors()
    start = tuple(explorer.state["tips"][2].tolist())
    send(explorer, explorer.ax, *start, pressed=True, presses=1)
    send(explorer, explorer.ax, 0.0, 1.5, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].tolist() == pytest.approx([0, 1.5])
    assert explorer.controls["arrow"].value == "B"
    assert explorer.controls["angle"].value == pytest.approx(90)
    assert explorer.controls["length"].value == pytest.approx(1.5)
    send(explorer, explorer.ax, 0.0, 9.0, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].tolist() == pytest.approx([0, 2.2])
    send(explorer, explorer.ax, 0.0, 0.0, pressed=True, presses=1, press=start)
    assert explorer.state["tips"][2].norm() > 0
    before = explorer.state["tips"]
    send(explorer, explorer.ax, -1.5, -1.5, pressed=True, presses=2)
    send(explorer, explorer.ax, -1.0, -1.0, pressed=True, presses=2, press=(-1.5, -1.5))
    assert torch.equal(explorer.state["tips"], before)


def test_choosing_an_arrow_moves_nothing_and_its_sliders_move_only_it():
    explorer = Vectors()
    before = explorer.state["tips"]
    explorer.controls["arrow"].value = "A"
    assert torch.equal(explorer.state["tips"], before)
    explorer.controls["angle"].value = 45
    explorer.controls["length"].value = 1.0
    after = explorer.state["tips"]
    assert after[1].tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert torch.equal(after[[0, 2]], before[[0, 2]])
