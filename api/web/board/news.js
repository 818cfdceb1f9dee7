// The ticker: changes of the lead, newest first.
import { element } from "./element.js";
import { format } from "./format.js";
import { animated } from "./motion.js";
import { text } from "./strings.js";

export const KEPT = 30;
/** Two at the top may swap several times a second; the ticker keeps the last. */
export const SETTLE_MS = 4_000;

/** The items after a further one: {at (ms), board, words}. Pure. */
export function withNews(items, item) {
  const [latest] = items;
  const rest = latest && latest.board === item.board && item.at - latest.at < SETTLE_MS ? items.slice(1) : items;
  return [item, ...rest].slice(0, KEPT);
}

/** The sentence of what LeadWatch saw. */
export function headline(change) {
  switch (change.kind) {
    case "season": return text("news_season");
    case "level": return text("news_level", { names: format.list(change.names) });
    case "lead":
      return change.before.length > 0
        ? text("news_lead", { name: change.name, before: format.list(change.before) })
        : text("news_lead_first", { name: change.name });
  }
}

/** The ticker keeps its items in the tab, so that a reload shows them again. */
export class News {
  #list;
  #none;
  #items;
  #key;

  constructor(section, campaign) {
    this.#key = `muster.news.${campaign}`;
    this.#items = JSON.parse(sessionStorage.getItem(this.#key) ?? "[]");
    this.#list = element("ol", { class: "news-list" });
    this.#none = element("p", { class: "empty" }, text("news_none", { time: format.hour(new Date()) }));
    section.append(this.#none, this.#list);
    this.#render(false);
  }

  add(board, words, at = Date.now()) {
    this.#items = withNews(this.#items, { at, board, words });
    sessionStorage.setItem(this.#key, JSON.stringify(this.#items));
    this.#render(true);
  }

  #render(fresh) {
    this.#none.hidden = this.#items.length > 0;
    this.#list.replaceChildren(...this.#items.map(({ at, board, words }) => {
      const when = new Date(at);
      return element("li", { "data-board": board },
        element("time", { datetime: when.toISOString() }, format.hour(when)),
        element("span", { class: "about" }, text(`news_of_${board}`)),
        element("span", { class: "words" }, words));
    }));
    if (fresh && animated()) {
      this.#list.firstElementChild.animate([{ opacity: 0, transform: "translateY(-.6rem)" }, { opacity: 1, transform: "none" }], { duration: 400, easing: "ease-out" });
    }
  }
}
