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
    return row ? { ...unit, sum: row.sum, fair: row.fair, league: row.league } : unit;
  };
  const left = side(duel.left), right = side(duel.right);
  return { ...duel, left, right, leader: leaderOf(left, right) };
}

/** What a duel is decided by: points a member, or points where a side is too
 *  small to compare. Pure. */
export function measure(left, right) {
  const perMember = Boolean(left.league && right.league);
  const score = (unit) => (perMember ? unit.sum / unit.league.members : unit.sum);
  return { perMember, left: score(left), right: score(right) };
}

/** Who leads. Pure. */
export function leaderOf(left, right) {
  const score = measure(left, right);
  return score.left > score.right ? "left" : score.right > score.left ? "right" : "tie";
}

/** The points that the side behind must make to take the lead; of a level duel,
 *  one. Pure. */
export function needs(left, right) {
  const score = measure(left, right);
  const need = (unit, own, other) => Math.max(1, Math.floor((score.perMember ? other * unit.league.members : other) - unit.sum + 1e-6) + 1);
  return score.left < score.right ? need(left, score.left, score.right) : need(right, score.right, score.left);
}

/** The left side's part of the bar, 0 to 1. Pure. */
export function cut(left, right) {
  const score = measure(left, right);
  const total = score.left + score.right;
  return total > 0 ? score.left / total : 0.5;
}

export class Duels {
  #section;
  #list;
  #cards = new Map();

  #link;

  /** link(duel) is the address of a duel's own page. */
  constructor(section, link) {
    this.#section = section;
    this.#link = link;
    this.#list = element("ul", { class: "duel-list" });
    section.append(this.#list);
  }

  show(duels) {
    this.#section.hidden = duels.length === 0;
    write(this.#section.querySelector("h2"), text("duels", { n: duels.length }));
    arrange(this.#list, duels.map((duel) => {
      if (!this.#cards.has(duel.id)) this.#cards.set(duel.id, new Card(this.#link(duel)));
      const card = this.#cards.get(duel.id);
      card.show(duel);
      return card.element;
    }));
    const kept = new Set(duels.map((duel) => duel.id));
    for (const id of this.#cards.keys()) if (!kept.has(id)) this.#cards.delete(id);
  }
}

/** A duel as a card, with the way to its own page where there is one. */
export class Card {
  constructor(address = "") {
    this.sides = ["left", "right"].map((name) => new Side(name));
    this.fill = element("b");
    this.state = element("p", { class: "duel-state" });
    this.needs = element("p", { class: "duel-needs" });
    this.element = element(address ? "li" : "div", { class: "duel" },
      this.sides[0].element, element("span", { class: "spoken" }, text("duel_between")), this.sides[1].element,
      element("div", { class: "two-sided", "aria-hidden": "true" }, this.fill), this.state, this.needs);
    if (address) {
      this.link = element("a", { href: address, class: "duel-link" });
      this.element.append(this.link);
    }
  }

  show({ left, right, leader }) {
    const score = measure(left, right);
    const digits = fairDigits([score.left, score.right]);
    this.sides[0].show(left, { score: score.left, perMember: score.perMember, digits, leads: leader === "left" });
    this.sides[1].show(right, { score: score.right, perMember: score.perMember, digits, leads: leader === "right" });
    this.fill.style.setProperty("--share", cut(left, right));
    write(this.state, sentence(left, right, leader, score, digits));
    write(this.needs, need(left, right, leader));
    if (this.link) write(this.link, text("duel_link", { left: left.name, right: right.name }));
  }
}

function sentence(left, right, leader, score, digits) {
  if (left.sum === 0 && right.sum === 0) return text("duel_open");
  if (leader === "tie") return text("duel_level");
  const { name } = leader === "left" ? left : right;
  if (!score.perMember) return text("duel_leads", { name, gap: format.points(Math.abs(left.sum - right.sum)) });
  const gap = Math.abs(score.left - score.right), least = 10 ** -digits;
  if (gap < least / 2) return text("duel_leads_barely", { name, least: format.fair(least, digits) });
  return text("duel_leads", { name, gap: format.fair(gap, digits) });
}

function need(left, right, leader) {
  const n = needs(left, right);
  if (leader === "tie") return text("duel_next");
  return text("duel_needs", { n, name: (leader === "left" ? right : left).name, points: format.points(n) });
}

/** One side. What decides the duel is the large figure: points a member, or the
 *  points where one side is too small to compare. */
class Side {
  constructor(name) {
    this.name = element("span", { class: "duel-name" });
    this.value = element("span", { class: "duel-value" });
    this.under = element("span", { class: "duel-under" });
    this.element = element("p", { class: `side ${name}` }, this.name, this.value, this.under);
  }

  show(unit, { score, perMember, digits, leads }) {
    write(this.name, unit.name);
    const points = format.points(unit.sum);
    write(this.value, perMember ? format.fair(score, digits) : points);
    write(this.under, text(perMember ? "duel_under_member" : "duel_under_points", { n: unit.sum, points }));
    this.element.classList.toggle("leads", leads);
  }
}
