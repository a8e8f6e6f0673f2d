"""The explorers show what the losses say, over the whole range of their controls, and from any
thread.
"""

import base64
import io
import math
import threading
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from mlteach import losses
from mlteach.explorers import Circle, Explorer, SimilarityMatrix, Temperature
from mlteach.explorers._core.controls import log_slider, slider
from mlteach.plots import Picture

WIDGET = "application/vnd.jupyter.widget-view+json"


def random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def views(count=6):
    return random(count, 1, 8, 8, seed=1).sigmoid(), random(count, 1, 8, 8, seed=2).sigmoid()


def temperature_explorer(count=6):
    z1, z2 = (F.normalize(view.flatten(1) - 0.5, dim=1) for view in views(count))
    return Temperature(z1 @ z2.T, *views(count))


def matrix_explorer(count=6):
    encodings = {"one": (random(count, 4, seed=3), random(count, 4, seed=4)), "two": views(count)}
    encodings["two"] = tuple(view.flatten(1) for view in encodings["two"])
    return SimilarityMatrix(encodings, *views(count), torch.arange(count) % 3)


MAKERS = {"temperature": temperature_explorer, "matrix": matrix_explorer, "circle": Circle}


@pytest.fixture(params=MAKERS)
def explorer(request):
    return MAKERS[request.param]()


def shown(explorer):
    """The picture as the page shows it, (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(explorer.canvas.png)))


class Line(Explorer):
    """The smallest explorer: one line, one slider."""

    pointing = "drag"

    def __init__(self, update=None):
        figure = Picture((3, 2))
        self.ax = figure.subplots()
        (self.line,) = self.ax.plot([0, 1], [0, 1])
        self.ax.set(xlim=(0, 2), ylim=(0, 10))
        self.drawings, self.pointers, self.extra = 0, [], update
        super().__init__(figure, {"height": slider("height", 0, 10, 1, step=1)}, [self.line])

    def update(self):
        if self.extra:
            self.extra(self)
        self.drawings += 1
        height = self.controls["height"].value
        self.line.set_ydata([0, height])
        return {"height": height}

    def pointed(self, pointer):
        self.pointers.append(pointer)


# --- what every explorer promises ----------------------------------------------------------------


def test_the_output_carries_the_live_widget_and_the_same_picture(explorer):
    data, metadata = explorer._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == explorer.widget.model_id
    saved = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))))
    assert np.array_equal(saved, shown(explorer))
    assert metadata["image/png"]["alt"] == data["text/plain"] == explorer.describe()
    assert metadata["image/png"]["width"] == explorer.canvas.width


def test_every_control_reaches_both_ends_and_every_option(explorer):
    for name, control in explorer.controls.items():
        if not control.has_trait("value"):
            control.click()
        elif control.has_trait("options"):
            for option in control.options:
                control.value = option
        else:
            ends = (
                (10**control.min, 10**control.max)
                if "Log" in type(control).__name__
                else (control.min, control.max)
            )
            for end in ends:
                control.value = end
                if name in explorer.state:
                    assert explorer.state[name] == pytest.approx(end)
    assert explorer.canvas.problem == ""
    assert shown(explorer).std() > 0


def test_a_move_and_back_gives_the_same_picture(explorer):
    before = shown(explorer)
    temperature = explorer.controls["temperature"]
    value = temperature.value
    temperature.value = 0.05
    assert not np.array_equal(shown(explorer), before)
    temperature.value = value
    assert np.array_equal(shown(explorer), before)


def test_blitting_draws_what_a_full_drawing_draws(explorer):
    explorer.controls["temperature"].value = 0.1
    blitted = shown(explorer)
    explorer.redraw_all()
    explorer.refresh()
    assert np.abs(blitted.astype(int) - shown(explorer)).mean() < 0.05


def test_controls_are_named_and_the_picture_has_a_text(explorer):
    assert all(control.description for control in explorer.controls.values())
    assert explorer.canvas.alt == explorer.canvas.readout == explorer.describe() != ""


# --- the machinery -------------------------------------------------------------------------------


def test_an_error_becomes_one_line_and_is_raised():
    explorer = Line()

    def fail(_):
        raise ZeroDivisionError("no\nway")

    explorer.extra = fail
    with pytest.raises(ZeroDivisionError):
        explorer.controls["height"].value = 5
    assert explorer.canvas.problem == "This picture could not be drawn: ZeroDivisionError: no"
    assert explorer.state == {"height": 1}
    explorer.extra = None
    explorer.controls["height"].value = 6
    assert explorer.canvas.problem == ""
    assert explorer.state == {"height": 6}


def test_moves_during_a_drawing_are_merged_into_one_more():
    started, go_on = threading.Event(), threading.Event()
    explorer = Line()

    def slow(_):
        started.set()
        assert go_on.wait(10)

    explorer.extra, explorer.drawings = slow, 0
    thread = threading.Thread(target=setattr, args=(explorer.controls["height"], "value", 2))
    thread.start()
    assert started.wait(10)
    for height in range(3, 10):
        explorer.controls["height"].value = height  # returns at once: the thread is still drawing
    go_on.set()
    thread.join(10)
    assert explorer.state == {"height": 9}
    assert explorer.drawings == 2


def test_many_threads_end_in_a_picture_of_the_last_value():
    explorer = Line(update=lambda _: time.sleep(0.001))
    threads = [
        threading.Thread(target=lambda: [explorer.refresh() for _ in range(10)], name=str(i))
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    explorer.controls["height"].value = 7
    for thread in threads:
        thread.join(10)
    assert not explorer._wanted
    assert explorer.state == {"height": 7}
    assert explorer.line.get_ydata()[1] == 7


def test_several_changes_inside_one_redraw_draw_once():
    explorer = Line()
    explorer.drawings = 0
    with explorer.one_redraw():
        for height in (2, 3, 4):
            explorer.controls["height"].value = height
        assert explorer.drawings == 0
    assert explorer.drawings == 1
    assert explorer.state == {"height": 4}


def send(explorer, x, y, *, pressed=False, presses=0, press=None, inside=True):
    """A pointer message as the page sends it; x and y in data coordinates of the explorer's main
    Axes.
    """

    def fraction(place):
        pixel = explorer.ax.transData.transform(place) / explorer.figure.bbox.size
        return pixel[0], 1 - pixel[1]

    (fx, fy), (px, py) = fraction((x, y)), fraction(press or (x, y))
    explorer.canvas.pointer = {
        "x": fx, "y": fy, "inside": inside, "pressed": pressed, "presses": presses, "press_x": px, "press_y": py,
    }  # fmt: skip


def test_the_pointer_arrives_in_data_coordinates():
    explorer = Line()
    send(explorer, 1.5, 4)
    pointer = explorer.pointers[-1]
    assert pointer.ax is explorer.ax
    assert (pointer.x, pointer.y) == pytest.approx((1.5, 4))
    # a drag that has left its Axes still belongs to it
    send(explorer, 2.3, 11, pressed=True, presses=1, press=(1, 2))
    pointer = explorer.pointers[-1]
    assert pointer.ax is explorer.ax
    assert (pointer.x, pointer.y, pointer.press_x, pointer.press_y) == pytest.approx(
        (2.3, 11, 1, 2)
    )
    send(explorer, 2.4, 12, presses=1, press=(1, 2))  # let go: once more the same press
    assert explorer.pointers[-1].pressed
    assert (explorer.pointers[-1].x, explorer.pointers[-1].y) == pytest.approx((2.4, 12))
    send(explorer, 2.3, 11, presses=1)
    assert explorer.pointers[-1].ax is None
    assert not explorer.pointers[-1].pressed
    send(explorer, 1, 2, presses=2)  # a click so short that its press and its end arrive as one
    assert explorer.pointers[-1].pressed
    send(explorer, 1.1, 2, presses=2)
    assert not explorer.pointers[-1].pressed
    send(explorer, 1, 2, inside=False)
    assert explorer.pointers[-1].ax is None


def test_an_error_while_answering_the_pointer_is_shown_and_raised():
    explorer = Line()
    explorer.pointed = lambda pointer: 1 / 0
    with pytest.raises(ZeroDivisionError):
        send(explorer, 1, 1)
    assert "ZeroDivisionError" in explorer.canvas.problem


# --- temperature ---------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.01, 0.2, 10.0])
@pytest.mark.parametrize("anchor", [0, 5])
def test_temperature_shows_the_loss_of_info_nce_and_its_gradient(temperature, anchor):
    explorer = temperature_explorer()
    explorer.controls["temperature"].value = temperature
    explorer.controls["anchor"].value = anchor
    z1, z2 = (F.normalize(view.flatten(1).double() - 0.5, dim=1) for view in views())
    others = torch.arange(6) != anchor
    loss = losses.info_nce(z1[anchor][None], z2[anchor][None], z2[others], temperature=temperature)
    s = explorer.state
    assert s["loss"] == pytest.approx(loss.item(), rel=1e-4)
    row = (z1[anchor] @ z2.T)[s["order"]]
    expected = (row / temperature).softmax(0)
    assert torch.allclose(torch.tensor(s["probabilities"]).double(), expected, atol=1e-5)
    truth = torch.tensor(s["order"]) == anchor
    assert torch.allclose(
        torch.tensor(s["pulls"]).double(), (truth.double() - expected) / temperature, atol=1e-3
    )
    assert s["rank"] == 1 + int((row > row[truth]).sum())
    assert sorted(s["similarities"], reverse=True) == s["similarities"]


def test_temperature_survives_perfect_and_opposite_candidates():
    explorer = Temperature(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), *views(2))
    for temperature in (0.01, 10):
        explorer.controls["temperature"].value = temperature
        assert math.isfinite(explorer.state["loss"])
        assert np.isfinite(explorer.state["pulls"]).all()


def test_temperature_refuses_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"similarities must be \(B, B\)"):
        Temperature(torch.zeros(3, 4), *views(3))


# --- similarity matrix ---------------------------------------------------------------------------


def test_the_matrix_shows_nt_xent_and_its_probabilities():
    explorer = matrix_explorer()
    explorer.controls["shown"].value = "probabilities"
    explorer.controls["order"].value = "as drawn"
    explorer.controls["temperature"].value = 0.2
    z1, z2 = explorer.encodings["one"]
    matrix = explorer.state["matrix"]
    twin = torch.arange(12).roll(6)
    loss = losses.nt_xent(z1, z2, temperature=0.2).item()
    assert explorer.state["loss"] == pytest.approx(loss, rel=1e-5)
    assert -matrix[torch.arange(12), twin].log().mean().item() == pytest.approx(loss, rel=1e-5)
    assert matrix.diagonal().isnan().all()
    assert torch.allclose(matrix.nan_to_num(0).sum(1), torch.ones(12, dtype=torch.float64))
    nearest = matrix.nan_to_num(0).argmax(1)
    assert explorer.state["found"] == pytest.approx((nearest == twin).double().mean().item())


def test_sorting_moves_rows_columns_and_outlines_together():
    explorer = matrix_explorer()
    explorer.controls["order"].value = "as drawn"
    before = explorer.state["matrix"]
    explorer.controls["order"].value = "by class"
    order = explorer.labels.double().argsort(stable=True)
    assert torch.equal(
        explorer.state["matrix"].nan_to_num(9), before[order][:, order].nan_to_num(9)
    )
    for segment in explorer.twins.get_segments():
        column, row = segment[:4].mean(axis=0).round().astype(int)
        assert order[column] == (order[row] + 6) % 12


def test_pointing_at_a_cell_shows_its_pair():
    explorer = matrix_explorer()
    explorer.controls["order"].value = "as drawn"
    before = shown(explorer)
    send(explorer, 3.2, 8.9)
    assert explorer.state["hover"] == (9, 3)
    assert not np.array_equal(shown(explorer), before)
    assert torch.equal(torch.as_tensor(explorer.pair[0].get_array()), explorer.pictures[9])
    assert torch.equal(torch.as_tensor(explorer.pair[1].get_array()), explorer.pictures[3])
    assert "twins" in explorer.text.get_text()
    send(explorer, 4, 4)
    assert "itself" in explorer.text.get_text()
    send(explorer, 4, 4, inside=False)
    assert explorer.state["hover"] is None


def test_the_matrix_refuses_batches_that_do_not_fit():
    with pytest.raises(ValueError, match="at least one encoder"):
        SimilarityMatrix({}, *views(3), torch.arange(3))
    with pytest.raises(ValueError, match="must all have B rows"):
        SimilarityMatrix({"a": (torch.ones(3, 2), torch.ones(4, 2))}, *views(3), torch.arange(3))


# --- circle --------------------------------------------------------------------------------------


def test_the_circle_shows_the_three_numbers_of_its_points():
    explorer = Circle(3)
    explorer.controls["temperature"].value = 0.3
    z1, z2 = torch.stack([explorer.angles.cos(), explorer.angles.sin()], dim=-1)
    s = explorer.state
    assert s["nt_xent"] == pytest.approx(losses.nt_xent(z1, z2, temperature=0.3).item())
    assert s["alignment"] == pytest.approx(losses.alignment(z1, z2).item())
    assert s["uniformity"] == pytest.approx(losses.uniformity(torch.cat([z1, z2])).item())


@pytest.mark.parametrize("kind", ["NT-Xent", "alignment only", "uniformity only"])
def test_following_the_pull_lowers_the_chosen_loss(kind):
    explorer = Circle(4)
    explorer.controls["loss"].value = kind
    before = explorer.state["loss"]
    explorer.controls["step"].click()
    assert explorer.state["loss"] < before


def test_alignment_alone_collapses_each_pair_and_nt_xent_keeps_the_pairs_apart():
    explorer = Circle(4)
    explorer.follow(150)
    assert explorer.state["alignment"] < 0.01
    assert explorer.state["uniformity"] < -1.5
    explorer.reset()
    explorer.controls["loss"].value = "uniformity only"
    explorer.follow(150)
    assert explorer.state["alignment"] > 0.1


def test_dragging_moves_the_nearest_point_and_the_sliders_follow():
    explorer = Circle(4)
    place = explorer.angles[1, 2]  # point 3b
    start = (place.cos().item(), place.sin().item())
    send(explorer, *start, pressed=True, presses=1)
    send(explorer, 0.0, 2.0, pressed=True, presses=1, press=start)
    assert explorer.state["angles"][1, 2] == pytest.approx(math.pi / 2)
    assert explorer.controls["point"].value == "3b"
    assert explorer.controls["angle"].value == 90
    send(explorer, math.cos(2), math.sin(2), pressed=True, presses=1, press=start)
    # the slider shows whole degrees and changes nothing
    assert explorer.state["angles"][1, 2] == pytest.approx(2)
    assert explorer.controls["angle"].value == round(math.degrees(2))
    explorer.controls["angle"].value += 1e-13  # as a page may report it back
    assert explorer.state["angles"][1, 2] == pytest.approx(2)
    send(explorer, 0.0, 2.0, pressed=True, presses=1, press=start)
    send(explorer, -1.0, 0.0, presses=1, press=start)  # let go: this is where the point stays
    assert abs(explorer.state["angles"][1, 2]) == pytest.approx(math.pi)
    send(explorer, 0.0, -1.0, presses=1, press=start)
    assert abs(explorer.state["angles"][1, 2]) == pytest.approx(math.pi)
    send(explorer, 0.0, 0.0, pressed=True, presses=2)  # a press at the centre takes hold of nothing
    before = explorer.state["angles"]
    send(explorer, 1.0, 0.0, pressed=True, presses=2, press=(0.0, 0.0))
    assert torch.equal(explorer.state["angles"], before)


def test_choosing_a_point_moves_nothing_and_its_slider_moves_only_it():
    explorer = Circle(4)
    before = explorer.state["angles"]
    explorer.controls["point"].value = "2a"
    assert torch.equal(explorer.state["angles"], before)
    explorer.controls["angle"].value = 45
    after = explorer.state["angles"]
    assert after[0, 1] == pytest.approx(math.pi / 4)
    assert (after != before).sum() == 1


def test_starting_again_brings_the_points_back():
    explorer = Circle(4)
    before = explorer.state["angles"]
    explorer.follow(20)
    explorer.move("1a", 0.3)
    explorer.controls["reset"].click()
    assert torch.equal(explorer.state["angles"], before)
    assert len(explorer.track) == 1


def test_the_circle_refuses_too_few_or_too_many_pairs():
    for pairs in (1, 11):
        with pytest.raises(ValueError, match="pairs must lie between 2 and 10"):
            Circle(pairs)


def test_a_log_slider_starts_on_one_of_its_steps():
    control = log_slider("temperature", 0.01, 10, 0.5)
    steps = (math.log10(control.value) + 2) / control.step
    assert steps == pytest.approx(round(steps))
    assert control.value == pytest.approx(0.5, rel=0.06)
