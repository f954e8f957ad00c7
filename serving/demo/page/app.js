/** Starts the page: the tabs, the models behind them, the server's state. */

import { Refused, Unreachable } from "./api.js";
import { characters } from "./characters.js";
import { byId, make } from "./dom.js";
import { Link } from "./link.js";
import { describe, Unsuitable } from "./model.js";
import { makeTabs } from "./tabs.js";
import { Task } from "./task.js";
import { texts } from "./texts.js";

const TABS = [
  { name: "characters", kind: characters, text: false, what: "characters" },
  { name: "texts", kind: texts, text: true, what: "text" },
];

const link = new Link(TABS[0].name);
const tasks = new Map();

async function open(tab) {
  const panel = byId(tab.name);
  const model = await described(tab.name);
  if (model === null) {
    tasks.delete(tab.name);
    panel.replaceChildren(absence(tab.what));
  } else if (model instanceof Unsuitable || model.text !== tab.text) {
    tasks.delete(tab.name);
    const why = model.message ?? `It takes no ${tab.what}.`;
    panel.replaceChildren(notice("This model can't be used here.", why));
  } else if (tasks.has(tab.name)) {
    tasks.get(tab.name).restart(model);
  } else {
    tasks.set(tab.name, new Task(panel, model, tab.kind, link));
  }
}

/** What `describe` tells; waits for a server that is away. */
async function described(name) {
  for (;;) {
    try {
      return await describe(name);
    } catch (error) {
      if (error instanceof Unreachable) await link.recover();
      else if (error instanceof Unsuitable) return error;
      else if (error instanceof Refused) return new Unsuitable(error.message);
      else throw error;
    }
  }
}

function absence(what) {
  return notice(
    `No ${what} model is served.`,
    `This server was started without a model of ${what}; the other tab works.`,
  );
}

function notice(title, text) {
  return make(
    "div",
    { class: "notice" },
    make("h2", {}, title),
    make("p", {}, text),
  );
}

function showDown(seconds) {
  const outage = byId("outage");
  if (outage.hidden) {
    outage.hidden = false;
    byId("alert").textContent = "The server is gone.";
  }
  byId("retry").textContent = `Next try in ${seconds} s`;
  showState("down", "Server gone");
}

function showUp() {
  byId("outage").hidden = true;
  byId("alert").textContent = "";
  showState("up", "Connected");
}

function showState(state, text) {
  const shown = byId("state");
  shown.dataset.state = state;
  if (shown.textContent !== text) shown.textContent = text;
}

link.addEventListener("down", ({ detail }) => showDown(detail.seconds));
link.addEventListener("up", () => {
  showUp();
  for (const tab of TABS) open(tab);
});
makeTabs(byId("tabs"));
await Promise.all(TABS.map(open));
if (byId("state").dataset.state !== "down") showUp();
