"""LayerChange shows what the inner loop does to every layer."""

from __future__ import annotations

import copy
from collections import OrderedDict
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.explorer_drawing import neighbour, shown
from torch import Generator, nn
from torch.func import functional_call

from mlteach.episodes import Episode
from mlteach.evaluate import linear_cka
from mlteach.explorers import LayerChange
from mlteach.meta import adapt
from mlteach.networks import conv_encoder

LAYERS = {"block 1": "encoder.0", "linear": "encoder.2", "head": "head"}


@cache
def measured():
    torch.manual_seed(0)
    encoder = conv_encoder(widths=(4,), out_features=6, norm="batch_no_stats")
    model = nn.Sequential(OrderedDict(encoder=encoder, head=nn.Linear(6, 3)))
    generator = Generator().manual_seed(0)
    x, labels = torch.rand(2, 9, 1, 8, 8, generator=generator), torch.arange(9).expand(2, -1) % 3
    tasks = Episode(x[:, :3], labels[:, :3], x[:, 3:], labels[:, 3:])
    return model, tasks


def layer_change():
    return LayerChange(*measured(), LAYERS, rates=[0.1, 0.5, 2.0], most_steps=3)


def test_one_step_of_a_slider_is_clearly_seen():
    """From where it stands, one step up: at least a hundred pixels look clearly different."""
    explorer = layer_change()
    for control in explorer.controls.values():
        before, value = shown(explorer), control.value
        control.value = neighbour(control)
        assert (np.abs(shown(explorer) - before).max(-1) > 60).sum() > 100, control.description
        control.value = value


@pytest.mark.parametrize(("lr", "steps"), [(0.1, 0), (0.5, 1), (2.0, 3)])
def test_the_changes_are_those_of_adapt(lr, steps):
    """Layer by layer on a copy of the network that has the adapted weights."""
    explorer, (model, tasks) = layer_change(), measured()
    explorer.controls["lr"].value, explorer.controls["steps"].value = lr, steps
    start = dict(model.named_parameters())
    rows = []
    right = []
    for x, y, x_query, y_query in zip(*tasks, strict=True):
        adapted = adapt(model, start, x, y, F.cross_entropy, lr=lr, steps=steps)
        head = adapt(model, start, x, y, F.cross_entropy, lr=lr, steps=steps, frozen=("encoder.",))
        changed = copy.deepcopy(model)
        changed.load_state_dict(adapted)
        row = []
        old = x_query
        new = x_query
        for before, after in zip(
            [*model.encoder, model.head], [*changed.encoder, changed.head], strict=True
        ):
            old, new = before(old), after(new)
            parts = [
                torch.cat([p.detach().flatten() for p in m.parameters()] or [old.new()])
                for m in (before, after)
            ]
            if len(parts[0]):
                moved = (parts[1] - parts[0]).norm() / parts[0].norm()
                row.append((moved.item(), linear_cka(old.flatten(1), new.flatten(1))))
        rows.append(row)
        logits = (new, functional_call(model, head, (x_query,)))
        right.append([(scores.argmax(1) == y_query).double().mean().item() for scores in logits])
    distance, similarity = np.mean(rows, 0).T
    s = explorer.state
    np.testing.assert_allclose(s["distance"], distance, atol=1e-6)
    np.testing.assert_allclose(s["similarity"], similarity, atol=1e-6)
    assert [s["all_layers"], s["head_only"]] == pytest.approx(np.mean(right, 0).tolist())
    assert [bar.get_width() for bar in explorer.alike] == pytest.approx(
        similarity.tolist(), abs=1e-6
    )


def test_before_the_first_step_nothing_has_changed():
    explorer = layer_change()
    explorer.controls["steps"].value = 0
    assert explorer.state["distance"].tolist() == [0, 0, 0]
    assert explorer.state["similarity"] == pytest.approx(np.ones(3))
    assert explorer.state["all_layers"] == explorer.state["head_only"]


def test_the_network_is_not_changed():
    model, _ = measured()
    before = {name: p.clone() for name, p in model.state_dict().items()}
    layer_change()
    assert all(p.equal(before[name]) for name, p in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_one_layer_alone_is_refused():
    with pytest.raises(
        ValueError,
        match="layers must be at least 2, got 1",
    ):
        LayerChange(*measured(), {"head": "head"}, rates=[0.1], most_steps=3)
