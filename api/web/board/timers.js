// Timers by name: setting one again replaces it, and all end together.

export class Timers {
  #ids = new Map();

  once(name, ms, act) {
    clearTimeout(this.#ids.get(name));
    this.#ids.set(name, setTimeout(() => { this.#ids.delete(name); act(); }, ms));
  }

  /** Like once, but a timer that runs already stays as it is. */
  soon(name, ms, act) {
    if (!this.#ids.has(name)) this.once(name, ms, act);
  }

  every(name, ms, act) {
    act();
    this.once(name, ms, () => this.every(name, ms, act));
  }

  end() {
    for (const id of this.#ids.values()) clearTimeout(id);
    this.#ids.clear();
  }
}
