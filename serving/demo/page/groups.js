/** The kinds that a person shows, each with a few examples. */

import { make } from "./dom.js";

const LEAST_CARDS = 3;
const MOST_EXAMPLES = 5;
const LETTERS = "ABCDEFGHIJ";

/**
 * One kind: a name, and slots for its examples, of which the last is empty
 * while there is room.
 */
class Card {
  /**
   * @param {string} letter its name until a person gives it another one.
   * @param {function(): Object} makeSlot makes an empty slot.
   * @param {Groups} groups is told of changes.
   */
  constructor(letter, makeSlot, groups) {
    this.letter = letter;
    this.slots = [];
    this.makeSlot = makeSlot;
    this.groups = groups;
    this.nameInput = make("input", {
      class: "name",
      value: letter,
      maxlength: 20,
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": `Name of ${letter}`,
      on: { input: () => this.rename() },
    });
    const remove = make(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": `Remove all examples of ${letter}`,
        on: { click: () => this.clear() },
      },
      "Clear",
    );
    this.list = make("div", { class: "slots" });
    this.element = make(
      "section",
      { class: "card", "aria-label": `Examples of ${letter}` },
      make("header", {}, this.nameInput, remove),
      this.list,
    );
    this.addSlot();
  }

  get name() {
    return this.nameInput.value.trim() || this.letter;
  }

  /** The slots whose examples can be learned from. */
  get filled() {
    return this.slots.filter((slot) => !slot.empty && !slot.problem);
  }

  get empty() {
    return this.slots.every((slot) => slot.empty);
  }

  rename() {
    this.label();
    this.groups.emit("renamed");
  }

  clear() {
    for (const slot of this.slots) slot.clear();
    this.settle();
    this.slots[0].focus();
  }

  addSlot() {
    const slot = this.makeSlot();
    this.slots.push(slot);
    this.list.append(slot.element);
    slot.addEventListener("edited", () => this.groups.settle(this));
    slot.addEventListener("left", () => this.settle());
    slot.addEventListener("removed", () => {
      // A slot that holds the focus stays.
      this.slots.at(-1).focus();
      this.settle();
      this.slots.at(-1).focus();
    });
    this.label();
    return slot;
  }

  /** Leaves one empty slot, at the end, if there is room for one more. */
  settle() {
    const held = (slot) => slot.element.contains(document.activeElement);
    const gone = this.slots
      .slice(0, -1)
      .filter((slot) => slot.empty && !held(slot));
    for (const slot of gone) slot.element.remove();
    this.slots = this.slots.filter((slot) => !gone.includes(slot));
    const room = this.slots.length < MOST_EXAMPLES;
    if (room && !this.slots.at(-1).empty) this.addSlot();
    this.element.classList.toggle("untouched", this.empty);
    this.label();
  }

  label() {
    for (const [index, slot] of this.slots.entries()) {
      slot.label(this.name, index + 1);
    }
  }
}

/** All kinds. Tells "changed" (other examples) and "renamed". */
export class Groups extends EventTarget {
  /**
   * @param {HTMLElement} element holds the cards.
   * @param {number} mostWays most kinds.
   * @param {function(): Object} makeSlot makes an empty slot.
   */
  constructor(element, mostWays, makeSlot) {
    super();
    this.element = element;
    this.mostWays = mostWays;
    this.makeSlot = makeSlot;
    this.cards = [];
    for (let i = 0; i < Math.min(LEAST_CARDS, mostWays); i += 1) this.addCard();
  }

  /** The kinds with at least one good example. */
  get used() {
    return this.cards.filter((card) => card.filled.length);
  }

  /** The first slot whose example can't be learned from. */
  get faulty() {
    const slots = this.cards.flatMap((card) => card.slots);
    return slots.find((slot) => slot.problem) ?? null;
  }

  get empty() {
    return this.cards.every((card) => card.empty);
  }

  addCard() {
    const letter = LETTERS[this.cards.length];
    const card = new Card(letter, this.makeSlot, this);
    card.element.classList.add("untouched");
    this.cards.push(card);
    this.element.append(card.element);
    return card;
  }

  /** Brings slots and cards into order after a change of a card. */
  settle(card) {
    card.settle();
    const full = this.cards.every(({ empty }) => !empty);
    if (full && this.cards.length < this.mostWays) this.addCard();
    this.emit("changed");
  }

  /** Replaces all examples by others, given by kind. */
  fill(samples) {
    this.clear();
    for (const [index, sample] of samples.slice(0, this.mostWays).entries()) {
      const card = this.cards[index] ?? this.addCard();
      card.nameInput.value = sample.name ?? card.letter;
      for (const example of sample.examples) {
        card.slots.at(-1).fill(example);
        card.settle();
      }
      this.settle(card);
    }
    this.emit("renamed");
  }

  clear() {
    for (const card of this.cards) {
      for (const slot of card.slots) slot.clear();
      card.nameInput.value = card.letter;
      card.settle();
    }
    for (const card of this.cards.splice(LEAST_CARDS)) card.element.remove();
    this.emit("changed");
  }

  emit(type) {
    this.dispatchEvent(new Event(type));
  }
}
