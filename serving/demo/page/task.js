/** One tab: examples and a query on the page, answers from the server. */

import { Answers } from "./answers.js";
import { byId, make, say } from "./dom.js";
import { FewShot } from "./fewshot.js";
import { Groups } from "./groups.js";

/**
 * Wires a tab.
 *
 * What the tabs differ in is a kind: `makeSlot(model)` makes an empty slot
 * with `element`, `empty`, `problem`, `title`, `row`, `picture()`, `label(name,
 * number)`, `fill(example)`, `clear()` and `focus()`; `makeQuery(model,
 * parent)` makes what is asked about, with `row`, `problem`, `empty` and
 * `clear()`; `samples` fill the page; `words` are its texts.
 */
export class Task {
  #kind;
  #view;
  #groups;
  #query;
  #fewShot;
  #answers;
  #refusal = null;

  /**
   * @param {HTMLElement} panel of the tab.
   * @param {Object} model what `describe` tells.
   * @param {Object} kind as above.
   * @param {Link} link waits for the server where it is gone.
   */
  constructor(panel, model, kind, link) {
    this.#kind = kind;
    this.#view = viewOf(panel, kind.words);
    const { cards, ask, verdict, bars } = this.#view;
    this.#groups = new Groups(cards, model.mostWays, () =>
      kind.makeSlot(model),
    );
    this.#query = kind.makeQuery(model, ask);
    this.#answers = new Answers(verdict, bars);
    this.#fewShot = new FewShot(model, link);
    this.#listen();
    this.#onExamples();
  }

  /** Learns anew from a server that was away. */
  restart(model) {
    this.#fewShot.restart(model);
  }

  #listen() {
    const { sample, reset } = this.#view;
    sample.addEventListener("click", () => this.#fill());
    reset.addEventListener("click", () => this.#reset());
    this.#groups.addEventListener("changed", () => this.#onExamples());
    this.#groups.addEventListener("renamed", () => this.#onNames());
    this.#query.addEventListener("edited", (event) =>
      this.#onQuery(event.detail?.begins ?? false),
    );
    const on = (type, handler) => this.#fewShot.addEventListener(type, handler);
    on("learned", () => this.#showTimes());
    on("answer", ({ detail }) => this.#onAnswer(detail.probabilities));
    on("idle", () => this.#answers.clear());
    on("refused", ({ detail }) => this.#onRefusal(detail.message));
  }

  #fill() {
    this.#groups.fill(this.#kind.samples);
    say("Examples filled in");
  }

  #reset() {
    this.#groups.clear();
    this.#query.clear();
    say("All cleared");
  }

  #onExamples() {
    this.#refusal = null;
    const { used } = this.#groups;
    const rows = used.map((card) => card.filled.map((slot) => slot.row));
    this.#onNames();
    this.#fewShot.setExamples(rows.length < 2 ? null : rows);
    this.#view.reset.disabled = this.#groups.empty && this.#query.empty;
  }

  #onNames() {
    const kinds = this.#groups.used.map((card) => ({
      name: card.name,
      picture: card.filled[0].picture(),
    }));
    this.#answers.setKinds(kinds);
    this.#onQuery(true);
  }

  #onQuery(begins) {
    const { row } = this.#query;
    if (row === null) this.#refusal = null;
    this.#view.reset.disabled = this.#groups.empty && this.#query.empty;
    this.#fewShot.setQuery(row, begins);
    this.#showNote();
  }

  #onAnswer(probabilities) {
    this.#refusal = null;
    this.#answers.show(probabilities);
    this.#showTimes();
    this.#showNote();
  }

  #onRefusal(message) {
    this.#refusal = message;
    this.#answers.clear();
    this.#showNote();
  }

  /** One line that says what is amiss or what to do next. */
  #showNote() {
    const { note } = this.#view;
    const { words } = this.#kind;
    const { faulty } = this.#groups;
    const fault =
      (faulty && `${faulty.title}: ${faulty.problem}`) ??
      this.#query.problem ??
      (this.#refusal && `The server says: ${this.#refusal}`);
    let text = fault ?? "";
    if (!text && this.#groups.used.length < 2) text = words.needExamples;
    else if (!text && this.#query.empty) text = words.needQuery;
    if (note.textContent !== text) note.textContent = text;
    note.classList.toggle("fault", Boolean(fault));
  }

  #showTimes() {
    const { adaptTimes, predictTimes } = this.#fewShot;
    this.#view.times.replaceChildren(
      timeLine("Answer", predictTimes),
      timeLine("Learning", adaptTimes),
    );
  }
}

function ms(value) {
  return value < 10 ? value.toFixed(1) : String(Math.round(value));
}

function timeLine(name, times) {
  const of = times.count > 1 ? ` of last ${times.count}` : "";
  const text = times.count
    ? `${name} ${ms(times.last)} ms, p50${of}: ${ms(times.p50)} ms`
    : "";
  return make("span", {}, text);
}

function viewOf(panel, words) {
  const content = byId("workspace").content.cloneNode(true);
  const found = {};
  for (const element of content.querySelectorAll("[data-part]")) {
    const { part } = element.dataset;
    found[part] = element;
    if (words[part]) element.textContent = words[part];
  }
  panel.replaceChildren(content);
  return found;
}
