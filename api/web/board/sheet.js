// A page that is read rather than watched: it loads, shows, and loads again now
// and then.
import { spread } from "./backoff.js";
import { write } from "./element.js";
import { text } from "./strings.js";

const RETRY_MS = 5_000;

/** Sheet fills a section from load() by show(data), every `every` ms again (0:
 *  once). denied(why) and unknown() say that there is nothing to show here;
 *  missing(problem) may answer words for a 404 that is not the campaign's. */
export class Sheet {
  #section;
  #on;
  #parts;
  #timer = 0;
  #stopped = false;
  #shown = false;
  #turn = 0; // loads, so that a late answer does not take the place of a newer one

  constructor(section, { denied, unknown }, { load, show, every = 0, missing = () => "" }) {
    this.#section = section;
    this.#on = { denied, unknown };
    this.#parts = { load, show, every, missing };
  }

  async start() {
    const message = this.#section.querySelector(".empty");
    if (!this.#shown) {
      message.hidden = false;
      write(message, text("loading"));
    }
    const turn = ++this.#turn;
    let data;
    try {
      data = await this.#parts.load();
    } catch (problem) {
      if (this.#stopped || turn !== this.#turn) return;
      if (problem.unauthentic) return this.#on.denied("sign_in_expired");
      if (problem.code === "campaign_unknown") return this.#on.unknown();
      const words = problem.status === 404 ? this.#parts.missing(problem) : problem.forbidden ? text("not_for_you") : "";
      if (!this.#shown || words) {
        message.hidden = false;
        write(message, words || text("offline"));
      }
      if (!words) this.#again(RETRY_MS);
      return;
    }
    if (this.#stopped || turn !== this.#turn) return;
    this.#shown = true;
    message.hidden = true;
    this.#parts.show(data);
    if (this.#parts.every > 0) this.#again(this.#parts.every);
  }

  /** Loads now, for the reader chose something else to see. */
  again() {
    clearTimeout(this.#timer);
    return this.start();
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #again(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.start(), spread(ms));
  }
}
