"""One live explorer on a page of JupyterLab, for the tests of all chapters."""


class Live:
    """A live explorer on the page: its picture, its controls, and its state in the kernel."""

    def __init__(self, lab, variable):
        self.lab, self.variable = lab, variable
        self.output = lab.output(variable)
        self.picture = self.output.locator(".mlteach-canvas img")
        self.picture.wait_for(timeout=20_000)
        self.picture.scroll_into_view_if_needed()

    def hash(self):
        """Of the pixels that the page shows now."""
        return self.picture.evaluate(
            """async (picture) => {
                const decoded = () => picture.decode().then(() => true, () => false);
                while (!(await decoded())) await new Promise(requestAnimationFrame); // replaced just now: take the next
                const canvas = new OffscreenCanvas(picture.naturalWidth, picture.naturalHeight);
                const context = canvas.getContext("2d");
                context.drawImage(picture, 0, 0);
                const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
                const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", pixels));
                return Array.from(digest.slice(0, 8)).join("-");
            }"""
        )

    def wait_for_change(self, before):
        for _ in range(200):
            after = self.hash()
            if after != before:
                return after
            self.lab.page.wait_for_timeout(25)
        raise AssertionError("the picture did not change")

    def settle(self):
        """Waits until the picture stays the same for a fifth of a second."""
        before = self.hash()
        for _ in range(100):
            self.lab.page.wait_for_timeout(200)
            if self.hash() == before:
                return before
            before = self.hash()
        raise AssertionError("the picture never came to rest")

    def state(self, name):
        return self.lab.ask(f"{self.variable}.state[{name!r}]")

    def control(self, name):
        """The row with a slider or a list, found by its label, as a learner would."""
        description = self.lab.ask(f"{self.variable}.controls[{name!r}].description")
        return self.output.locator(
            ".widget-inline-hbox", has=self.lab.page.get_by_text(description, exact=True)
        )

    def value(self, name):
        return self.lab.ask(f"{self.variable}.controls[{name!r}].value")

    def set(self, name, value):
        """Sets a control from Python, and waits for the picture."""
        self.lab.ask(f"setattr({self.variable}.controls[{name!r}], 'value', {value!r})")
        self.settle()

    def wait_for_value(self, name, value):
        for _ in range(200):
            if self.value(name) == value:
                return
            self.lab.page.wait_for_timeout(25)
        raise AssertionError(f"{name} is {self.value(name)!r}, not {value!r}")

    def sliders(self):
        """The names of all sliders that are shown."""
        return self._shown("control.has_trait('readout')")

    def lists(self):
        """The names of all lists that are shown."""
        return self._shown("control.has_trait('options') and not control.has_trait('readout')")

    def _shown(self, kind):
        names = self.lab.ask(
            f"[name for name, control in {self.variable}.controls.items() if {kind}]"
        )
        return [name for name in names if self.control(name).is_visible()]

    def options(self, name):
        """All that a list offers, or a slider with given stops, or one for whole numbers."""
        control = f"{self.variable}.controls[{name!r}]"
        listed = f"{control}.options if {control}.has_trait('options') else range({control}.min, {control}.max + 1)"
        return self.lab.ask(f"list({listed})")

    def ends(self, name):
        """The least and the largest value of a slider."""
        control = f"{self.variable}.controls[{name!r}]"
        if self.lab.ask(f"{control}.has_trait('options')"):
            return [self.options(name)[0], self.options(name)[-1]]
        ends = self.lab.ask(f"[{control}.min, {control}.max]")
        return [10**end for end in ends] if self.lab.ask(f"{control}.has_trait('base')") else ends

    def drag(self, name, distance):
        """Drags a slider's handle to the right by so many pixels, or to the left."""
        box = self.control(name).locator(".noUi-handle").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        mouse = self.lab.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + distance, y, steps=12)
        mouse.up()

    def others(self, name):
        """The values of all other controls."""
        controls = f"{self.variable}.controls.items()"
        return self.lab.ask(
            f"[c.value for n, c in {controls} if n != {name!r} and c.has_trait('value')]"
        )

    def state_follows(self, name):
        """Whether the state has this control's value, where it has something of this name and kind."""
        state, value = (
            f"{self.variable}.state.get({name!r})",
            f"{self.variable}.controls[{name!r}].value",
        )
        return self.lab.ask(f"type({state}) is not type({value}) or {state} == {value}")

    def problem(self):
        """The line under the picture that says what went wrong."""
        return self.output.locator(".mlteach-problem").inner_text()

    def place(self, ax, x, y):
        """Where on the page a point in data coordinates lies; ax is the name of one Axes, such as
        ``axes[0]``.
        """
        self.picture.scroll_into_view_if_needed()
        box, name = self.picture.bounding_box(), self.variable
        across, up = self.lab.ask(
            f"({name}.{ax}.transData.transform(({x}, {y})) / {name}.figure.bbox.size).tolist()"
        )
        return box["x"] + across * box["width"], box["y"] + (1 - up) * box["height"]
