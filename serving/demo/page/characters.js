/** Tab of handwritten characters. */

import { make, say } from "./dom.js";
import { drawStrokes } from "./ink.js";
import { Pad } from "./pad.js";
import { isCharacter, pixels } from "./raster.js";
import { CHARACTERS } from "./samples.js";

/** After so long without ink, the next stroke begins a new drawing. */
const PAUSE_MS = 2_000;
const PICTURE_SIDE = 56;
const DOT = "That is only a dot. Draw a little more.";
const KEYS =
  "Arrow keys move the pen, space puts it down and lifts it, Backspace " +
  "takes back a stroke, Escape clears.";

const colours = matchMedia("(prefers-color-scheme: dark)");

function makePad(attributes) {
  const canvas = make("canvas", {
    role: "application",
    "aria-roledescription": "drawing pad",
    "aria-description": KEYS,
    ...attributes,
  });
  const pad = new Pad(canvas);
  pad.addEventListener("say", ({ detail }) => say(detail.text));
  colours.addEventListener("change", () => pad.redraw());
  return { canvas, pad };
}

/** One drawing of a character. Tells "edited" and "removed". */
class DrawingSlot extends EventTarget {
  title = "";
  #side;
  #pad;
  #canvas;
  #remove;

  constructor(model) {
    super();
    this.#side = model.side;
    const { canvas, pad } = makePad({});
    this.#canvas = canvas;
    this.#pad = pad;
    this.#remove = make(
      "button",
      { type: "button", class: "remove", on: { click: () => this.#drop() } },
      "×",
    );
    this.element = make("div", { class: "slot pad" }, canvas, this.#remove);
    pad.addEventListener("change", () => this.#show());
    pad.addEventListener("end", () => this.#edited());
    this.#show();
  }

  get empty() {
    return this.#pad.empty;
  }

  get problem() {
    return this.empty || isCharacter(this.#pad.strokes) ? null : DOT;
  }

  get row() {
    return pixels(this.#pad.strokes, this.#side);
  }

  picture() {
    return pictureOf(this.#pad.strokes);
  }

  label(name, number) {
    this.title = `${name}, example ${number}`;
    const state = this.empty ? "empty" : "drawn";
    this.#canvas.setAttribute("aria-label", `${this.title}, ${state}`);
    this.#remove.setAttribute("aria-label", `Remove ${this.title}`);
  }

  fill(strokes) {
    this.#pad.strokes = strokes;
    this.#pad.redraw();
    this.#show();
  }

  clear() {
    this.fill([]);
  }

  focus() {
    this.#canvas.focus();
  }

  #drop() {
    this.clear();
    this.dispatchEvent(new Event("edited"));
    this.dispatchEvent(new Event("removed"));
  }

  #edited() {
    this.#show();
    this.dispatchEvent(new Event("edited"));
  }

  #show() {
    this.element.classList.toggle("filled", !this.empty);
    this.element.classList.toggle("faulty", Boolean(this.problem));
  }
}

/** The drawing that is asked about. Tells "edited". */
class DrawingQuery extends EventTarget {
  #side;
  #pad;
  #timer = null;
  #byPointer = true;

  constructor(model, parent) {
    super();
    this.#side = model.side;
    const { canvas, pad } = makePad({ "aria-label": "New drawing" });
    this.#pad = pad;
    parent.append(make("div", { class: "pad large" }, canvas), this.#tools());
    canvas.addEventListener("pointerdown", () => this.#using(true));
    canvas.addEventListener("keydown", () => this.#using(false));
    pad.addEventListener("begin", () => this.#edited(true));
    pad.addEventListener("change", () => this.#edited(false));
    pad.addEventListener("end", () => this.#pause());
  }

  get empty() {
    return this.#pad.empty;
  }

  /** A dot may be the beginning of a stroke. */
  get problem() {
    return null;
  }

  get row() {
    const { strokes } = this.#pad;
    return isCharacter(strokes) ? pixels(strokes, this.#side) : null;
  }

  clear() {
    this.#pad.clear();
  }

  #tools() {
    const button = (text, act) =>
      make(
        "button",
        { type: "button", class: "quiet", on: { click: act } },
        text,
      );
    return make(
      "div",
      { class: "tools" },
      button("Undo", () => this.#pad.undo()),
      button("Clear", () => this.#pad.clear()),
    );
  }

  #using(pointer) {
    clearTimeout(this.#timer);
    this.#byPointer = pointer;
    if (!pointer) this.#pad.finish(false);
  }

  /** Who steers by keys pauses between strokes; a hand does not. */
  #pause() {
    clearTimeout(this.#timer);
    if (!this.#byPointer) return;
    this.#timer = setTimeout(() => this.#pad.finish(true), PAUSE_MS);
  }

  #edited(begins) {
    const detail = { begins: begins || this.empty };
    this.dispatchEvent(new CustomEvent("edited", { detail }));
  }
}

function pictureOf(strokes) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  canvas.width = canvas.height = PICTURE_SIDE;
  new ResizeObserver(() => drawStrokes(canvas, strokes)).observe(canvas);
  return canvas;
}

export const characters = {
  samples: CHARACTERS,
  makeSlot: (model) => new DrawingSlot(model),
  makeQuery: (model, parent) => new DrawingQuery(model, parent),
  words: {
    examplesTitle: "Draw examples",
    examplesHint:
      "Make up a character for each card and draw it once or a few times. " +
      "More boxes appear by themselves.",
    queryTitle: "Draw one of them again",
    needExamples: "First draw at least two characters.",
    needQuery: "Now draw one of your characters here.",
  },
};
