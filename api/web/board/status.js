// How fresh the page is, in words.
import { write } from "./element.js";
import { format } from "./format.js";
import { text } from "./strings.js";

/** Without any data for so long the board is out of date. */
export const STALE_MS = 15_000;

/**
 * The state to show. Pure.
 *   socket   connecting, live, retrying or stopped: the live connection
 *   dataAt   when the board last came, by either way; null: never
 *   polledAt when it last came over HTTP; null: never
 *   since    when the page began to ask
 *   wasLive  whether the live connection has ever stood
 */
export function stateOf({ socket, dataAt, polledAt, since, wasLive, paused, now }) {
  if (paused) return "paused";
  if (socket === "live") return "live";
  const fresh = (at) => at !== null && now - at < STALE_MS;
  if (fresh(polledAt) && socket === "stopped") return "feed_off";
  if (!wasLive && now - since < STALE_MS) return "connecting";
  if (dataAt === null) return "stale";
  if (fresh(polledAt)) return "polling";
  return fresh(dataAt) ? "reconnecting" : "stale";
}

export class Status {
  #element;
  #words;
  #announcer;
  #shown = "";

  constructor(element, announcer) {
    this.#element = element;
    this.#words = element.querySelector(".words");
    this.#announcer = announcer;
  }

  show(state, dataAt) {
    const time = dataAt === null ? "" : format.clock(new Date(dataAt));
    write(this.#words, state === "stale" && dataAt === null ? text("state_stale_never") : text(`state_${state}`, { time }));
    if (state === this.#shown) return;
    this.#element.dataset.state = state;
    if (this.#shown && state !== "connecting") this.#announcer.say(text(`state_long_${state}`));
    this.#shown = state;
  }
}
