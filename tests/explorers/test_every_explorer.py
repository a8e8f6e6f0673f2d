"""What every explorer promises without a browser, for every control at every end."""

import itertools

import numpy as np
import pytest
from support.explorer_drawing import (
    NEGATIVE_ZERO,
    EveryDrawing,
    assert_all_apart,
    assert_state_follows,
    corners,
    differing,
    drawn_by_matplotlib,
    made_once,
    paper,
    redrawn,
    shown,
    values,
    with_values,
)
from support.explorer_registry import LARGE, MAKE

from mlteach import explorers
from mlteach.explorers._core.dark import PAPER
from mlteach.plots import SHARPNESS

FEW = 4  # controls: of so many all pairs are driven


def test_no_explorer_is_missing():
    """That a maker makes the class of its name is asserted of each below."""
    public = [getattr(explorers, name) for name in explorers.__all__]
    every = {kind.__name__ for kind in public if issubclass(kind, explorers.Explorer)}
    assert {name.replace("_", "") for name in MAKE} == {
        name.lower() for name in every - {"Explorer"}
    }


@pytest.mark.parametrize("name", [name for name in LARGE if name != "side_by_side"])
def test_the_largest_that_chapters_make_have_room_for_their_texts(name):
    """More encodings, networks, classes and knobs, and longer names, than in the registry."""
    explorer = LARGE[name]()
    assert_all_apart(explorer, "at first")
    for control in with_values(explorer).values():
        for value in corners(control):
            control.value = value
            assert_all_apart(explorer, value)


def test_side_by_side_gives_each_explorer_a_column_of_its_own():
    """Where there is room for four fifths of all figures they stand beside each other."""
    shown = LARGE["side_by_side"]()
    row = shown.widget
    assert row.layout.flex_flow == "row wrap"
    assert [column.children[0] for column in row.children] == [
        explorer.widget for explorer in shown.explorers
    ]
    assert {column.layout.flex for column in row.children} == {"1 1 352px"}


def test_a_negative_zero_is_told_from_other_numbers():
    """With either sign that figures use."""
    for text in ("star -0.00", "cosine −0.0", "rises by -0", "(-0.000)", "silhouette −0.00; of 3"):
        assert NEGATIVE_ZERO.search(text), text
    for text in ("-0.04", "1e-05", "3-0", "0.00", "−0.5", "10^-0.3", "-0.001"):
        assert not NEGATIVE_ZERO.search(text), text


class TestEveryDrawing(EveryDrawing):
    """What all figures promise, and what takes the light data of the registry."""

    def test_controls_reach_their_corners_together(self, explorer, name):
        """Of explorers with few controls every pair, of the others all controls at one end."""
        assert type(explorer).__name__.lower() == name.replace("_", "")
        controls = with_values(explorer)
        began = {label: control.value for label, control in controls.items()}
        groups = itertools.combinations(controls, 2) if len(controls) <= FEW else [tuple(controls)]
        for group in groups:
            ends = [corners(controls[label]) for label in group]
            for place in itertools.product(*ends) if len(group) == 2 else zip(*ends, strict=True):
                with explorer.one_redraw():
                    for label, value in zip(group, place, strict=True):
                        controls[label].value = value
                assert_state_follows(explorer)
                assert explorer.canvas.problem == ""
            assert differing(shown(explorer), redrawn(explorer)) == 0, group
        with explorer.one_redraw():
            for label, value in began.items():
                controls[label].value = value

    def test_it_has_a_dark_variant_and_keeps_its_light_figure(self, explorer):
        light, kept = shown(explorer), paper(explorer)
        explorer.canvas.dark = True
        dark = shown(explorer)
        assert dark.shape == light.shape
        edges = dark[[0, 0, -1, -1], [0, -1, 0, -1]]
        assert (np.abs(edges - round(255 * PAPER)) <= 1).all()
        assert differing(dark, drawn_by_matplotlib(explorer)) == 0
        assert differing(paper(explorer), kept) == 0
        explorer.canvas.dark = False
        assert differing(shown(explorer), light) == 0

    def test_nothing_that_stands_above_is_hidden(self, explorer, name):
        """What moves is drawn last, and yet every artist lies where matplotlib's order has it."""
        drawn, wanted = shown(explorer), drawn_by_matplotlib(explorer)
        assert differing(drawn, wanted) == 0

    def test_every_control_reaches_both_ends_and_every_option(self, explorer):
        """No error, the state follows, and blitting draws what a full drawing draws.

        On the page, and in the figure that is kept, which has other pixels. This test comes last:
        buttons are pressed and all controls stand at an end, so that the next test makes its own.
        """
        made_once.cache_clear()
        explorer.canvas.density = 1.0
        explorer.saved(effort=1)
        for control in explorer.controls.values():
            if not control.has_trait("value"):
                control.click()
                continue
            for value in values(control):
                control.value = value
                assert control.value == (value if isinstance(value, str) else pytest.approx(value))
                assert_state_follows(explorer)
                assert explorer.canvas.problem == ""
        blitted, kept = shown(explorer), paper(explorer)
        assert blitted.std() > 0
        assert differing(blitted, redrawn(explorer)) == 0
        explorer.canvas.density = SHARPNESS
        assert differing(kept, drawn_by_matplotlib(explorer)) == 0
