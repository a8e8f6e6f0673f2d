const slides = [...document.querySelectorAll("section")];
const steps = (number) => [...slides[number].querySelectorAll(".step")];
let slide = 0;
let step = 0;

function show() {
  slides.forEach((section, number) => { section.hidden = number !== slide; });
  steps(slide).forEach((part, number) => { part.hidden = number > step; });
  document.getElementById("place").textContent = `${slide + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${slide + 1}`);
  if (step === 0) window.scrollTo(0, 0);
  else steps(slide)[step].scrollIntoView({ block: "end" });
}

function go(number, where) {
  slide = Math.max(0, Math.min(slides.length - 1, number));
  step = where === "end" ? steps(slide).length - 1 : 0;
  show();
}

function on() {
  if (step < steps(slide).length - 1) { step += 1; show(); }
  else if (slide < slides.length - 1) go(slide + 1);
}

function back() {
  if (step > 0) { step -= 1; show(); }
  else if (slide > 0) go(slide - 1, "end");
}

const keys = {
  ArrowRight: on, PageDown: on, " ": on, ArrowLeft: back, PageUp: back,
  Home: () => go(0), End: () => go(slides.length - 1),
};
document.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("summary, button") && event.key === " ") return;
  event.preventDefault();
  keys[event.key]();
});
document.getElementById("on").addEventListener("click", on);
document.getElementById("back").addEventListener("click", back);
window.addEventListener("hashchange", () => go(Number(location.hash.slice(1)) - 1 || 0));
go(Number(location.hash.slice(1)) - 1 || 0);
