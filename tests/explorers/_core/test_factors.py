"""Encodings, images and factors that do not belong together are refused; grey is dark ink."""

import numpy as np
import pytest
import torch
from support.factor_cases import encodings, factors, toy_images
from support.numbers import normal32

from mlteach.explorers import FactorMatrix, Retrieval


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_rows_that_do_not_fit_are_refused(maker):
    """The message names the entry that has a row too few."""
    short = {"a": normal32(23, 4)}
    with pytest.raises(
        ValueError, match=r"encodings\['a'\] must have one row for each of 24 images, got 23"
    ):
        maker(short, toy_images(), factors())
    with pytest.raises(ValueError, match=r"factors\['a'\] must have one row"):
        maker(encodings(), toy_images(), {"a": torch.arange(5)})
    with pytest.raises(ValueError, match="encodings must have at least one entry"):
        maker({}, toy_images(), factors())
    with pytest.raises(ValueError, match="factors must have at least one entry"):
        maker(encodings(), toy_images(), {})


@pytest.mark.parametrize("maker", [FactorMatrix, Retrieval])
def test_grey_images_are_shown_as_dark_ink(maker):
    """One channel works as well as three."""
    grey = toy_images(channels=1)
    explorer = maker(encodings(), grey, factors())
    assert explorer.images.shape == (24, 8, 8, 3)
    assert np.allclose(explorer.images[..., 0], 1 - grey[:, 0].numpy())
    assert explorer.canvas.problem == ""
