"""TrainingFilm: map and matrix of the same items while a training runs, and after it."""

from __future__ import annotations

from mlteach import _validate
from mlteach.explorers._core.controls import count
from mlteach.explorers.maps.map_and_matrix import MapAndMatrix
from mlteach.explorers.training.live_training import LiveTraining


class TrainingFilm(MapAndMatrix):
    """The images of a live training on the map and in the matrix of cosines, step by step.

    What is selected stays selected while **step** moves. At its right end it shows the last map
    that there is, and follows the training while that runs; elsewhere it stays. The film that was
    made last follows; those made before keep what they have.

    Args:
        live: a training with ``pictures``; their labels are the classes. Of more than 300 a sample
            of 300 is shown, of each class its share.

    ``state``: as `MapAndMatrix`'s, with ``step``, where the slider stands, and ``stage``, the step
    whose map is shown: the last one up to there that has been computed. After a hundred maps the
    training drops every second of them.
    """

    def __init__(self, live: LiveTraining):
        _validate.instance("live", live, LiveTraining, "a LiveTraining")
        if live.pictures is None:
            raise ValueError("live must have pictures=..., images that are mapped, got None")
        if len(set(live.pictures.classes)) < len(live.pictures.classes):
            raise ValueError("live must have pictures whose classes have different names")
        self.live, self.stages = live, live.stages
        self.stage = self.stages[-1]
        pictures = live.pictures
        known = {"names": pictures.classes, "layout": self.stage.layout}
        super().__init__(self.stage.z, pictures.labels, pictures.images, **known)
        live.follow = self._follow

    def _controls(self) -> dict:
        slider = count("step", 0, self.live.steps, self.live.steps)
        slider.step = min(self.live.evaluate_every, self.live.steps)
        return {"step": slider} | super()._controls()

    def _lowest(self) -> float:
        return -1.0  # the colours stay, whatever the next stage has

    def _follow(self) -> None:
        """In the training's thread: takes over its stages, and its length if that has grown."""
        self.stages = self.live.stages
        slider = self.controls["step"]
        at_end = slider.value == slider.max
        slider.max = self.live.steps
        if at_end:
            slider.value = slider.max
        self.refresh()

    def update(self) -> dict:
        step = self.controls["step"].value
        stage = [stage for stage in self.stages if stage.step <= step][-1]
        if stage is not self.stage:
            self.stage = stage
            self.measure(stage.z[self.items], stage.layout[self.items])
            self.paint()
        state = super().update()
        # the slider has the length of the training, which may have been stopped before its end
        last = ", the last so far" if stage.step < step and stage is self.stages[-1] else ""
        self.title.set_text(f"step {stage.step}{last} · {self.title.get_text()}")
        return state | {"stage": stage.step}

    def describe(self) -> str:
        return f"step {self.state['stage']}: {super().describe()}"
