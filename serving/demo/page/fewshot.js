/**
 * Keeps a served model adapted to the examples of a page, and asks it.
 *
 * One request is under way at a time. The latest examples and the latest
 * query win: what was overtaken while it waited is never sent, and an answer
 * to what is no longer there is dropped.
 */

import { predict, Refused, Unreachable } from "./api.js";
import { Latency } from "./latency.js";

const ADAPT_DELAY_MS = 250;
const PREDICT_DELAY_MS = 50;

/**
 * Tells by events: "learning", "learned", "answer" (`detail.probabilities` by
 * label, `detail.query`), "idle" (nothing to ask) and "refused"
 * (`detail.message`).
 */
export class FewShot extends EventTarget {
  adaptTimes = new Latency();
  predictTimes = new Latency();
  #model;
  #link;
  #examples = { rows: null, id: 0 };
  #query = { row: null, id: 0, epoch: 0 };
  #learned = { id: 0, state: null };
  #answered = 0;
  #pumping = false;
  #timers = {};

  /**
   * @param {Object} model what `describe` tells.
   * @param {Link} link waits for the server where it is gone.
   */
  constructor(model, link) {
    super();
    this.#model = model;
    this.#link = link;
  }

  /**
   * Takes the examples of a task.
   *
   * @param {?Array<Array>} rows the examples of each label; null if there are
   *     too few to learn from.
   */
  setExamples(rows) {
    this.#examples = { rows, id: this.#examples.id + 1 };
    this.#learned.state = null;
    this.#later("adapt", ADAPT_DELAY_MS);
  }

  /**
   * Takes what is to be classified.
   *
   * @param {*} row an example; null for nothing.
   * @param {boolean} begins whether answers to earlier ones are void.
   */
  setQuery(row, begins) {
    const { id, epoch } = this.#query;
    const void_ = begins || row === null;
    this.#query = { row, id: id + 1, epoch: epoch + (void_ ? 1 : 0) };
    if (row === null) this.#tell("idle");
    else this.#later("predict", PREDICT_DELAY_MS);
  }

  /** Learns and asks anew, for a server that may be another one. */
  restart(model) {
    this.#model = model;
    this.#learned = { id: 0, state: null };
    this.#answered = 0;
    this.#pump();
  }

  #later(kind, delay) {
    if (kind === "adapt") clearTimeout(this.#timers[kind]);
    else if (this.#timers[kind]) return;
    this.#timers[kind] = setTimeout(() => {
      this.#timers[kind] = null;
      this.#pump();
    }, delay);
  }

  async #pump() {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let step = this.#next(); step; step = this.#next()) {
        await this.#guarded(step);
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** What to do now, or null. */
  #next() {
    if (this.#timers.adapt || !this.#examples.rows) return null;
    if (this.#learned.id !== this.#examples.id) return () => this.#adapt();
    if (!this.#learned.state || this.#query.row === null) return null;
    if (this.#answered === this.#query.id) return null;
    return () => this.#predict();
  }

  async #guarded(step) {
    try {
      await step();
      this.#link.heard();
    } catch (error) {
      if (error instanceof Unreachable) await this.#link.recover();
      else if (error instanceof Refused) this.#refuse(error.message);
      else throw error;
    }
  }

  async #adapt() {
    const { rows, id } = this.#examples;
    this.#tell("learning");
    const inputs = {
      support_x: [rows.flat()],
      support_y: [rows.flatMap((row, label) => row.map(() => label))],
    };
    const body = JSON.stringify({ signature_name: "adapt", inputs });
    const outputs = await this.#timed(body, "adapt", this.adaptTimes, () => {
      // Of a task that the server refuses, nothing is asked again.
      if (this.#examples.id === id) this.#learned = { id, state: null };
    });
    if (this.#examples.id !== id) return;
    this.#learned = { id, state: this.#stateOf(outputs) };
    this.#answered = 0;
    if (this.#learned.state) this.#tell("learned");
    else this.#refuse("The model can't learn from these examples.");
  }

  /** The state as part of a request, written once for all of them. */
  #stateOf(outputs) {
    const tensors = this.#model.state.map((name) => [name, outputs[name]]);
    const text = JSON.stringify(Object.fromEntries(tensors)).slice(1, -1);
    // In place of what is not finite: the task is faulty.
    return /[[,]null\b/.test(text) ? null : text;
  }

  async #predict() {
    const { row, id, epoch } = this.#query;
    const { rows, id: examples } = this.#examples;
    const query = JSON.stringify([[row]]);
    const body =
      `{"signature_name":"predict","inputs":` +
      `{"query_x":${query},${this.#learned.state}}}`;
    const refused = () => {
      this.#answered = id;
    };
    const outputs = await this.#timed(
      body,
      "predict",
      this.predictTimes,
      refused,
    );
    this.#answered = id;
    const current =
      this.#query.epoch === epoch && this.#examples.id === examples;
    if (current) this.#answer(outputs, rows.length, row);
  }

  #answer(outputs, ways, query) {
    const probabilities = outputs.probabilities[0][0].slice(0, ways);
    if (probabilities.every(Number.isFinite)) {
      this.#tell("answer", { probabilities, query });
    } else {
      this.#refuse("The model can't make anything of these examples.");
    }
  }

  async #timed(body, signature, times, refused) {
    const started = performance.now();
    const { name, outputs } = this.#model;
    try {
      const found = await predict(name, body, outputs[signature]);
      times.add(performance.now() - started);
      return found;
    } catch (error) {
      if (error instanceof Refused) refused();
      throw error;
    }
  }

  #refuse(message) {
    this.#tell("refused", { message });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
