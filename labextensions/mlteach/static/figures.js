// JupyterLab and Notebook show a PNG without the text that its output carries for screen readers.
// This small extension, written as they load extensions and not built, puts it on the page. It also
// - dims what is white paper on a dark page (explorers that live draw themselves for it);
// - says beside the dots of what is folded what it is, in the place of its first line, which gave
//   answers and solutions away;
// - brings the figure that an explorer left in the notebook up to date after a reload of the page,
//   when JupyterLab no longer knows which output an update is for;
// - takes back the mark of unsaved work from a notebook that was only opened.

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
.jp-Placeholder-contentContainer::before {
  color: var(--jp-ui-font-color2);
  font-family: var(--jp-ui-font-family);
  font-size: var(--jp-ui-font-size1);
  padding-left: 4px;
}
.jp-InputPlaceholder .jp-Placeholder-contentContainer::before { content: var(--mlteach-source); }
.jp-OutputPlaceholder .jp-Placeholder-contentContainer::before { content: var(--mlteach-output); }
`;

function addStyle() {
  const style = document.createElement("style");
  style.textContent = STYLE;
  document.head.append(style);
}

const FOLDED = { solution: "Solution", answer: "Answer", install: "Set-up outside the book" };

// A bar of a folded cell is named by the cell's tag, and by the summary of a text that is folded
// once more; other cells keep a bar with dots only.
function nameBars({ model, node }) {
  const tag = (model.getMetadata("tags") ?? []).find((tag) => tag in FOLDED);
  const summary = /<summary>(.*?)<\/summary>/.exec(model.sharedModel.getSource())?.[1];
  const kind = model.type === "code" ? "code" : (summary ?? "text");
  const name = (part) => (tag ? JSON.stringify(`${FOLDED[tag]}: ${part}`) : "none");
  node.style.setProperty("--mlteach-source", name(kind));
  node.style.setProperty("--mlteach-output", name("output"));
}

function nameAllBars(notebooks) {
  notebooks.widgetAdded.connect((_, { content, context }) => {
    const all = () => content.widgets.forEach(nameBars);
    context.model.cells.changed.connect(all);
    all();
  });
}

// The kernel's details of its language are written into the metadata of a notebook when it is
// opened. Nobody has made them, and without them nothing is lost: the next opening writes them.
function keepClean({ model }) {
  let changes = 0;
  model.metadataChanged.connect((_, { key }) => {
    const change = ++changes;
    if (key !== "language_info" || model.dirty) return; // dirty before: then something is unsaved
    queueMicrotask(() => {
      if (change === changes) model.dirty = false;
    });
  });
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
      nameAllBars(notebooks);
      notebooks.widgetAdded.connect((_, { context }) => keepClean(context));
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
