"""The losses of one distance, by their formulas."""

import pytest
import torch

from mlteach.losses.one_distance import losses_at


@pytest.mark.parametrize("distance", [0.0, 0.3, 0.9, 1.6])
@pytest.mark.parametrize("margin", [0.5, 1.0])
def test_both_forms_by_formula(distance, margin):
    d = torch.tensor(distance, dtype=torch.float64)
    setting = {"positive_distance": 0.4, "margin": margin}
    squared = losses_at(d, form="squared", **setting)
    assert squared["same"].item() == pytest.approx(distance**2 / 2)
    assert squared["different"].item() == pytest.approx(max(margin - distance, 0) ** 2 / 2)
    assert squared["triplet"].item() == pytest.approx(max(0.4**2 - distance**2 + margin, 0))
    plain = losses_at(d, form="not squared", **setting)
    assert plain["same"].item() == pytest.approx(distance)
    assert plain["different"].item() == pytest.approx(max(margin - distance, 0))
    assert plain["triplet"].item() == pytest.approx(max(0.4 - distance + margin, 0), abs=1e-6)


def test_an_unknown_form_is_refused():
    with pytest.raises(ValueError, match="form must be one of"):
        losses_at(torch.tensor(1.0).double(), positive_distance=0.5, margin=1.0, form="cubed")
