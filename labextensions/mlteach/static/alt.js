// JupyterLab and Notebook show a PNG without the text that its output carries for screen readers.
// This small extension, written as they load extensions and not built, puts it on the page.

let shared; // the modules that JupyterLab shares with its extensions

async function module(name) {
  const versions = Object.values(shared[name]);
  return (await versions[0].get())();
}

function textOf(output) {
  return output.metadata["image/png"]?.alt ?? output.data["text/plain"] ?? "";
}

function tellAlt(rendermime) {
  const png = rendermime.getFactory("image/png");
  const createRenderer = (options) => {
    const renderer = png.createRenderer(options);
    const show = renderer.renderModel.bind(renderer);
    renderer.renderModel = async (output) => {
      await show(output);
      renderer.node.querySelector("img")?.setAttribute("alt", textOf(output));
    };
    return renderer;
  };
  rendermime.addFactory({ ...png, createRenderer }, rendermime.getRank?.("image/png") ?? 90);
}

async function plugin() {
  const { IRenderMimeRegistry } = await module("@jupyterlab/rendermime");
  return {
    id: "mlteach:alt",
    autoStart: true,
    requires: [IRenderMimeRegistry],
    activate: (app, rendermime) => tellAlt(rendermime),
  };
}

(window._JUPYTERLAB ??= {}).mlteach = {
  init(modules) {
    shared = modules;
  },
  async get() {
    const made = await plugin();
    return () => ({ __esModule: true, default: made });
  },
};
