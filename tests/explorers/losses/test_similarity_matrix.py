"""SimilarityMatrix shows cosines, logits and probabilities of a batch, in any order."""

import numpy as np
import pytest
import torch
from support.contrastive_cases import matrix_explorer, views
from support.explorer_drawing import shown
from support.pages import point

from mlteach import losses
from mlteach.explorers import SimilarityMatrix


def test_the_matrix_shows_nt_xent_and_its_probabilities():
    explorer = matrix_explorer()
    explorer.controls["shown"].value = "probabilities"
    explorer.controls["order"].value = "as drawn"
    explorer.controls["temperature"].value = 0.2
    z1, z2 = explorer.encodings["one"]
    matrix = explorer.state["matrix"]
    positive = torch.arange(12).roll(6)
    loss = losses.nt_xent(z1, z2, temperature=0.2).item()
    assert explorer.state["loss"] == pytest.approx(loss, rel=1e-5)
    assert -matrix[torch.arange(12), positive].log().mean().item() == pytest.approx(loss, rel=1e-5)
    assert matrix.diagonal().isnan().all()
    assert torch.allclose(matrix.nan_to_num(0).sum(1), torch.ones(12, dtype=torch.float64))
    nearest = matrix.nan_to_num(0).argmax(1)
    assert explorer.state["found"] == pytest.approx((nearest == positive).double().mean().item())


def test_probabilities_at_a_high_temperature_are_not_all_white():
    explorer = matrix_explorer()
    explorer.controls["shown"].value = "probabilities"
    explorer.controls["temperature"].value = 0.5
    blue = explorer.cells.cmap(explorer.cells.norm(0.05))
    assert min(blue[:3]) < 0.9
    assert [text.get_text() for text in explorer.bar.ax.get_yticklabels()] == [
        "0.00",
        "0.25",
        "1.00",
    ]
    explorer.controls["shown"].value = "cosines"
    assert explorer.cells.norm(0.0) == 0.5


def test_sorting_moves_rows_columns_and_outlines_together():
    explorer = matrix_explorer()
    explorer.controls["order"].value = "as drawn"
    before = explorer.state["matrix"]
    explorer.controls["order"].value = "by class"
    order = explorer.labels.double().argsort(stable=True)
    assert torch.equal(
        explorer.state["matrix"].nan_to_num(9), before[order][:, order].nan_to_num(9)
    )
    for segment in explorer.outlines.get_segments():
        column, row = segment[:4].mean(axis=0).round().astype(int)
        assert order[column] == (order[row] + 6) % 12


def test_pointing_at_a_cell_shows_its_pair():
    explorer = matrix_explorer()
    explorer.controls["order"].value = "as drawn"
    before = shown(explorer)
    point(explorer, explorer.ax, 3.2, 8.9)
    assert explorer.state["hover"] == (9, 3)
    assert not np.array_equal(shown(explorer), before)
    assert torch.equal(torch.as_tensor(explorer.pair[0].get_array()), explorer.images[9])
    assert torch.equal(torch.as_tensor(explorer.pair[1].get_array()), explorer.images[3])
    assert "positives" in explorer.text.get_text()
    point(explorer, explorer.ax, 4, 4)
    assert "itself" in explorer.text.get_text()
    point(explorer, explorer.ax, 4, 4, inside=False)
    assert explorer.state["hover"] is None


@pytest.mark.parametrize(
    ("temperature", "ends"), [(0.01, "100"), (0.1, "10.0"), (0.32, "3.16"), (10, "0.10")]
)
def test_the_colours_of_logits_reach_as_far_as_logits_can_at_this_temperature(temperature, ends):
    """The bar says how far, and its label stays clear of the panels beside it."""
    explorer = matrix_explorer()
    control = explorer.controls["temperature"]
    explorer.controls["shown"].value = "logits"
    control.value = 10 ** (round(np.log10(temperature) / control.step) * control.step)
    assert explorer.cells.get_clim() == pytest.approx((-1 / control.value, 1 / control.value))
    low, middle, high = (tick.get_text() for tick in explorer.bar.ax.get_yticklabels())
    assert (low, float(middle), high) == (f"−{ends}", 0, ends)
    right = explorer.bar.ax.get_tightbbox().x1
    beside = [image.axes.get_tightbbox().x0 for image in explorer.pair]
    assert right < min(*beside, explorer.text.get_window_extent().x0)
    explorer.controls["shown"].value = "cosines"
    assert explorer.cells.get_clim() == (-1, 1)


def test_the_matrix_refuses_batches_that_do_not_fit():
    with pytest.raises(ValueError, match="encodings must have at least one entry"):
        SimilarityMatrix({}, *views(3), torch.arange(3))
    with pytest.raises(ValueError, match=r"encodings\['a'\] must be two of one shape"):
        SimilarityMatrix({"a": (torch.ones(3, 2), torch.ones(4, 2))}, *views(3), torch.arange(3))
