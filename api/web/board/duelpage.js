// One duel: who leads, how it went, what each side needs, how long is left.
import { shape } from "./draw.js";
import { Card, measure } from "./duel.js";
import { element, write } from "./element.js";
import { fairDigits, format } from "./format.js";
import { Sheet } from "./sheet.js";
import { text } from "./strings.js";

const FRESH_MS = 10_000;
const WIDTH = 720, HEIGHT = 260, LEFT = 4, RIGHT = 4, TOP = 10, BOTTOM = 4;

/** The corners of one side's curve on the sheet: it holds its score until the next
 *  sample, and the last one until `until`. Pure. */
export function steps(samples, side, { from, to, until, most }) {
  const x = (at) => LEFT + ((at - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const y = (score) => HEIGHT - BOTTOM - (most > 0 ? score / most : 0) * (HEIGHT - TOP - BOTTOM);
  const points = [[x(from), y(0)]];
  let last = 0;
  for (const sample of samples) {
    const at = Math.min(to, Math.max(from, new Date(sample.at).getTime()));
    points.push([x(at), y(last)], [x(at), y(sample[side])]);
    last = sample[side];
  }
  points.push([x(Math.min(to, Math.max(from, until))), y(last)]);
  return points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`);
}

/** The midnights of the reader between two instants. Pure. */
export function midnights(from, to) {
  const days = [], at = new Date(from);
  for (at.setHours(24, 0, 0, 0); at.getTime() < to; at.setDate(at.getDate() + 1)) days.push(at.getTime());
  return days;
}

export class DuelPage extends Sheet {
  #section;
  #card = new Card();

  constructor(section, { api, session: _, duel, ...on }) {
    super(section, on, {
      every: FRESH_MS,
      load: () => api.get(`/duels/${encodeURIComponent(duel)}`),
      show: (data) => this.#show(data),
      missing: () => text("duel_unknown"),
    });
    this.#section = section;
    section.querySelector(".duel-whole").replaceChildren();
  }

  #show(duel) {
    this.#card.show(duel);
    const now = Date.now(), ends = new Date(duel.ends_at).getTime();
    const whole = this.#section.querySelector(".duel-whole");
    whole.replaceChildren(
      this.#card.element,
      element("p", { class: "duel-left" }, duel.stale ? text("counting") : duel.over ? text("duel_over", { day: format.date(new Date(duel.ends_at)) }) : text("duel_ends", { left: format.span(ends - now) })),
      element("figure", { class: "duel-curve" }, curve(duel, now), caption(duel, now)),
      element("p", { class: "explain" }, text("duel_odds", { name: duel.left.name, odds: format.percent(duel.odds) })),
      changes(duel));
  }
}

/** The time that a curve shows: from the first score to now, or to the end. Pure. */
export function shown(duel, now) {
  const end = duel.over ? new Date(duel.ends_at).getTime() : now;
  const first = duel.curve.length > 0 ? new Date(duel.curve[0].at).getTime() : new Date(duel.starts_at).getTime();
  const from = Math.min(first, end - 60_000);
  return { from: from - (end - from) * 0.02, to: end };
}

function curve(duel, now) {
  const { from, to } = shown(duel, now);
  const most = Math.max(0, ...duel.curve.flatMap(({ left, right }) => [left, right])) * 1.05;
  const place = { from, to, until: to, most };
  const x = (at) => LEFT + ((at - from) / (to - from)) * (WIDTH - LEFT - RIGHT);
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "course", role: "img", "aria-label": spokenCurve(duel), preserveAspectRatio: "none" });
  for (const day of midnights(from, to)) svg.append(shape("line", { class: "day", x1: x(day).toFixed(1), x2: x(day).toFixed(1), y1: 0, y2: HEIGHT }));
  svg.append(shape("line", { class: "ground", x1: 0, x2: WIDTH, y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM }));
  for (const { at, leader } of duel.changes) {
    const when = x(new Date(at).getTime()).toFixed(1);
    svg.append(shape("line", { class: `turn ${leader}`, x1: when, x2: when, y1: HEIGHT - BOTTOM - 14, y2: HEIGHT - BOTTOM }));
  }
  for (const side of ["left", "right"]) svg.append(shape("polyline", { class: `line ${side}`, points: steps(duel.curve, side, place).join(" ") }));
  return svg;
}

function spokenCurve(duel) {
  const { left, right } = measure(duel.left, duel.right), digits = fairDigits([left, right]);
  return text("duel_curve", {
    n: duel.changed, left: duel.left.name, leftScore: format.fair(left, digits), right: duel.right.name, rightScore: format.fair(right, digits), changes: format.points(duel.changed),
  });
}

function caption(duel, now) {
  const { from, to } = shown(duel, now);
  return element("figcaption", {}, ...["left", "right"].map((side) => element("span", { class: `key ${side}` }, duel[side].name)),
    element("span", {}, text("duel_span", { from: format.dayHour(new Date(from)), to: format.dayHour(new Date(to)) })),
    element("span", {}, text(duel.per_member ? "duel_scale_member" : "duel_scale_points")));
}

function changes(duel) {
  if (duel.changed === 0) return element("p", { class: "explain" }, text("duel_no_changes"));
  const rows = [...duel.changes].reverse().map(({ at, leader }) => element("li", {},
    element("time", { datetime: at }, format.dayHour(new Date(at))), element("span", { class: "words" }, text("news_duel", { name: duel[leader].name, other: duel[leader === "left" ? "right" : "left"].name }))));
  return element("details", { class: "turns" },
    element("summary", {}, text("duel_changes", { n: duel.changed, changes: format.points(duel.changed) })),
    element("ol", { class: "news-list" }, ...rows));
}
