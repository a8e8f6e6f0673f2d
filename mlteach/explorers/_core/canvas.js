// Shows the picture that Python sends and reports where the pointer is, as fractions of the picture.
// No mathematics of the book lives here: Python turns the fractions into data coordinates and draws the answer.

function render({ model, el }) {
  el.classList.add("mlteach-canvas");
  const picture = document.createElement("img");
  const readout = document.createElement("div");
  const problem = document.createElement("div");
  readout.className = "mlteach-readout";
  readout.setAttribute("aria-live", "polite");
  problem.className = "mlteach-problem";
  problem.setAttribute("role", "alert");
  picture.draggable = false;
  el.append(picture, readout, problem);

  let address = null;
  function showPicture() {
    const previous = address;
    address = URL.createObjectURL(new Blob([model.get("png")], { type: "image/png" }));
    picture.onload = () => previous && URL.revokeObjectURL(previous);
    picture.src = address;
    picture.style.width = `${model.get("width")}px`;
  }
  // ipywidgets gives its sliders no name that a screen reader could say: the label beside each one is its name.
  function nameSliders() {
    for (const row of el.parentElement?.querySelectorAll(".widget-inline-hbox") ?? []) {
      const handle = row.querySelector("[role=slider]");
      handle?.setAttribute("aria-label", row.querySelector("label")?.textContent ?? "");
    }
  }
  // JupyterLab would take the up and down keys from a list, to walk from cell to cell.
  function keepArrowKeys() {
    for (const list of el.parentElement?.querySelectorAll("select") ?? []) list.dataset.lmSuppressShortcuts = "true";
  }
  function showText() {
    requestAnimationFrame(nameSliders);
    requestAnimationFrame(keepArrowKeys);
    picture.alt = model.get("alt");
    readout.textContent = model.get("readout");
    problem.textContent = model.get("problem");
    picture.style.touchAction = model.get("pointing") === "drag" ? "none" : "auto";
    picture.style.cursor = model.get("pointing") === "none" ? "default" : "crosshair";
  }
  model.on("change:png", showPicture);
  for (const name of ["alt", "readout", "problem", "pointing"]) model.on(`change:${name}`, showText);
  showPicture();
  showText();

  // One pointer state, not a list of events: a state that is overwritten before it was sent loses nothing but a
  // place passed on the way. A press has a number, its time, and its place is kept, so that no press is lost either.
  const pointer = { x: 0, y: 0, inside: false, pressed: false, presses: 0, press_x: 0, press_y: 0 };
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
    const box = picture.getBoundingClientRect();
    pointer.x = (event.clientX - box.left) / box.width;
    pointer.y = (event.clientY - box.top) / box.height;
    pointer.inside = pointer.x >= 0 && pointer.x <= 1 && pointer.y >= 0 && pointer.y <= 1;
  }
  picture.addEventListener("pointerdown", (event) => {
    if (model.get("pointing") !== "drag") return;
    picture.setPointerCapture(event.pointerId);
    place(event);
    Object.assign(pointer, { pressed: true, presses: Date.now(), press_x: pointer.x, press_y: pointer.y });
    report();
  });
  picture.addEventListener("pointermove", (event) => {
    if (model.get("pointing") === "none") return;
    place(event);
    report();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    picture.addEventListener(name, (event) => {
      if (!pointer.pressed) return;
      place(event);
      pointer.pressed = false;
      report();
    });
  }
  picture.addEventListener("pointerleave", () => {
    if (model.get("pointing") === "none" || pointer.pressed) return;
    pointer.inside = false;
    report();
  });
  return () => address && URL.revokeObjectURL(address);
}

export default { render };
