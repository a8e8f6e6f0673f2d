"""One live explorer on a page of JupyterLab."""

import pytest


def brightness(image):
    """Of the first pixel of a figure on the page, 0 to 255, or None where none is drawn yet."""
    return image.evaluate(
        """async (image) => {
            try { await image.decode(); } catch { return null; } // replaced just now
            const canvas = document.createElement("canvas");
            const pen = canvas.getContext("2d");
            pen.drawImage(image, 0, 0);
            return pen.getImageData(0, 0, 1, 1).data[0];
        }"""
    )


class Live:
    """A live explorer on the page: its figure, its controls, and its state in the kernel."""

    def __init__(self, lab, variable):
        self.lab, self.variable = lab, variable
        self.output = lab.output(variable)
        self.image = self.output.locator(".mlteach-canvas img")
        self.image.wait_for(timeout=20_000)
        self.image.scroll_into_view_if_needed()
        self.labels = lab.ask(f"{{n: c.description for n, c in {variable}.controls.items()}}")

    # --- the figure ------------------------------------------------------------------------------

    def hash(self):
        """Of the PNG file that the page shows now, decoded without error."""
        return self.image.evaluate(
            """async (image) => {
                for (;;) {
                    try {
                        await image.decode();
                        const file = await (await fetch(image.src)).arrayBuffer();
                        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
                        return Array.from(digest, (b) => b.toString(16).padStart(2, "0")).join("");
                    } catch { // replaced just now: take the next
                        await new Promise(requestAnimationFrame);
                    }
                }
            }"""
        )

    def wait_for_change(self, before):
        for _ in range(500):
            after = self.hash()
            if after != before:
                return after
            self.lab.page.wait_for_timeout(10)
        pointer = self.lab.ask(f"{self.variable}.canvas.pointer")
        raise AssertionError(f"the figure did not change; the pointer's last report: {pointer}")

    def paper(self):
        """The brightness of the figure's first pixel, 0 to 255, or None where none is drawn yet."""
        return brightness(self.image)

    def settle(self):
        """Waits until the kernel has drawn all that the page asked for, and the page shows it.

        A question to the kernel is answered after all messages that the page sent before. What the
        page still holds back goes out with the first answer, and so before the second question.
        """
        for _ in range(500):
            self.lab.next_frames()
            drawn = [self._drawn(), self._drawn()]
            if drawn[0] == drawn[1] == self.hash():
                return drawn[0]
        raise AssertionError("the page never showed what the kernel drew")

    def _drawn(self):
        png = f"{self.variable}.canvas.png"
        return self.lab.ask(f"__import__('hashlib').sha256({png}).hexdigest()")

    def place(self, ax, x, y):
        """Where on the page a point in data coordinates lies; ax is a name, such as ``axes[0]``."""
        name = self.variable
        across, up = self.lab.ask(
            f"({name}.{ax}.transData.transform(({x}, {y})) / {name}.figure.bbox.size).tolist()"
        )
        box = self._resting_box()
        return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]

    def _resting_box(self):
        """Where the figure lies once the page no longer moves it: a new row moves all below."""
        self.image.scroll_into_view_if_needed()
        before = None
        for _ in range(100):
            box = self.image.bounding_box()
            if box == before:
                return box
            before = box
            self.lab.next_frames()
        raise AssertionError("the figure never came to rest on the page")

    def drag(self, ax, *places):
        """Presses at the first place in data coordinates, moves over the others, and lets go."""
        mouse = self.lab.page.mouse
        before = self.settle()
        mouse.move(*self.place(ax, *places[0]))
        mouse.down()
        for place in places[1:]:
            mouse.move(*self.place(ax, *place), steps=8)
        mouse.up()
        self.wait_for_change(before)
        return self.settle()

    def click(self, ax, x, y):
        """Presses at a point in data coordinates and lets go there."""
        return self.drag(ax, (x, y))

    def problem(self):
        """The line under the figure that says what went wrong."""
        return self.output.locator(".mlteach-problem").inner_text()

    def readout(self):
        return self.output.locator(".mlteach-readout").inner_text()

    # --- state and controls ----------------------------------------------------------------------

    def ask(self, expression):
        """The value of an expression in which the explorer is called ``e``."""
        return self.lab.ask(f"(lambda e: {expression})({self.variable})")

    def state(self, name):
        return self.ask(f"e.state[{name!r}]")

    def value(self, name):
        return self.ask(f"e.controls[{name!r}].value")

    def assert_sound(self):
        """No problem is told, and every control has its entry in the state, with its value."""
        assert self.problem() == ""
        controls = "{n: c.value for n, c in e.controls.items() if c.has_trait('value')}"
        names, values, state = self.ask(
            f"(lambda v: [list(v), list(v.values()), [e.state[n] for n in v]])({controls})"
        )
        for name, value, entry in zip(names, values, state, strict=True):
            assert entry == (value if isinstance(value, str) else pytest.approx(value)), name

    def control(self, name):
        """The row with a slider or a list, found by its label, as a learner would."""
        label = self.lab.page.get_by_text(self.labels[name], exact=True)
        return self.output.locator(".widget-inline-hbox", has=label)

    def handle(self, name):
        return self.control(name).locator(".noUi-handle")

    def press(self, label):
        """A button, by mouse."""
        self.output.get_by_role("button", name=label, exact=True).click()

    def set(self, name, value):
        """Sets a control from Python, and waits for the figure."""
        self.lab.ask(f"setattr({self.variable}.controls[{name!r}], 'value', {value!r})")
        return self.settle()

    def select(self, name, option):
        """Chooses an option of a list on the page, and waits for the figure."""
        self.control(name).locator("select").select_option(option)
        self.wait_for_value(name, option)
        return self.settle()

    def wait_for_value(self, name, value):
        for _ in range(400):
            if self.value(name) == (value if isinstance(value, str) else pytest.approx(value)):
                return
            self.lab.page.wait_for_timeout(10)
        raise AssertionError(f"{name} is {self.value(name)!r}, not {value!r}")

    def sliders(self):
        """The names of all sliders that are shown."""
        return self._shown("c.has_trait('readout')")

    def lists(self):
        """The names of all lists that are shown."""
        return self._shown("c.has_trait('options') and not c.has_trait('readout')")

    def switches(self):
        """The names of all check boxes."""
        return self._shown("c.has_trait('indent')")

    def _shown(self, kind):
        shown = f"{kind} and c.layout.display != 'none'"
        return self.ask(f"[n for n, c in e.controls.items() if {shown}]")

    def options(self, name):
        """All that a list offers, or a slider with given stops, or one for whole numbers."""
        listed = "c.options if c.has_trait('options') else range(c.min, c.max + 1)"
        return self.ask(f"[list({listed}) for c in [e.controls[{name!r}]]][0]")

    def ends(self, name):
        """The least and the largest value of a slider."""
        stops, ends = "[c.options[0], c.options[-1]]", "[c.min, c.max]"
        scaled = f"[10**end for end in {ends}] if c.has_trait('base') else {ends}"
        found = f"{stops} if c.has_trait('options') else {scaled}"
        return self.ask(f"[{found} for c in [e.controls[{name!r}]]][0]")

    def drag_slider(self, name, distance):
        """Drags a slider's handle to the right by so many pixels, or to the left."""
        box = self.handle(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = self.lab.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + distance, y, steps=6)
        mouse.up()

    def step(self, name, key="ArrowRight"):
        """One press of a key on a slider's handle."""
        before = self.settle()
        self.handle(name).focus()
        self.lab.page.keyboard.press(key)
        self.wait_for_change(before)
        return self.settle()


class LiveTrainingOnPage(Live):
    """The buttons and the status line of a training on the page."""

    def wait_for(self, status):
        """Until the line under the figure begins with this status."""
        self.output.locator(".mlteach-readout", has_text=f"{status}:").wait_for(timeout=20_000)

    def steps(self):
        """The step that the page shows."""
        return int(self.readout().split("step ")[1].split(" ")[0])

    def until(self, condition):
        for _ in range(400):
            if condition():
                return
            self.lab.page.wait_for_timeout(50)
        raise AssertionError(f"it never came to be: {self.readout()}")

    def wait_for_steps(self, more=3):
        self.wait_for("running")  # before, the line tells the steps of the training before
        target = self.steps() + more
        self.until(lambda: self.steps() >= target)


def training_threads(lab):
    """How many trainings run in the kernel now."""
    return lab.ask("sum(t.name == 'live training' for t in __import__('threading').enumerate())")


def set_up_training(*, n_train, n_test, batch, widths):
    """A cell that makes what a live training needs: ``method``, ``draw``, ``knn``, ``test``."""
    out = 2 * widths[-1]
    return f"""
import torch
from mlteach import data, explorers, views
from mlteach.evaluate import features, knn_accuracy
from mlteach.networks import conv_encoder, projection_head
from mlteach.selfsup import SimCLR

train = data.shapes({n_train})
test = data.shapes({n_test}, seed=1)
torch.manual_seed(0)
method = SimCLR(conv_encoder(3, widths={widths}, out_features={out}), projection_head({out}))


def draw(generator):
    images = train.images[torch.randint({n_train}, ({batch},), generator=generator)]
    view = views.simclr_view
    return view(images, generator=generator), view(images, generator=generator)


def knn(method):
    images, labels = train.images[:{3 * n_test}], train.labels[:{3 * n_test}]
    queries = features(method, test.images)
    return knn_accuracy(features(method, images), labels, queries, test.labels)
"""
