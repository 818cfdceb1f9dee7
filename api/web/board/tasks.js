// The tasks of a region: how many are open, which places are free, and what
// happens to them as it happens.
import { arrange, element, write } from "./element.js";
import { format } from "./format.js";
import { glide } from "./motion.js";
import { text } from "./strings.js";

/** How long what happened to a task keeps it on top of the list. */
export const NEWS_MS = 120_000;
const SHOWN = 8;

const CHANGES = { task_taken: -1, task_given_back: +1 };
const WORDS = { task_opened: "task_opened", task_taken: "task_taken", task_given_back: "task_given_back" };

/** The tasks after an event of the feed. Counts are a guess until the list is
 *  loaded again: an event may tell what the list already held. Pure. */
export function withEvent(tasks, name, data, at) {
  const last = { name, at };
  const found = tasks.find((task) => task.id === data.task);
  if (name === "task_closed") return tasks.filter((task) => task.id !== data.task);
  if (!found) {
    if (name !== "task_opened") return tasks;
    return [{ id: data.task, kind: data.kind, title: data.title, region: { id: data.region, name: "" }, capacity: null, free: null, ends_at: data.ends_at, last }, ...tasks];
  }
  const free = found.free === null ? null : Math.max(0, Math.min(found.capacity, found.free + (CHANGES[name] ?? 0)));
  return tasks.map((task) => (task === found ? { ...task, free, last } : task));
}

/** A loaded list, with what is known of each task's last event. Pure. */
export function withLoaded(tasks, loaded) {
  const last = new Map(tasks.map((task) => [task.id, task.last]));
  return loaded.map((task) => ({ ...task, last: last.get(task.id) ?? null }));
}

/** What just happened first, then what needs people soonest. Pure. */
export function order(tasks, now) {
  const news = (task) => (task.last && now - task.last.at < NEWS_MS ? task.last.at : 0);
  const full = (task) => (task.free === 0 ? 1 : 0);
  return [...tasks].sort((a, b) => news(b) - news(a) || full(a) - full(b) || compare(a.ends_at, b.ends_at) || compare(a.id, b.id));
}

const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

export class Tasks {
  #section;
  #list;
  #none;
  #counts;
  #cards = new Map();

  constructor(section) {
    this.#section = section;
    this.#counts = { open: figure("open"), free: figure("free") };
    this.#list = element("ul", { class: "task-list" });
    this.#none = element("p", { class: "empty" }, text("loading"));
    section.append(element("p", { class: "figures" }, this.#counts.open.element, this.#counts.free.element), this.#none, this.#list);
  }

  /** The list where the reader may not see it. */
  hide() { this.#section.hidden = true; }

  /** `more`: the list goes on beyond what was loaded. */
  show(tasks, more, now = Date.now()) {
    this.#section.hidden = false;
    const free = tasks.reduce((sum, task) => sum + (task.free ?? 0), 0);
    this.#counts.open.show(tasks.length, text("tasks_open", { n: tasks.length }), more);
    this.#counts.free.show(free, text("tasks_free", { n: free }), more);
    this.#none.hidden = tasks.length > 0;
    write(this.#none, text("tasks_none"));
    const shown = order(tasks, now).slice(0, SHOWN);
    glide(() => [...this.#list.children], () => {
      arrange(this.#list, shown.map((task) => {
        if (!this.#cards.has(task.id)) this.#cards.set(task.id, new Card());
        const card = this.#cards.get(task.id);
        card.show(task, now);
        return card.element;
      }));
    });
    const kept = new Set(shown.map((task) => task.id));
    for (const id of this.#cards.keys()) if (!kept.has(id)) this.#cards.delete(id);
  }
}

function figure(name) {
  const value = element("strong"), words = element("span");
  return {
    element: element("span", { class: `figure ${name}` }, value, " ", words),
    show(n, label, more) {
      write(value, format.points(n) + (more ? "+" : ""));
      write(words, label);
    },
  };
}

class Card {
  constructor() {
    this.title = element("span", { class: "task-title" });
    this.where = element("span", { class: "task-where" });
    this.mark = element("span", { class: "task-mark" });
    this.meter = element("span", { class: "meter", "aria-hidden": "true" }, element("b"));
    this.places = element("span", { class: "task-places" });
    this.element = element("li", {}, this.title, this.mark, this.where, this.meter, this.places);
  }

  show(task, now) {
    write(this.title, task.title);
    this.title.title = task.title;
    const until = text("task_until", { time: format.dayHour(new Date(task.ends_at)) });
    write(this.where, task.region.name ? `${task.region.name} · ${until}` : until);
    const news = task.last && now - task.last.at < NEWS_MS ? WORDS[task.last.name] : undefined;
    const mark = news ?? (task.free === 0 ? "task_full" : undefined);
    write(this.mark, mark ? text(mark) : "");
    this.mark.dataset.mark = mark ?? "";
    const known = task.capacity !== null;
    const taken = known ? task.capacity - task.free : 0;
    this.meter.hidden = !known;
    write(this.places, known ? text("task_places", { taken: format.points(taken), capacity: format.points(task.capacity) }) : "");
    this.meter.firstElementChild.style.setProperty("--share", known && task.capacity > 0 ? taken / task.capacity : 0);
  }
}
