/** A square to draw on, by pointer or by keyboard. */

import { drawStrokes, drawPen } from "./ink.js";

const STEP = 1 / 28;
const LARGE_STEP = 1 / 9;
/** Points closer than this to the one before are left out. */
const NEAR = 0.004;
const ARROWS = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/**
 * Tells by events: "begin" (ink on an empty pad), "change" (any ink), "end"
 * (the pen is lifted), and "say" (`detail.text`, for those who can't see it).
 */
export class Pad extends EventTarget {
  /** Points of each stroke, in shares of the side. */
  strokes = [];
  /** Whether the next stroke of a pointer begins anew. */
  finished = false;
  #canvas;
  #pointer = null;
  #pen = { x: 0.5, y: 0.5, down: false };
  #held = new Set();

  /** @param {HTMLCanvasElement} canvas is made focusable. */
  constructor(canvas) {
    super();
    this.#canvas = canvas;
    canvas.tabIndex = 0;
    this.#listen();
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  get empty() {
    return this.strokes.length === 0;
  }

  /** Removes all ink. */
  clear() {
    if (this.empty) return;
    this.#lift();
    this.#replace([]);
    this.#emit("end");
  }

  /** Removes the last stroke. */
  undo() {
    if (this.empty) return;
    this.#lift();
    this.#replace(this.strokes.slice(0, -1));
    this.#emit("end");
  }

  /** Marks the drawing as done, or not. */
  finish(done) {
    this.finished = done && !this.empty;
    this.redraw();
  }

  /** Paints what is on the pad. */
  redraw() {
    drawStrokes(this.#canvas, this.strokes, this.finished);
    const byKeyboard = this.#canvas.matches(":focus-visible");
    if (byKeyboard) drawPen(this.#canvas, this.#pen);
  }

  #listen() {
    const on = (type, handler) =>
      this.#canvas.addEventListener(type, handler.bind(this));
    on("pointerdown", this.#onDown);
    on("pointermove", this.#onMove);
    on("pointerup", this.#onUp);
    on("pointercancel", this.#onUp);
    on("keydown", this.#onKey);
    on("keyup", (event) => this.#held.delete(event.key));
    on("focus", this.redraw);
    on("blur", () => {
      this.#held.clear();
      this.#lift();
      this.redraw();
    });
  }

  #onDown(event) {
    if (event.button !== 0 || this.#pointer !== null) return;
    this.#lift();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    if (this.finished) this.#replace([]);
    this.#beginStroke(this.#placeOf(event));
  }

  #onMove(event) {
    if (event.pointerId !== this.#pointer) return;
    const several = event.getCoalescedEvents?.() ?? [];
    for (const one of several.length ? several : [event]) {
      this.#extend(this.#placeOf(one));
    }
  }

  #onUp(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.#emit("end");
  }

  #onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) this.#steer(event);
    else if (event.key === " ") this.#toggle(event.repeat);
    else if (event.key === "Escape") this.clear();
    else if (event.key === "Backspace" || event.key === "Delete") this.undo();
    else return;
    event.preventDefault();
  }

  /** Two arrows held at once move the pen aslant. */
  #steer(event) {
    this.#held.add(event.key);
    const step = event.shiftKey ? LARGE_STEP : STEP;
    for (const key of this.#held) {
      const [dx, dy] = ARROWS[key];
      this.#pen.x = within(this.#pen.x + dx * step);
      this.#pen.y = within(this.#pen.y + dy * step);
    }
    if (this.#pen.down) this.#extend({ x: this.#pen.x, y: this.#pen.y });
    else this.redraw();
  }

  #toggle(repeats) {
    if (repeats) return;
    if (this.#pen.down) {
      this.#lift();
      this.redraw();
      return;
    }
    this.#pen.down = true;
    this.#say("Pen down");
    this.#beginStroke({ x: this.#pen.x, y: this.#pen.y });
  }

  #lift() {
    if (!this.#pen.down) return;
    this.#pen.down = false;
    this.#say("Pen up");
    this.#emit("end");
  }

  #beginStroke(point) {
    this.finished = false;
    const first = this.empty;
    this.#replace([...this.strokes, [point]], first ? "begin" : null);
  }

  #extend(point) {
    const stroke = this.strokes.at(-1);
    const before = stroke.at(-1);
    if (Math.hypot(point.x - before.x, point.y - before.y) < NEAR) return;
    stroke.push(point);
    this.redraw();
    this.#emit("change");
  }

  #replace(strokes, first = null) {
    this.strokes = strokes;
    if (!strokes.length) this.finished = false;
    this.redraw();
    if (first) this.#emit(first);
    this.#emit("change");
  }

  #placeOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    return {
      x: within((event.clientX - box.left) / box.width),
      y: within((event.clientY - box.top) / box.height),
    };
  }

  #say(text) {
    this.dispatchEvent(new CustomEvent("say", { detail: { text } }));
  }

  #emit(type) {
    this.dispatchEvent(new Event(type));
  }
}

function within(share) {
  return Math.min(1, Math.max(0, share));
}
