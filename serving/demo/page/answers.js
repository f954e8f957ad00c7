/** Shows how likely each kind is, and tells the likeliest. */

import { make, say } from "./dom.js";

/** After so long without a change, an answer is read out. */
const SETTLED_MS = 800;

export class Answers {
  #verdict;
  #list;
  #rows = [];
  #names = [];
  #timer = null;

  /**
   * @param {HTMLElement} verdict for the likeliest kind.
   * @param {HTMLElement} list for a bar of each.
   */
  constructor(verdict, list) {
    this.#verdict = verdict;
    this.#list = list;
  }

  /**
   * Makes a bar for each kind.
   *
   * @param {Array<{name: string, picture: ?Node}>} kinds by label.
   */
  setKinds(kinds) {
    this.#names = kinds.map(({ name }) => name);
    this.#rows = kinds.map(({ name, picture }) => makeRow(name, picture));
    this.#list.replaceChildren(...this.#rows.map(({ element }) => element));
    this.clear();
  }

  /** @param {number[]} probabilities one for each kind. */
  show(probabilities) {
    const order = probabilities
      .map((_, index) => index)
      .sort((a, b) => probabilities[b] - probabilities[a]);
    for (const [rank, index] of order.entries()) {
      this.#fillRow(index, rank, probabilities[index]);
    }
    const [best] = order;
    const share = percent(probabilities[best]);
    this.#verdict.replaceChildren(
      make("strong", {}, this.#names[best]),
      " ",
      make("span", {}, share),
    );
    this.#sayLater(`${this.#names[best]}, ${share}`);
  }

  /** Shows that there is no answer. */
  clear() {
    clearTimeout(this.#timer);
    this.#verdict.replaceChildren();
    for (const { element, bar, share } of this.#rows) {
      element.classList.remove("best");
      element.dataset.rank = "";
      bar.style.width = "0";
      share.textContent = "";
    }
  }

  #fillRow(index, rank, probability) {
    const { element, bar, share } = this.#rows[index];
    element.classList.toggle("best", rank === 0);
    element.dataset.rank = rank + 1;
    bar.style.width = `${100 * probability}%`;
    share.textContent = percent(probability);
  }

  #sayLater(text) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => say(text), SETTLED_MS);
  }
}

function makeRow(name, picture) {
  const bar = make("div", { class: "fill" });
  const share = make("span", { class: "share" });
  const element = make(
    "li",
    {},
    make("span", { class: "picture" }, ...(picture ? [picture] : [])),
    make("span", { class: "kind" }, name),
    make("div", { class: "bar" }, bar),
    share,
  );
  return { element, bar, share };
}

function percent(probability) {
  if (probability > 0.99 && probability < 1) return "> 99 %";
  if (probability > 0 && probability < 0.01) return "< 1 %";
  return `${Math.round(100 * probability)} %`;
}
