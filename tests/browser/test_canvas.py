"""The canvas alone on an empty page: no JupyterLab, no kernel, a model that only writes down."""

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MODEL = """({ code, values }) => {
    const model = {
        values, listeners: {}, sent: [], asked: [], changed: new Set(),
        send(content) { this.asked.push(content); },
        get(name) { return this.values[name]; },
        set(name, value) { this.values[name] = value; this.changed.add(name); },
        save_changes() {
            if (this.changed.has("pointer")) this.sent.push({ ...this.values.pointer });
            this.changed.clear();
        },
        on(event, listener) { (this.listeners[event] ??= []).push(listener); },
        change(name, value) {
            this.values[name] = value;
            for (const listener of this.listeners[`change:${name}`] ?? []) listener();
        },
    };
    const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    model.values.png = bytes(model.values.png);
    window.model = model;
    window.bytes = bytes;
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    return import(address).then((module) => {
        window.leave = module.default.render({ model, el: document.getElementById("canvas") });
    });
}"""
PAGE = """
<div>
  <div class="widget-inline-hbox"><label>temperature</label><div role="slider"></div></div>
  <select><option>one</option></select>
  <div id="canvas"></div>
</div>
<p style="height: 300px">beside the figure</p>
"""


def png(width, height, colour="white"):
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(buffer, format="png")
    return base64.b64encode(buffer.getvalue()).decode()


class Bare:
    """The canvas on its page."""

    def __init__(self, page, pointing):
        self.page = page
        page.set_content(PAGE)
        (code,) = (ROOT / "mlteach" / "explorers").rglob("canvas.js")
        texts = {"alt": "loss 1.00", "readout": "loss 1.00", "problem": ""}
        values = texts | {"density": 0, "dark": False, "settled": 0}
        values |= {"png": png(800, 400), "width": 400, "pointing": pointing, "pointer": {}}
        page.evaluate(MODEL, {"code": code.read_text("utf-8"), "values": values})
        self.image = page.locator("#canvas img")
        self.image.evaluate("image => image.decode()")
        self.box = self.image.bounding_box()

    def move(self, across, down, **options):
        """The mouse to a place given in fractions of the figure."""
        box = self.box
        self.page.mouse.move(
            box["x"] + across * box["width"], box["y"] + down * box["height"], **options
        )
        self.next_frames()

    def down(self):
        self.page.mouse.down()
        self.next_frames()

    def up(self):
        self.page.mouse.up()
        self.next_frames()

    def next_frames(self):
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def sent(self):
        return self.page.evaluate("() => model.sent")

    def value(self, name):
        return self.page.evaluate("name => model.values[name]", name)

    def change(self, **values):
        for name, value in values.items():
            self.page.evaluate("([name, value]) => model.change(name, value)", [name, value])

    def text(self, name):
        return self.page.locator(f"#canvas .mlteach-{name}").inner_text()


@pytest.fixture
def make(browser):
    page = browser.new_page()
    yield lambda pointing="none": Bare(page, pointing)
    page.close()


def test_the_figure_is_shown_and_replaced(make):
    """Twice as many pixels as the page has for it, in the width that the model names."""
    bare = make()
    assert bare.image.evaluate("image => image.naturalWidth") == 800
    assert (bare.box["width"], bare.box["height"]) == (400, 200)
    bare.page.evaluate("text => model.change('png', bytes(text))", png(1000, 400, "black"))
    bare.page.wait_for_function("() => document.querySelector('img').naturalWidth === 1000")
    assert bare.image.evaluate("image => image.getBoundingClientRect().width") == 400


def test_texts_stand_under_the_figure_and_are_told_to_screen_readers(make):
    bare = make()
    assert bare.image.get_attribute("alt") == bare.text("readout") == "loss 1.00"
    bare.change(readout="loss 0.50", alt="the loss is 0.50", problem="it failed")
    assert bare.text("readout") == "loss 0.50"
    assert bare.image.get_attribute("alt") == "the loss is 0.50"
    assert bare.text("problem") == "it failed"
    bare.change(problem="")
    assert bare.text("problem") == ""
    role = bare.page.locator("#canvas .mlteach-problem").get_attribute("role")
    live = bare.page.locator("#canvas .mlteach-readout").get_attribute("aria-live")
    assert (role, live) == ("alert", "polite")


def test_a_figure_that_does_not_come_is_missed_in_one_sentence(make):
    """It is asked for before. Until it comes, or a problem of its own is told."""
    bare = make()
    missed = "The figure has not come yet. If it stays away, run this cell again."
    bare.page.evaluate("() => model.change('png', new Uint8Array())")
    assert bare.text("problem") == ""
    bare.page.wait_for_function("() => model.asked.length === 1")
    assert bare.page.evaluate("() => model.asked") == ["figure"]
    assert bare.text("problem") == ""
    bare.page.get_by_text(missed).wait_for(timeout=10_000)
    bare.change(problem="it failed")
    assert bare.text("problem") == "it failed"
    bare.change(problem="")
    bare.page.get_by_text(missed).wait_for(timeout=10_000)
    bare.page.evaluate("text => model.change('png', bytes(text))", png(800, 400))
    assert bare.text("problem") == ""
    asked = bare.page.evaluate("() => model.asked.length")
    bare.page.wait_for_timeout(5000)
    assert bare.text("problem") == ""
    assert bare.page.evaluate("() => model.asked.length") == asked


def test_sliders_get_their_label_as_name_and_lists_keep_their_keys(make):
    bare = make()
    bare.next_frames()
    slider = bare.page.get_by_role("slider")
    assert slider.get_attribute("aria-label") == "temperature"
    for taker in (slider, bare.page.locator("select")):
        for key, is_kept in {"ArrowDown": True, "Control+s": False, "ArrowUp": True}.items():
            held, _, name = key.rpartition("+")
            taker.dispatch_event("keydown", {"key": name, "ctrlKey": held == "Control"})
            kept = taker.get_attribute("data-lm-suppress-shortcuts")
            assert (kept is not None) is is_kept, key


def test_a_figure_that_does_not_listen_reports_nothing(make):
    bare = make("none")
    bare.move(0.5, 0.5)
    bare.down()
    bare.up()
    bare.move(2, 2)
    assert bare.sent() == []


def test_hovering_reports_fractions_of_the_figure_and_the_end(make):
    """From the top left; a press is none."""
    bare = make("hover")
    bare.move(0.25, 0.75)
    bare.down()
    bare.up()
    last = bare.sent()[-1]
    assert (last["x"], last["y"]) == pytest.approx((0.25, 0.75), abs=0.005)
    assert (last["inside"], last["pressed"], last["presses"]) == (True, False, 0)
    bare.move(0.5, 1.3)
    assert bare.sent()[-1]["inside"] is False


def test_a_drag_keeps_its_press_beyond_the_edge_until_it_ends(make):
    bare = make("drag")
    bare.move(0.5, 0.5)
    bare.down()
    bare.move(1.25, 0.75)
    *_, held = bare.sent()
    assert (held["x"], held["y"]) == pytest.approx((1.25, 0.75), abs=0.005)
    assert (held["press_x"], held["press_y"]) == pytest.approx((0.5, 0.5), abs=0.005)
    assert (held["inside"], held["pressed"]) == (False, True)
    assert held["presses"] > 0
    bare.up()
    ended = bare.sent()[-1]
    assert (ended["pressed"], ended["presses"]) == (False, held["presses"])
    assert (ended["x"], ended["y"]) == pytest.approx((1.25, 0.75), abs=0.005)


def test_the_wheel_scrolls_the_page_and_with_control_it_is_reported(make):
    """Its turns add up, also to those that another page has reported."""
    bare = make("hover")
    bare.page.evaluate("() => { document.body.style.height = '3000px'; }")
    bare.change(zooming=True, pointer={"wheel": 5})
    bare.move(0.5, 0.5)
    bare.page.keyboard.down("Control")
    for _ in range(2):
        bare.page.mouse.wheel(0, -100)
        bare.next_frames()
    bare.page.keyboard.up("Control")
    assert bare.sent()[-1]["wheel"] == pytest.approx(3)
    assert bare.page.evaluate("() => window.scrollY") == 0
    bare.page.mouse.wheel(0, 100)
    bare.page.wait_for_function("() => window.scrollY > 50")
    assert bare.sent()[-1]["wheel"] == pytest.approx(3)


def test_every_press_has_a_greater_number(make):
    bare = make("drag")
    numbers = []
    for across in (0.2, 0.4, 0.6):
        bare.move(across, 0.5)
        bare.down()
        bare.up()
        numbers.append(bare.sent()[-1]["presses"])
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3


def test_moves_within_a_frame_are_reported_as_one(make):
    """The last place, and no press lost."""
    bare = make("drag")
    bare.page.evaluate(
        """() => {
            const image = document.querySelector("img"), box = image.getBoundingClientRect();
            const event = (kind, across) => image.dispatchEvent(new PointerEvent(kind, {
                pointerId: 1, clientX: box.left + across * box.width, clientY: box.top + 10 }));
            image.setPointerCapture = () => {}; // such an event has no pointer to capture
            event("pointerdown", 0.1);
            for (const across of [0.2, 0.3, 0.4]) event("pointermove", across);
            event("pointerup", 0.5);
        }"""
    )
    bare.next_frames()
    (report,) = bare.sent()
    assert (report["x"], report["press_x"]) == pytest.approx((0.5, 0.1), abs=0.005)
    assert report["pressed"] is False
    assert report["presses"] > 0


@pytest.mark.parametrize(
    ("pointing", "cursor", "touch"),
    [("none", "default", "auto"), ("hover", "crosshair", "auto"), ("drag", "crosshair", "pan-y")],
)
def test_the_cursor_tells_what_can_be_done(make, pointing, cursor, touch):
    """And a swipe up or down is the page's, wherever it begins."""
    bare = make("none")
    bare.change(pointing=pointing)
    assert bare.image.evaluate("image => image.style.cursor") == cursor
    assert bare.image.evaluate("image => image.style.touchAction") == touch


def test_the_page_tells_its_pixels_and_its_theme(make, browser):
    bare = make()
    assert (bare.value("density"), bare.value("dark")) == (1, False)
    bare.page.evaluate("() => { document.body.dataset.jpThemeLight = 'false'; }")
    bare.page.wait_for_function("() => model.values.dark")
    bare.page.evaluate("() => { document.body.dataset.jpThemeLight = 'true'; }")
    bare.page.wait_for_function("() => !model.values.dark")
    page = browser.new_page(device_scale_factor=2)
    assert Bare(page, "none").value("density") == 2
    page.close()


def test_a_figure_that_rests_is_kept_once(make):
    """Also while figures never stop coming, as in a training, though less often."""
    bare = make()
    bare.page.wait_for_timeout(700)
    assert bare.value("settled") == 0, "the first figure is in the notebook already"
    figures = [png(800, 400, colour) for colour in ("red", "green", "blue")]
    for figure in figures:
        bare.page.evaluate("text => model.change('png', bytes(text))", figure)
    bare.page.wait_for_function("() => model.values.settled > 0")
    bare.page.wait_for_timeout(700)
    assert bare.value("settled") == 1
    bare.page.evaluate(
        "text => { window.flow = setInterval(() => model.change('png', bytes(text)), 100); }",
        figures[0],
    )
    bare.page.wait_for_function("() => model.values.settled > 1", timeout=8000)
    bare.page.evaluate("() => clearInterval(window.flow)")


@pytest.fixture
def touch(browser):
    """The canvas on a page for fingers that is longer than its window."""
    context = browser.new_context(has_touch=True, viewport={"width": 500, "height": 500})
    page = context.new_page()
    cdp = context.new_cdp_session(page)

    def make(pointing):
        bare = Bare(page, pointing)
        page.evaluate("() => { document.body.style.height = '3000px'; }")

        def finger(kind, across=None, down=None):
            box = bare.box
            x, y = (
                (box["x"] + across * box["width"], box["y"] + down * box["height"])
                if across is not None
                else (None, None)
            )
            points = [] if x is None else [{"x": x, "y": y}]
            cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
            page.wait_for_timeout(20)

        bare.finger = finger
        return bare

    yield make
    context.close()


@pytest.mark.parametrize("pointing", ["hover", "drag"])
def test_a_tap_points_and_presses(touch, pointing):
    bare = touch(pointing)
    bare.finger("touchStart", 0.25, 0.5)
    bare.finger("touchEnd")
    bare.next_frames()
    tap = bare.sent()[-1]
    assert (tap["x"], tap["y"], tap["press_x"]) == pytest.approx((0.25, 0.5, 0.25), abs=0.01)
    assert (tap["inside"], tap["pressed"]) == (True, False)
    assert tap["presses"] > 0


@pytest.mark.parametrize("pointing", ["hover", "drag"])
def test_a_swipe_scrolls_the_page_and_moves_nothing(touch, pointing):
    bare = touch(pointing)
    bare.finger("touchStart", 0.5, 0.9)
    for down in (0.8, 0.6, 0.4, 0.2, 0.0):
        bare.finger("touchMove", 0.5, down)
    bare.finger("touchEnd")
    bare.page.wait_for_function("() => window.scrollY > 50")
    assert [report for report in bare.sent() if report["presses"]] == []


@pytest.mark.parametrize("rest", [0, 400])
def test_a_finger_drags_aside_at_once_and_any_way_after_a_rest(touch, rest):
    bare = touch("drag")
    bare.finger("touchStart", 0.3, 0.8)
    bare.page.wait_for_timeout(rest)
    for part in (0.1, 0.2, 0.3):
        bare.finger("touchMove", 0.3 + part, 0.8 - (part if rest else 0))
    *_, held = bare.sent()
    assert (held["pressed"], held["x"]) == (True, pytest.approx(0.6, abs=0.02))
    assert held["y"] == pytest.approx(0.5 if rest else 0.8, abs=0.02)
    assert held["press_x"] == pytest.approx(0.3, abs=0.02)
    bare.finger("touchEnd")
    bare.next_frames()
    assert bare.sent()[-1]["pressed"] is False
    assert bare.page.evaluate("() => window.scrollY") == 0


def test_a_canvas_that_leaves_gives_its_figure_back(make):
    bare = make()
    address = bare.image.get_attribute("src")
    bare.page.evaluate("() => window.leave()")
    found = "address => fetch(address).then(() => true, () => false)"
    assert bare.page.evaluate(found, address) is False
