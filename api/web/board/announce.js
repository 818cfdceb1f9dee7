// What a screen reader is told. A board that moves several times a second must
// not talk several times a second: at most one sentence in INTERVAL_MS.

export const INTERVAL_MS = 10_000;

export class Announcer {
  #region;
  #summary;
  #waiting = [];
  #last = -Infinity;
  #timer = 0;

  /** `summary(sentences)` makes one sentence of several. */
  constructor(region, summary) {
    this.#region = region;
    this.#summary = summary;
  }

  say(sentence) {
    this.#waiting.push(sentence);
    if (this.#timer) return;
    const wait = Math.max(0, this.#last + INTERVAL_MS - performance.now());
    this.#timer = setTimeout(() => this.#speak(), wait);
  }

  #speak() {
    this.#timer = 0;
    this.#last = performance.now();
    this.#region.textContent = this.#waiting.length > 1 ? this.#summary(this.#waiting) : this.#waiting[0];
    this.#waiting = [];
  }
}
