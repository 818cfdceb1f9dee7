// The duels: two near-equals, one bar, cut where their share of the points is.
import { arrange, element, write } from "./element.js";
import { fairDigits, format } from "./format.js";
import { text } from "./strings.js";

/** A duel with what the regions' board knows of its sides by now: the board
 *  moves several times a second, the list of duels is asked for seldom. Pure. */
export function withRows(duel, rows) {
  const byID = new Map(rows.map((row) => [row.id, row]));
  const side = (unit) => {
    const row = byID.get(unit.id);
    return row ? { ...unit, sum: row.sum, fair: row.fair } : unit;
  };
  const left = side(duel.left), right = side(duel.right);
  return { ...duel, left, right, leader: leaderOf(left, right) };
}

/** Who leads: the higher fair index, or the higher sum where one is not
 *  compared. Pure. */
export function leaderOf(left, right) {
  const key = comparesFair(left, right) ? "fair" : "sum";
  return left[key] > right[key] ? "left" : right[key] > left[key] ? "right" : "tie";
}

const known = (x) => x !== null && x !== undefined;
const comparesFair = (left, right) => known(left.fair) && known(right.fair);

/** The left side's part of the bar, 0 to 1. Pure. */
export function cut(left, right) {
  const key = comparesFair(left, right) ? "fair" : "sum";
  const total = left[key] + right[key];
  return total > 0 ? left[key] / total : 0.5;
}

export class Duels {
  #section;
  #list;
  #cards = new Map();

  constructor(section) {
    this.#section = section;
    this.#list = element("ul", { class: "duel-list" });
    section.append(this.#list);
  }

  show(duels) {
    this.#section.hidden = duels.length === 0;
    write(this.#section.querySelector("h2"), text("duels", { n: duels.length }));
    arrange(this.#list, duels.map((duel) => {
      if (!this.#cards.has(duel.id)) this.#cards.set(duel.id, new Card());
      const card = this.#cards.get(duel.id);
      card.show(duel);
      return card.element;
    }));
    const kept = new Set(duels.map((duel) => duel.id));
    for (const id of this.#cards.keys()) if (!kept.has(id)) this.#cards.delete(id);
  }
}

class Card {
  constructor() {
    this.sides = ["left", "right"].map((name) => new Side(name));
    this.fill = element("b");
    this.state = element("p", { class: "duel-state" });
    this.element = element("li", { class: "duel" },
      this.sides[0].element, element("span", { class: "spoken" }, text("duel_between")), this.sides[1].element,
      element("div", { class: "two-sided", "aria-hidden": "true" }, this.fill), this.state);
  }

  show({ left, right, leader }) {
    const byFair = comparesFair(left, right);
    const digits = fairDigits([left.fair ?? null, right.fair ?? null]);
    this.sides[0].show(left, { byFair, digits, leads: leader === "left" });
    this.sides[1].show(right, { byFair, digits, leads: leader === "right" });
    this.fill.style.setProperty("--share", cut(left, right));
    write(this.state, sentence(left, right, leader, { byFair, digits }));
  }
}

function sentence(left, right, leader, { byFair, digits }) {
  if (left.sum === 0 && right.sum === 0) return text("duel_open");
  if (leader === "tie") return text(byFair && left.sum !== right.sum ? "duel_level_fair" : "duel_level");
  const { name } = leader === "left" ? left : right;
  if (!byFair) return text("duel_leads", { name, gap: format.points(Math.abs(left.sum - right.sum)) });
  const gap = Math.abs(left.fair - right.fair), least = 10 ** -digits;
  if (gap < least / 2) return text("duel_leads_barely", { name, least: format.fair(least, digits) });
  return text("duel_leads", { name, gap: format.fair(gap, digits) });
}

/** One side. What decides the duel is the large figure: the fair index, or the
 *  points where one side is too small for an index. */
class Side {
  constructor(name) {
    this.name = element("span", { class: "duel-name" });
    this.value = element("span", { class: "duel-value" });
    this.under = element("span", { class: "duel-under" });
    this.element = element("p", { class: `side ${name}` }, this.name, this.value, this.under);
  }

  show(unit, { byFair, digits, leads }) {
    write(this.name, unit.name);
    const points = format.points(unit.sum);
    write(this.value, byFair ? format.fair(unit.fair, digits) : points);
    write(this.under, text(byFair ? "duel_under_fair" : "duel_under_points", { n: unit.sum, points }));
    this.element.classList.toggle("leads", leads);
  }
}
