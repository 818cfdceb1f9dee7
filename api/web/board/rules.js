// The rules: what counts, what it is worth and why, and what will change.
import { changes, corners } from "./curve.js";
import { shape } from "./draw.js";
import { element } from "./element.js";
import { format, weekOf } from "./format.js";
import { Sheet } from "./sheet.js";
import { text } from "./strings.js";

export class Rules extends Sheet {
  #section;

  constructor(section, { api, session: _, ...on }) {
    super(section, on, { load: async () => (await api.get("/rule-sets")).rule_sets, show: (sets) => this.#show(sets) });
    this.#section = section;
  }

  #show(sets) {
    const now = sets.find((set) => set.state === "in_force");
    const ahead = sets.filter((set) => set.state === "announced").reverse();
    const past = sets.filter((set) => set.state === "past");
    const list = this.#section.querySelector(".rule-sets");
    const parts = ahead.map((set, i) => announced(set, ahead[i - 1] ?? now));
    parts.push(element("div", { class: "kinds" }, ...byWorth(now.kinds).map(card)));
    if (past.length > 0) {
      parts.push(element("p", { class: "explain" }, text("rules_past", { names: format.list(past.map((set) => set.name)) })));
    }
    list.replaceChildren(...parts);
  }
}

const byWorth = (kinds) => [...kinds].sort((a, b) => b.points - a.points || a.name.localeCompare(b.name));

/** A unit as a heading: "Door knocked". */
const headed = (unit) => unit.slice(0, 1).toLocaleUpperCase() + unit.slice(1);

const worth = (points) => (points > 0 ? text("rule_points", { n: points, points: format.points(points) }) : text("rule_unpaid"));

/** Rules that take force later, and how they differ from those before. */
function announced(set, before) {
  const list = changes(before.kinds, set.kinds).map(({ unit, was, is }) => element("li", {},
    element("b", {}, headed(unit)), " ",
    was === null ? text("rule_new", { worth: worth(is) }) : is === null ? text("rule_gone", { worth: worth(was) }) :
      was === is ? text("rule_levels") : text("rule_changes", { was: worth(was), is: worth(is) })));
  const [monday] = weekOf(set.season);
  return element("article", { class: "ahead" },
    element("h3", {}, text("rules_ahead", { day: format.date(monday), name: set.name })),
    set.note ? element("p", {}, set.note) : "",
    list.length > 0 ? element("ul", {}, ...list) : element("p", {}, text("rules_same")));
}

/** A kind of action: what it pays, how a day of it levels off, and the source. */
function card(kind) {
  return element("article", { class: "kind" },
    element("h3", {}, headed(kind.unit)),
    element("p", { class: "worth" }, worth(kind.points)),
    ...(kind.points > 0 ? [curve(kind), element("p", { class: "tiers" }, levels(kind))] : []),
    element("p", { class: "source" }, kind.source));
}

/** The day's levels in words: the curve says the same to the eye. */
function levels(kind) {
  let from = 0;
  const words = kind.tiers.map(({ up_to, percent }) => {
    const key = percent === 100 ? "tier_full" : percent === 0 ? "tier_none" : "tier_part";
    const first = format.points(from + 1), last = format.points(up_to);
    from = up_to;
    return text(key, { range: first === last ? last : text("tier_range", { first, last }), percent: format.percent(percent / 100) });
  });
  if (kind.tiers.at(-1).percent > 0) words.push(text("tier_end", { from: format.points(from) }));
  if (kind.cool_down_minutes) {
    words.push(text("tier_cool_down", { n: kind.max_quantity, minutes: format.points(kind.cool_down_minutes), most: format.points(kind.max_quantity) }));
  }
  return words.join(" ");
}

const WIDTH = 240, HEIGHT = 72;

function curve(kind) {
  const points = corners(kind);
  const [right] = points.at(-1), top = Math.max(1, ...points.map(([, y]) => y));
  const at = ([x, y]) => `${((x / right) * WIDTH).toFixed(1)},${(HEIGHT - (y / top) * (HEIGHT - 4)).toFixed(1)}`;
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + 2}`, preserveAspectRatio: "none", class: "curve", "aria-hidden": "true" });
  svg.append(shape("polygon", { class: "area", points: `0,${HEIGHT} ${points.map(at).join(" ")} ${WIDTH},${HEIGHT}` }));
  for (const corner of points.slice(1, -1)) svg.append(shape("line", { class: "tick", x1: at(corner).split(",")[0], x2: at(corner).split(",")[0], y1: 0, y2: HEIGHT }));
  svg.append(shape("polyline", { class: "stroke", points: points.map(at).join(" ") }));
  return svg;
}
