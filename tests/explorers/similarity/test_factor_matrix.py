"""FactorMatrix shows the similarities of every encoding, in the order of the factor."""

import numpy as np
import pytest
import torch
from support.explorer_drawing import shown
from support.factor_cases import encodings, factors, toy_images
from support.pages import point

from mlteach.explorers import FactorMatrix
from mlteach.similarity import similarities

pytestmark = pytest.mark.usefixtures("unlaid")

MEASURES = ["cosine", "correlation", "dot product", "euclidean"]


def matrix_explorer():
    return FactorMatrix(
        encodings(), toy_images(), factors(), names={"shape": ("disc", "ring", "star")}
    )


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
        drawn = explorer.cells[list(encodings()).index(name)].get_array()
        off = ~np.eye(24, dtype=bool)
        assert np.allclose(np.asarray(drawn)[off], expected.numpy()[off], atol=1e-6)
        assert np.isnan(np.ma.filled(drawn, np.nan)[~off]).all()


def test_the_gap_tells_who_knows_the_factor():
    """Large for the encoding that holds the shape, about 0 for what an encoding does not hold."""
    explorer = matrix_explorer()
    assert explorer.state["gap"]["knowing"] > 1.5
    assert abs(explorer.state["gap"]["blind"]) < 0.3
    explorer.controls["sort"].value = "size"
    assert all(abs(gap) < 0.4 for gap in explorer.state["gap"].values())


def test_pointing_at_a_cell_shows_its_pair():
    """The pair is that of the cell in the sorted matrix, whichever matrix is pointed at."""
    explorer = matrix_explorer()
    before = shown(explorer)
    point(explorer, explorer.axes[1], 3.2, 20.9)
    assert explorer.state["hover"] == (21, 3)
    row, column = explorer.state["order"][21], explorer.state["order"][3]
    for image, index in zip(explorer.pair, (row, column), strict=True):
        assert np.allclose(image.get_array(), explorer.images[index])
    z = encodings()["knowing"]
    assert f"knowing: {similarities(z, z)[row, column]:.3f}" in explorer.text.get_text()
    assert "shape: star and disc" in explorer.text.get_text()
    assert not np.array_equal(shown(explorer), before)
    point(explorer, explorer.axes[1], 3, 3, inside=False)
    assert explorer.state["hover"] is None
    assert np.array_equal(shown(explorer), before)
