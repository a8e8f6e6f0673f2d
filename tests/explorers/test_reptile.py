"""The explorers of the chapter on Reptile and ANIL show what mlteach.meta computes, wherever their
controls stand.
"""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.every_drawing import EveryDrawing, neighbour, shown
from torch import Generator, nn
from torch.func import functional_call

from mlteach.episodes import Episode
from mlteach.evaluate import linear_cka
from mlteach.explorers import LayerChange, ReptilePath
from mlteach.explorers.reptile_path import MOST_OUTER, RULES
from mlteach.meta import adapt, maml_loss, reptile_step
from mlteach.networks import conv_encoder

OPTIMA = torch.tensor([[-1.4, 0.9], [1.5, -0.5]], dtype=torch.float64)


def bowls():
    """Two tasks: bowls of curvature 2 and 0.2, and of 0.5 and 0.1, in their own directions."""
    tasks = []
    for optimum, angle, curvatures in zip(
        OPTIMA, (0.35, 0.95), ((2.0, 0.2), (0.5, 0.1)), strict=True
    ):
        along = torch.tensor([math.cos(angle), math.sin(angle)], dtype=torch.float64)
        x = torch.stack(
            [
                along * curvatures[0] ** 0.5,
                along.flip(0) * torch.tensor([-1, 1]) * curvatures[1] ** 0.5,
            ]
        )
        x = torch.cat([x, -x])
        tasks.append((x, (x @ optimum)[:, None]))
    x, y = (torch.stack(part) for part in zip(*tasks, strict=True))
    return Episode(x, y, x, y)


TASKS = bowls()
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


def reptile_path():
    return ReptilePath(TASKS)


def layer_change():
    return LayerChange(*measured(), LAYERS, rates=[0.1, 0.5, 2.0], most_steps=3)


MAKE = {"reptile path": reptile_path, "layer change": layer_change}


class TestEveryDrawing(EveryDrawing):
    """What all pictures promise."""


@pytest.mark.parametrize("name", MAKE)
def test_every_step_of_a_slider_is_seen(name):
    """From where it stands, one step up: at least a hundred pixels look clearly different."""
    explorer = MAKE[name]()
    for control in explorer.controls.values():
        before, value = shown(explorer), control.value
        control.value = neighbour(control)
        assert (np.abs(shown(explorer) - before).max(-1) > 60).sum() > 100, control.description
        control.value = value


# --- Reptile's path ------------------------------------------------------------------------------


def network(theta):
    model = nn.Linear(2, 1, bias=False, dtype=torch.float64)
    model.weight = nn.Parameter(theta[None].clone())
    return model


def walked(rule, theta, *, epsilon, k, lr, outer):
    """The path by the functions of mlteach.meta, step by step."""
    path = [theta]
    for _ in range(outer):
        model = network(path[-1])
        if rule == "Reptile":
            reptile_step(model, TASKS, F.mse_loss, lr=lr, steps=k, step_size=epsilon)
        else:
            steps = 0 if rule == "joint training" else k
            loss = maml_loss(
                model, TASKS, F.mse_loss, lr=lr, steps=steps, first_order=rule == "FOMAML"
            )
            with torch.no_grad():
                model.weight -= epsilon * lr * k * torch.autograd.grad(loss, model.weight)[0]
        path.append(model.weight[0].detach())
    return torch.stack(path)


@pytest.mark.parametrize(("epsilon", "k", "lr"), [(0.3, 5, 0.3), (1.0, 2, 0.4), (0.0, 8, 0.02)])
def test_the_path_is_that_of_the_package(epsilon, k, lr):
    explorer = reptile_path()
    for name, value in {"epsilon": epsilon, "inner_steps": k, "lr": lr, "outer_steps": 6}.items():
        explorer.controls[name].value = value
    for rule in RULES:
        explorer.controls["rule"].value = rule
        assert_is_walked(explorer)


def assert_is_walked(explorer):
    """What the picture shows is what the package's functions give."""
    s = explorer.state
    rule, epsilon, k = s["rule"], s["epsilon"], s["inner_steps"]
    start = torch.tensor([s["start_x"], s["start_y"]], dtype=torch.float64)
    path = walked(rule, start, epsilon=epsilon, k=k, lr=s["lr"], outer=6)
    torch.testing.assert_close(s["path"][:7], path)
    assert s["theta"].equal(s["path"][6])
    assert np.allclose(explorer.path.get_xydata(), s["path"])
    model = network(s["theta"])
    for t in (0, 1):
        params, x, y = dict(model.named_parameters()), TASKS.x_support[t], TASKS.y_support[t]
        adapted = adapt(model, params, x, y, F.mse_loss, lr=s["lr"], steps=k)["weight"][0]
        torch.testing.assert_close(s["inner"][-1, t], adapted.detach())
    for part, steps in (("before", 0), ("after", k)):
        loss = maml_loss(model, TASKS, F.mse_loss, lr=s["lr"], steps=steps)
        assert s[part][6].item() == pytest.approx(loss.item())


def test_a_rule_stays_where_it_comes_to_rest():
    for rule, rest in reptile_path().state["rests"].items():
        torch.testing.assert_close(walked(rule, rest, epsilon=1.0, k=5, lr=0.3, outer=1)[1], rest)


def test_where_each_rule_rests_by_formula():
    """With H the curvature: joint training weighs H, Reptile I - (I - lr H)^k, MAML (I - lr H)^2k
    H, FOMAML ^k.
    """
    explorer = reptile_path()
    curvatures = 2 * TASKS.x_support.mT @ TASKS.x_support / 4  # (2, 2, 2)
    left = torch.eye(2) - 0.3 * curvatures
    weights = {
        "joint training": curvatures,
        "Reptile": torch.eye(2) - left.matrix_power(5),
        "FOMAML": left.matrix_power(5) @ curvatures,
        "MAML": left.matrix_power(10) @ curvatures,
    }
    for rule, weight in weights.items():
        expected = torch.linalg.solve(weight.sum(0), (weight @ OPTIMA[..., None]).sum(0))[:, 0]
        torch.testing.assert_close(explorer.state["rests"][rule], expected)


def test_with_one_inner_step_reptile_is_joint_training_and_with_more_it_is_not():
    explorer = reptile_path()
    gaps = []
    for k in (1, 8):
        explorer.controls["inner_steps"].value = k
        rests = explorer.state["rests"]
        gaps.append((rests["Reptile"] - rests["joint training"]).norm().item())
    assert gaps[0] == pytest.approx(0, abs=1e-9)
    assert gaps[1] > 0.3


def test_a_press_moves_the_start():
    explorer = reptile_path()
    fx, fy = explorer.ax.transData.transform((-1.03, 1.52)) / explorer.figure.bbox.size
    explorer.canvas.pointer = {
        "x": fx, "y": 1 - fy, "inside": True, "pressed": True, "presses": 1, "press_x": fx, "press_y": 1 - fy,
    }  # fmt: skip
    assert explorer.state["path"][0].tolist() == pytest.approx([-1.0, 1.5])
    assert len(explorer.state["path"]) == MOST_OUTER + 1


def test_tasks_of_another_shape_are_refused():
    one = Episode(*(part[:1] for part in TASKS))
    with pytest.raises(
        ValueError, match=r"supports \(2, N, 2\) .* got \(1, 4, 2\) and \(1, 4, 1\)"
    ):
        ReptilePath(one)


# --- the change of the layers --------------------------------------------------------------------


@pytest.mark.parametrize(("lr", "steps"), [(0.1, 0), (0.5, 1), (2.0, 3)])
def test_the_changes_are_those_of_adapt(lr, steps):
    """Layer by layer on a copy of the network that has the adapted weights."""
    explorer, (model, tasks) = layer_change(), measured()
    explorer.controls["lr"].value, explorer.controls["steps"].value = lr, steps
    start, rows, right = dict(model.named_parameters()), [], []
    for x, y, x_query, y_query in zip(*tasks, strict=True):
        adapted = adapt(model, start, x, y, F.cross_entropy, lr=lr, steps=steps)
        head = adapt(model, start, x, y, F.cross_entropy, lr=lr, steps=steps, frozen=("encoder.",))
        changed = copy.deepcopy(model)
        changed.load_state_dict(adapted)
        row, old, new = [], x_query, x_query
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
        match="layers must be at least 2, most_steps and rates at least 1, got 1, 3 and 1",
    ):
        LayerChange(*measured(), {"head": "head"}, rates=[0.1], most_steps=3)
