// Shows the figure that Python sends and reports where the pointer is, as fractions of the figure.
// No mathematics of the book lives here: Python turns the fractions into data coordinates and draws
// the answer.

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
  function showFigure() {
    const previous = address;
    address = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    figure.onload = () => previous && URL.revokeObjectURL(previous);
    figure.src = address;
    figure.style.width = `${model.get("width")}px`;
  }
  // ipywidgets gives its sliders no name that a screen reader could say: the label beside each one
  // is its name.
  function nameSliders() {
    for (const row of el.parentElement?.querySelectorAll(".widget-inline-hbox") ?? []) {
      const handle = row.querySelector("[role=slider]");
      handle?.setAttribute("aria-label", row.querySelector("label")?.textContent ?? "");
    }
  }
  // JupyterLab would take the up and down keys from a list, to walk from cell to cell.
  function keepArrowKeys() {
    for (const list of el.parentElement?.querySelectorAll("select") ?? []) {
      list.dataset.lmSuppressShortcuts = "true";
    }
  }
  function showText() {
    requestAnimationFrame(nameSliders);
    requestAnimationFrame(keepArrowKeys);
    figure.alt = model.get("alt");
    readout.textContent = model.get("readout");
    problem.textContent = model.get("problem");
    figure.style.touchAction = model.get("pointing") === "drag" ? "none" : "auto";
    figure.style.cursor = model.get("pointing") === "none" ? "default" : "crosshair";
  }
  model.on("change:png", showFigure);
  for (const name of ["alt", "readout", "problem", "pointing"]) model.on(`change:${name}`, showText);
  showFigure();
  showText();

  // One pointer state, not a list of events: a state that is overwritten before it was sent loses
  // nothing but a place passed on the way. A press has a number, its time, and its place is kept, so
  // that no press is lost either.
  const press = { pressed: false, presses: 0, press_x: 0, press_y: 0 };
  const pointer = { x: 0, y: 0, inside: false, ...press };
  let waiting = false;
  function report() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      model.set("pointer", { ...pointer });
      model.save_changes();
    });
  }
  function place(event) {
    const box = figure.getBoundingClientRect();
    pointer.x = (event.clientX - box.left) / box.width;
    pointer.y = (event.clientY - box.top) / box.height;
    pointer.inside = pointer.x >= 0 && pointer.x <= 1 && pointer.y >= 0 && pointer.y <= 1;
  }
  figure.addEventListener("pointerdown", (event) => {
    if (model.get("pointing") !== "drag") return;
    figure.setPointerCapture(event.pointerId);
    place(event);
    Object.assign(pointer, { pressed: true, presses: Date.now() });
    Object.assign(pointer, { press_x: pointer.x, press_y: pointer.y });
    report();
  });
  figure.addEventListener("pointermove", (event) => {
    if (model.get("pointing") === "none") return;
    place(event);
    report();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    figure.addEventListener(name, (event) => {
      if (!pointer.pressed) return;
      place(event);
      pointer.pressed = false;
      report();
    });
  }
  figure.addEventListener("pointerleave", () => {
    if (model.get("pointing") === "none" || pointer.pressed) return;
    pointer.inside = false;
    report();
  });
  return () => address && URL.revokeObjectURL(address);
}

export default { render };
