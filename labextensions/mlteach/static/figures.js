// JupyterLab and Notebook show a PNG without the text that its output carries for screen readers.
// This small extension, written as they load extensions and not built, puts it on the page. It also
// dims what is white paper on a dark page (explorers that live draw themselves for it), hides the
// first line of what is folded, which gave answers and solutions away beside the dots, and brings
// the figure that an explorer left in the notebook up to date after a reload of the page, when
// JupyterLab no longer knows which output an update is for.

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

const STYLE = `
body[data-jp-theme-light="false"] .jp-RenderedImage img { filter: brightness(0.8); }
.jp-PlaceholderText { display: none; }
`;

function addStyle() {
  const style = document.createElement("style");
  style.textContent = STYLE;
  document.head.append(style);
}

function update(outputs, { transient, data, metadata }) {
  if (!transient?.display_id) return;
  for (let place = 0; place < outputs.length; place++) {
    const output = outputs.get(place);
    if (output.metadata.mlteach_display !== transient.display_id) continue;
    if (output.data["image/png"] === data["image/png"]) continue; // JupyterLab has done it
    outputs.set(place, { output_type: "display_data", data, metadata });
  }
}

function keepFigures(notebooks) {
  notebooks.widgetAdded.connect((_, { sessionContext, content }) => {
    sessionContext.iopubMessage.connect((_, message) => {
      if (message.header.msg_type !== "update_display_data") return;
      for (const { outputs } of content.model?.cells ?? []) {
        if (outputs) update(outputs, message.content);
      }
    });
  });
}

async function plugin() {
  const { INotebookTracker } = await module("@jupyterlab/notebook");
  const { IRenderMimeRegistry } = await module("@jupyterlab/rendermime");
  return {
    id: "mlteach:figures",
    autoStart: true,
    requires: [IRenderMimeRegistry, INotebookTracker],
    activate: (app, rendermime, notebooks) => {
      tellAlt(rendermime);
      addStyle();
      keepFigures(notebooks);
    },
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
