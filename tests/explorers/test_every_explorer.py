"""What every explorer promises without a browser, for every control at every end."""

import itertools

from support.explorer_drawing import (
    EveryDrawing,
    assert_state_follows,
    corners,
    differing,
    drawn_by_matplotlib,
    redrawn,
    shown,
    with_values,
)
from support.explorer_registry import MAKE

from mlteach import explorers

FEW = 4  # controls: of so many all pairs are driven


def test_no_explorer_is_missing():
    """That a maker makes the class of its name is asserted of each below."""
    public = [getattr(explorers, name) for name in explorers.__all__]
    every = {kind.__name__ for kind in public if issubclass(kind, explorers.Explorer)}
    assert {name.replace("_", "") for name in MAKE} == {
        name.lower() for name in every - {"Explorer"}
    }


class TestEveryDrawing(EveryDrawing):
    """What all figures promise, and what takes the light data of the registry."""

    def test_controls_reach_their_corners_together(self, explorer, name):
        """Of explorers with few controls every pair, of the others all controls at one end."""
        assert type(explorer).__name__.lower() == name.replace("_", "")
        controls = with_values(explorer)
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

    def test_nothing_that_stands_above_is_hidden(self, explorer, name):
        """What moves is drawn last, and yet every artist lies where matplotlib's order has it."""
        drawn, wanted = shown(explorer), drawn_by_matplotlib(explorer)
        assert differing(drawn, wanted) == 0
