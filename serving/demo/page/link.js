/** Whether the server can be reached; asks again until it can. */

import { ping, Unreachable } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 8_000;
const HEARTBEAT_MS = 4_000;
const TICK_MS = 250;

/**
 * Tells of the server by events: "down" each time that a wait begins or a
 * second of it has passed, with `detail.seconds` left, and "up".
 */
export class Link extends EventTarget {
  #model;
  #recovery = null;
  #hurry = () => {};
  #heard = 0;

  /** @param {string} model a model to ask for; it need not be there. */
  constructor(model) {
    super();
    this.#model = model;
    addEventListener("online", () => this.#hurry());
    document.addEventListener("visibilitychange", () => this.#hurry());
    setInterval(() => this.#beat(), HEARTBEAT_MS);
  }

  /** Notes that the server has answered. */
  heard() {
    this.#heard = performance.now();
  }

  /** Resolves when the server answers again. */
  recover() {
    this.#recovery ??= this.#tryUntilUp().finally(() => {
      this.#recovery = null;
    });
    return this.#recovery;
  }

  async #beat() {
    const quiet = performance.now() - this.#heard > HEARTBEAT_MS;
    if (!quiet || document.hidden || this.#recovery) return;
    if (!(await this.#answers())) this.recover();
  }

  async #tryUntilUp() {
    let wait = FIRST_WAIT_MS;
    do {
      await this.#pause(wait * (0.75 + Math.random() / 2));
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    } while (!(await this.#answers()));
    this.dispatchEvent(new Event("up"));
  }

  async #answers() {
    try {
      await ping(this.#model);
      this.heard();
      return true;
    } catch (error) {
      if (error instanceof Unreachable) return false;
      throw error;
    }
  }

  #pause(ms) {
    const until = performance.now() + ms;
    return new Promise((resolve) => {
      const end = () => {
        clearInterval(ticks);
        resolve();
      };
      const tick = () => {
        const left = until - performance.now();
        if (left <= 0) return end();
        const detail = { seconds: Math.ceil(left / 1000) };
        return this.dispatchEvent(new CustomEvent("down", { detail }));
      };
      const ticks = setInterval(tick, TICK_MS);
      this.#hurry = end;
      tick();
    });
  }
}
