/** Tab of short texts. */

import { make } from "./dom.js";
import { TEXTS } from "./samples.js";

const MOST_BYTES = 65_536;

/** What keeps a text from being used, or null. */
function problemOf(text) {
  if (text !== "" && text.trim() === "") {
    return "Only spaces: write a few words.";
  }
  if (!text.isWellFormed()) {
    return "This text holds half a character: it is not valid Unicode.";
  }
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > MOST_BYTES) {
    return (
      `This text is ${bytes.toLocaleString("en")} bytes long; at most ` +
      `${MOST_BYTES.toLocaleString("en")} are taken.`
    );
  }
  return null;
}

/** A line to write a text on. Tells "edited" and "left". */
class TextLine extends EventTarget {
  title = "";
  #input;
  #problem = null;

  constructor(attributes) {
    super();
    this.#input = make("input", {
      type: "text",
      autocomplete: "off",
      autocapitalize: "sentences",
      enterkeyhint: "next",
      ...attributes,
      on: {
        input: () => this.#edited(),
        blur: () => this.dispatchEvent(new Event("left")),
      },
    });
    this.element = make("div", { class: "slot line" }, this.#input);
  }

  get empty() {
    return this.#input.value === "";
  }

  get problem() {
    return this.#problem;
  }

  get row() {
    return this.empty || this.#problem ? null : this.#input.value;
  }

  picture() {
    return null;
  }

  label(name, number) {
    this.title = `${name}, example ${number}`;
    this.#input.setAttribute("aria-label", this.title);
    this.#input.placeholder = number === 1 ? "a short text" : "one more";
  }

  fill(text) {
    this.#input.value = text;
    this.#check();
  }

  clear() {
    this.fill("");
  }

  focus() {
    this.#input.focus();
  }

  #check() {
    this.#problem = problemOf(this.#input.value);
    this.#input.setAttribute("aria-invalid", String(this.#problem !== null));
  }

  #edited() {
    this.#check();
    this.dispatchEvent(new CustomEvent("edited"));
  }
}

/** The text that is asked about. Tells "edited". */
class TextQuery extends TextLine {
  constructor(parent) {
    super({ "aria-label": "New text", placeholder: "a new text" });
    this.element.classList.replace("slot", "query-line");
    parent.append(this.element);
  }

  clear() {
    super.clear();
    this.dispatchEvent(new CustomEvent("edited"));
  }
}

export const texts = {
  samples: TEXTS,
  makeSlot: () => new TextLine({}),
  makeQuery: (model, parent) => new TextQuery(parent),
  words: {
    examplesTitle: "Write examples",
    examplesHint:
      "Write one or a few short English texts of each kind. More lines " +
      "appear by themselves.",
    queryTitle: "Write another one",
    needExamples: "First write texts of at least two kinds.",
    needQuery: "Now write a new text here.",
  },
};
