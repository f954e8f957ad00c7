/** Times of the last requests of one kind. */

const KEPT = 20;

export class Latency {
  #times = [];

  /** @param {number} ms time of a request, in milliseconds. */
  add(ms) {
    this.#times.push(ms);
    if (this.#times.length > KEPT) this.#times.shift();
  }

  get count() {
    return this.#times.length;
  }

  get last() {
    return this.#times.at(-1);
  }

  /** Median of the last 20, in milliseconds. */
  get p50() {
    const sorted = [...this.#times].sort((a, b) => a - b);
    const middle = sorted.length >> 1;
    if (sorted.length % 2) return sorted[middle];
    return (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
