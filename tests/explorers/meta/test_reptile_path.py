"""ReptilePath shows where the package's rules lead."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from support.explorer_drawing import neighbour, shown
from support.pages import point
from torch import nn

from mlteach.episodes import Episode
from mlteach.explorers import ReptilePath
from mlteach.explorers.meta.reptile_path import MOST_OUTER
from mlteach.meta import adapt, maml_loss, reptile_step
from mlteach.meta.simple_tasks import RULES

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


def reptile_path():
    return ReptilePath(TASKS)


def test_one_step_of_a_slider_is_clearly_seen():
    """From where it stands, one step up: at least a hundred pixels look clearly different."""
    explorer = reptile_path()
    for control in explorer.controls.values():
        before, value = shown(explorer), control.value
        control.value = neighbour(control)
        assert (np.abs(shown(explorer) - before).max(-1) > 60).sum() > 100, control.description
        control.value = value


def test_says_where_a_path_runs_away_from_its_place_of_rest():
    """Joint training at large rates; Reptile never, whose step is a share of the way."""
    explorer = reptile_path()
    explorer.controls["outer_steps"].value = MOST_OUTER
    for rule in RULES:
        for epsilon in (0.0, 0.3, 1.0):
            for steps, lr in ((1, 0.3), (8, 0.4)):
                with explorer.one_redraw():
                    values = {"rule": rule, "epsilon": epsilon, "inner_steps": steps, "lr": lr}
                    for name, value in values.items():
                        explorer.controls[name].value = value
                apart = (explorer.state["path"] - explorer.state["rests"][rule]).norm(dim=1)
                away = apart[-1] > 1.01 * apart[0]
                assert ("running away from" in explorer.describe()) == away
                assert ("with ε = 0 not on the way" in explorer.describe()) == (epsilon == 0)
                assert not (away and rule == "Reptile")
    explorer.controls["rule"].value = "joint training"
    assert "running away from" in explorer.describe()


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
    """What the figure shows is what the package's functions give."""
    s = explorer.state
    rule = s["rule"]
    epsilon = s["epsilon"]
    k = s["inner_steps"]
    start = torch.tensor([s["start_x"], s["start_y"]], dtype=torch.float64)
    path = walked(rule, start, epsilon=epsilon, k=k, lr=s["lr"], outer=6)
    torch.testing.assert_close(s["path"][:7], path)
    assert s["theta"].equal(s["path"][6])
    assert np.allclose(explorer.path.get_xydata(), s["path"])
    model = network(s["theta"])
    for t in (0, 1):
        params = dict(model.named_parameters())
        x = TASKS.x_support[t]
        y = TASKS.y_support[t]
        adapted = adapt(model, params, x, y, F.mse_loss, lr=s["lr"], steps=k)["weight"][0]
        torch.testing.assert_close(s["inner"][-1, t], adapted.detach())
    for part, steps in (("before", 0), ("after", k)):
        loss = maml_loss(model, TASKS, F.mse_loss, lr=s["lr"], steps=steps)
        assert s[part][6].item() == pytest.approx(loss.item())


def test_a_rule_stays_where_it_comes_to_rest():
    for rule, rest in reptile_path().state["rests"].items():
        torch.testing.assert_close(walked(rule, rest, epsilon=1.0, k=5, lr=0.3, outer=1)[1], rest)


def test_where_each_rule_rests_by_formula():
    """Curvature H: joint training weighs H, Reptile I - (I - lr H)^k, MAML (I - lr H)^2k H."""
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
    point(explorer, explorer.ax, -1.03, 1.52, pressed=True, presses=1)
    assert explorer.state["path"][0].tolist() == pytest.approx([-1.0, 1.5])
    assert len(explorer.state["path"]) == MOST_OUTER + 1


def test_tasks_of_another_shape_are_refused():
    one = Episode(*(part[:1] for part in TASKS))
    with pytest.raises(
        ValueError, match=r"supports \(2, N, 2\) .* got \(1, 4, 2\) and \(1, 4, 1\)"
    ):
        ReptilePath(one)
