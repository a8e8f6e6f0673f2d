// Shows the figure that Python sends and reports where the pointer is, as fractions of the figure.
// No mathematics of the book lives here: Python turns the fractions into data coordinates and draws
// the answer.

const REST = 500; // milliseconds without a new figure, after which the notebook keeps the last one
const LONGEST_WAIT = 5000; // while figures never stop coming
const HOLD = 250; // milliseconds after which a finger that rests begins to drag
const SLIP = 8; // pixels that a finger may move meanwhile
const NOTCH = 100; // pixels that one notch of a wheel would scroll
const LINES = 3; // or so many lines
const AGAIN = 1500; // milliseconds after which a figure that has not come is asked for
const LATE = 4000; // and after which it is missed
const MISSING = "The figure has not come yet. If it stays away, run this cell again.";
const GIVEN_UP = 2500; // and after which ipywidgets no longer waits for a widget
const VIEW = "application/vnd.jupyter.widget-view+json";

function isDark() {
  const { body, documentElement } = document;
  return (
    body.dataset.jpThemeLight === "false" || // JupyterLab, Notebook
    body.classList.contains("vscode-dark") ||
    documentElement.getAttribute("theme") === "dark" // Colab
  );
}

// noUiSlider's own Home and End go where a slider ended at first, even if it has grown since.
function goToEnd(event) {
  if (event.key !== "Home" && event.key !== "End") return;
  const slider = event.currentTarget.closest(".noUi-target").noUiSlider;
  slider.set(slider.options.range[event.key === "Home" ? "min" : "max"]);
  event.preventDefault();
  event.stopImmediatePropagation();
}

// The number as it is shown: noUiSlider says 0.4500000000000002, or of a slider by factors the
// exponent.
function sayNumber(row, handle) {
  const number = row.querySelector(".widget-readout")?.textContent;
  if (number) handle.setAttribute("aria-valuetext", number);
}

// JupyterLab and Notebook would take the arrow keys, to walk from cell to cell. Keys held together
// with Control or Command stay theirs: a notebook can be saved while a slider has the focus.
function keepKeys(event) {
  const held = event.ctrlKey || event.metaKey;
  event.currentTarget.toggleAttribute("data-lm-suppress-shortcuts", !held);
}

// anywidget lets a model be deaf for good if this module took longer than two seconds to load, as
// on a page with many notebooks that is loaded again (Runtime in its runtime.ts, version 0.11). Here
// the module is loaded: from now on what comes is handled as ipywidgets handles it.
async function hear(model) {
  const heard = await model.widget_manager?.get_model?.(model.get("own_id"));
  if (!heard?.comm) return;
  try {
    await heard._handle_comm_msg({ content: { data: { method: "nothing" } } });
  } catch {
    const asIpywidgets = Object.getPrototypeOf(Object.getPrototypeOf(heard))._handle_comm_msg;
    heard.comm.on_msg(asIpywidgets.bind(heard));
    model.send("figure"); // what came meanwhile is lost
  }
}

// ipywidgets waits two seconds for a widget, but does not look once more at their end (get_model in
// its manager-base.ts, version 8.1). On a page that is loaded again and is slow, a widget may come
// just then, and its output says for good that it was not found. Such outputs are drawn again.
const seen = new WeakSet();
function initialize({ model }) {
  const manager = model.widget_manager;
  if (!manager?.context || seen.has(manager)) return; // only JupyterLab and Notebook have a context
  seen.add(manager);
  setTimeout(() => showMissed(manager), GIVEN_UP);
}
async function showMissed(manager) {
  for (const { outputs } of manager.context?.model.cells ?? []) { // none once it is closed
    for (let place = 0; place < (outputs?.length ?? 0); place++) {
      const id = outputs.get(place).data[VIEW]?.model_id;
      if (!id || !manager.has_model(id)) continue;
      const { views } = await manager.get_model(id);
      if (!Object.keys(views).length) outputs.stateChanged.emit(place);
    }
  }
}

function render({ model, el }) {
  el.classList.add("mlteach-canvas");
  const figure = document.createElement("img");
  const readout = document.createElement("div");
  const problem = document.createElement("div");
  readout.className = "mlteach-readout";
  readout.setAttribute("aria-live", "polite");
  problem.className = "mlteach-problem";
  problem.setAttribute("role", "alert");
  figure.draggable = false;
  el.append(figure, readout, problem);

  let address = null;
  // Messages can be lost while a page is hidden. The figure is asked for once more, and where no
  // kernel answers, a strip without one says what to do.
  let missing = [];
  function showProblem() {
    missing.forEach(clearTimeout);
    problem.textContent = model.get("problem");
    if (model.get("png").byteLength) return;
    missing = [
      setTimeout(() => model.send("figure"), AGAIN),
      setTimeout(() => (problem.textContent ||= MISSING), LATE),
    ];
  }
  function showFigure() {
    const previous = address;
    address = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    figure.onload = () => previous && URL.revokeObjectURL(previous);
    figure.src = address;
    figure.style.width = `${model.get("width")}px`;
    showProblem();
  }
  // ipywidgets gives its sliders no name that a screen reader could say: the label beside each one
  // is its name.
  function dressControls() {
    const controls = el.parentElement;
    for (const row of controls?.querySelectorAll(".widget-inline-hbox") ?? []) {
      const handle = row.querySelector("[role=slider]");
      handle?.setAttribute("aria-label", row.querySelector("label")?.textContent ?? "");
      handle?.addEventListener("keydown", goToEnd, true);
      const slider = handle?.closest(".noUi-target")?.noUiSlider;
      slider?.off("update.said");
      slider?.on("update.said", () => requestAnimationFrame(() => sayNumber(row, handle)));
    }
    for (const taker of controls?.querySelectorAll("select, [role=slider]") ?? []) {
      taker.addEventListener("keydown", keepKeys, true);
    }
  }
  function showText() {
    requestAnimationFrame(dressControls);
    figure.alt = model.get("alt");
    readout.textContent = model.get("readout");
    showProblem();
    // a swipe up or down scrolls the page, from wherever it begins
    figure.style.touchAction = model.get("pointing") === "drag" ? "pan-y" : "auto";
    figure.style.cursor = model.get("pointing") === "none" ? "default" : "crosshair";
  }

  // The notebook keeps the last figure for the day when no kernel runs.
  let resting = null;
  let oldest = 0; // when the first figure came that is not kept yet
  function keepSoon() {
    oldest ||= Date.now();
    clearTimeout(resting);
    const wait = Math.max(0, Math.min(REST, oldest + LONGEST_WAIT - Date.now()));
    resting = setTimeout(() => {
      oldest = 0;
      model.set("settled", model.get("settled") + 1);
      model.save_changes();
    }, wait);
  }

  // The figure is drawn for this screen and this theme; zooming the page changes its pixels.
  function reportPage() {
    const density = Math.max(1, window.devicePixelRatio);
    const dark = isDark();
    if (density === model.get("density") && dark === model.get("dark")) return;
    model.set("density", density);
    model.set("dark", dark);
    model.save_changes();
  }
  const themes = new MutationObserver(reportPage);
  for (const element of [document.body, document.documentElement]) {
    themes.observe(element, { attributeFilter: ["data-jp-theme-light", "class", "theme"] });
  }
  window.addEventListener("resize", reportPage);

  model.on("change:png", showFigure);
  model.on("change:png", keepSoon);
  for (const name of ["alt", "readout", "problem", "pointing"]) model.on(`change:${name}`, showText);
  showFigure();
  showText();
  reportPage();
  hear(model);

  // One pointer state, not a list of events: a state that is overwritten before it was sent loses
  // nothing but a place passed on the way. A press has a number, its time, and its place is kept, so
  // that no press is lost either.
  const press = { pressed: false, presses: 0, press_x: 0, press_y: 0 };
  const pointer = { x: 0, y: 0, inside: false, ...press };
  let turned = 0; // notches of the wheel that are not reported yet
  let waiting = false;
  function report() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      // the sum goes on where another page, or this one before it was loaded again, has left it
      const wheel = (model.get("pointer").wheel ?? 0) + turned;
      turned = 0;
      model.set("pointer", { ...pointer, wheel });
      model.save_changes();
    });
  }
  function place(event) {
    const box = figure.getBoundingClientRect();
    pointer.x = (event.clientX - box.left) / box.width;
    pointer.y = (event.clientY - box.top) / box.height;
    pointer.inside = pointer.x >= 0 && pointer.x <= 1 && pointer.y >= 0 && pointer.y <= 1;
  }
  function pressAt(event) {
    place(event);
    Object.assign(pointer, { pressed: true, presses: Date.now() });
    Object.assign(pointer, { press_x: pointer.x, press_y: pointer.y });
    report();
  }

  // A finger first decides what it does: a tap presses and lets go, a swipe up or down is the
  // page's, a rest or a move aside takes hold.
  let finger = null;
  function letFingerGo() {
    clearTimeout(finger?.timer);
    finger = null;
  }
  figure.addEventListener("pointerdown", (event) => {
    if (model.get("pointing") === "none") return;
    if (event.pointerType === "touch") {
      letFingerGo();
      finger = { first: event };
      if (model.get("pointing") === "drag") finger.timer = setTimeout(() => takeHold(), HOLD);
      return;
    }
    if (model.get("pointing") !== "drag") return;
    figure.setPointerCapture(event.pointerId);
    pressAt(event);
  });
  function takeHold() {
    const { first } = finger;
    letFingerGo();
    pressAt(first);
  }
  figure.addEventListener("pointermove", (event) => {
    if (model.get("pointing") === "none") return;
    if (finger) {
      const across = Math.abs(event.clientX - finger.first.clientX);
      if (across < SLIP || model.get("pointing") !== "drag") return;
      takeHold();
    }
    place(event);
    report();
  });
  // While a finger holds a point, the page must not scroll.
  const stay = (event) => pointer.pressed && event.preventDefault();
  figure.addEventListener("touchmove", stay, { passive: false });
  figure.addEventListener("pointerup", (event) => {
    if (finger) {
      letFingerGo();
      pressAt(event); // a tap
      pointer.pressed = false;
      return;
    }
    letPressGo(event);
  });
  figure.addEventListener("pointercancel", (event) => {
    letFingerGo();
    letPressGo(event);
  });
  function letPressGo(event) {
    if (!pointer.pressed) return;
    place(event);
    pointer.pressed = false;
    report();
  }
  figure.addEventListener("pointerleave", (event) => {
    if (model.get("pointing") === "none" || pointer.pressed) return;
    if (event.pointerType === "touch") return; // what a tap chose stays
    pointer.inside = false;
    report();
  });
  // The wheel alone scrolls the page, from wherever it begins. With the Control key, and when two
  // fingers part on a touchpad, which browsers report as such, it zooms in the figure.
  figure.addEventListener(
    "wheel",
    (event) => {
      if (!model.get("zooming") || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      place(event);
      turned += event.deltaY / (event.deltaMode === 1 ? LINES : NOTCH);
      report();
    },
    { passive: false },
  );
  return () => {
    clearTimeout(resting);
    missing.forEach(clearTimeout);
    letFingerGo();
    themes.disconnect();
    window.removeEventListener("resize", reportPage);
    if (address) URL.revokeObjectURL(address);
  };
}

export default { initialize, render };
