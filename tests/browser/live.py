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
        return self.output.locator(".widget-inline-hbox", has=self.lab.page.get_by_text(description, exact=True))

    def value(self, name):
        return self.lab.ask(f"{self.variable}.controls[{name!r}].value")
