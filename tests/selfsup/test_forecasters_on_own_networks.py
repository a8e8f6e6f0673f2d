"""CPC and NextFrame with networks, types and settings that nobody thought of."""

import pytest
import torch
from torch import nn

from mlteach.selfsup import CPC, NextFrame


def forecaster(name, *, target=None, steps=2):
    context = nn.GRU(4, 3, batch_first=True)
    if name == "CPC":
        return CPC(nn.Linear(5, 4), context, steps=steps)
    return NextFrame(nn.Linear(5, 4), context, target or nn.Identity(), target_features=5)


@pytest.mark.parametrize("name", ["CPC", "NextFrame"])
def test_an_empty_batch_has_no_loss(name):
    with pytest.raises(ValueError, match="x must hold at least one sequence, got shape"):
        forecaster(name).loss(torch.zeros(0, 8, 5))
    assert forecaster(name).encode(torch.zeros(0, 8, 5)).shape == (0, 3)


@pytest.mark.parametrize("name", ["CPC", "NextFrame"])
def test_settings_that_became_wrong_are_refused(name):
    method, x = forecaster(name), torch.randn(2, 12, 5)
    method.summary = "max"
    with pytest.raises(ValueError, match="summary must be one of"):
        method.encode(x)
    method.steps = 9
    with pytest.raises(ValueError, match="steps must not grow after the method was made, got 9"):
        method.loss(x)


@pytest.mark.parametrize("name", ["CPC", "NextFrame"])
def test_a_context_of_another_type_is_named(name):
    method = forecaster(name)
    method.context.double()
    with pytest.raises(ValueError, match="context cannot take frames of .*float32"):
        method.loss(torch.randn(2, 12, 5))


@pytest.mark.parametrize("training", [True, False])
def test_what_is_forecast_stands_still(training):
    target = nn.Sequential(nn.BatchNorm1d(12), nn.Dropout())
    method = forecaster("NextFrame", target=target).train(training)
    x = torch.randn(2, 12, 5)
    first, _ = method.loss(x)
    again, _ = method.loss(x)
    assert first == again
    assert target[0].num_batches_tracked == 0
    assert all(part.training == training for part in target.modules())
