// The leagues: units of like size by their fair index, how sure it is, and who
// cannot be told apart.
import { element, spoken } from "./element.js";
import { fairDigits, format, weeksOf } from "./format.js";
import { Sheet } from "./sheet.js";
import { text } from "./strings.js";

const FRESH_MS = 20_000;

/** A division's rows by tie band, the leader's first; in a band by rank. Pure. */
export function bands(rows) {
  const found = new Map();
  for (const row of rows) {
    if (!found.has(row.league.band)) found.set(row.league.band, []);
    found.get(row.league.band).push(row);
  }
  return [...found.entries()].sort(([a], [b]) => a - b).map(([, members]) => members);
}

/** Where an interval lies on a scale that ends at `most`, in parts of one. Pure. */
export function span({ fair, league }, most) {
  const part = (x) => (most > 0 ? Math.min(1, Math.max(0, x / most)) : 0);
  return { low: part(league.low), value: part(fair), high: part(league.high) };
}

export class Leagues extends Sheet {
  #list;
  #unit = "teams";
  #window = "season";
  #open = new Set(); // the leagues that the reader opened, by number and division
  #asked = false; // whether the reader opened or closed any

  constructor(section, { api, session, ...on }) {
    const root = session.region;
    super(section, on, {
      every: FRESH_MS,
      load: async () => {
        const region = root || (await api.get("/regions")).regions[0]?.id;
        const { seasons } = await api.get("/seasons");
        const board = this.#unit === "regions" ? `regions:${region}` : root ? `teams:${root}` : "teams:all";
        return { seasons, table: await api.get(`/leagues/${board}?window=${this.#window}`) };
      },
      show: (data) => this.#show(data),
    });
    this.#list = section.querySelector(".leagues");
    this.choices = section.querySelector(".choices");
    this.choices.replaceChildren();
    this.#list.replaceChildren();
  }

  #show({ seasons, table }) {
    this.#choose(seasons);
    // Unasked, the reader's own league is open, or the first in which there is a race.
    const first = table.leagues.find((l) => l.rows.some((row) => row.me)) ?? table.leagues.find((l) => l.rows.length > 1) ?? table.leagues[0];
    const parts = table.leagues.map((l) => this.#division(l, this.#asked ? this.#open.has(keyOf(l)) : l === first));
    if (table.stale) parts.unshift(element("p", { class: "explain" }, text("counting")));
    else if (parts.length === 0) parts.push(element("p", {}, text("leagues_none")));
    if (!table.final && !table.stale && this.#window === "season") parts.unshift(element("p", { class: "explain" }, text("leagues_open")));
    this.#list.replaceChildren(...parts);
  }

  #choose(seasons) {
    if (this.choices.childElementCount > 0) return;
    const pick = (label, id, options, chosen) => {
      const select = element("select", { id }, ...options.map(([value, words]) => element("option", { value, selected: value === chosen }, words)));
      return [element("label", { for: id, class: "spoken" }, label), select];
    };
    const past = seasons.filter(({ state }) => state !== "running");
    const [unitLabel, unit] = pick(text("leagues_of"), "leagues-unit", [["teams", text("teams")], ["regions", text("regions")]], this.#unit);
    const [weekLabel, week] = pick(text("leagues_when"), "leagues-window",
      [["season", text("window_season")], ...past.map(({ id, starts_at, ends_at }) => [id, format.days(id, weeksOf(starts_at, ends_at))]), ["all", text("window_all")]], this.#window);
    unit.addEventListener("change", () => { this.#unit = unit.value; this.#open.clear(); this.#asked = false; this.again(); });
    week.addEventListener("change", () => { this.#window = week.value; this.again(); });
    this.choices.replaceChildren(unitLabel, unit, weekLabel, week);
  }

  #division(l, open) {
    const key = keyOf(l);
    const sizes = l.smallest === l.largest ? text("league_size", { n: l.largest, size: format.points(l.largest) })
      : text("league_sizes", { smallest: format.points(l.smallest), largest: format.points(l.largest) });
    const name = l.divisions > 1 ? text("league_division", { league: format.points(l.number), division: format.points(l.division) })
      : text("league", { league: format.points(l.number) });
    const details = element("details", { class: "league", open },
      element("summary", {}, element("h3", {}, name), element("span", { class: "sizes" }, `${sizes} · ${text("league_units", { n: l.rows.length, units: format.points(l.rows.length) })}`)));
    if (open) this.#open.add(key);
    details.addEventListener("toggle", () => {
      if (details.open === this.#open.has(key)) return; // it was made so
      this.#asked = true;
      if (details.open) this.#open.add(key); else this.#open.delete(key);
    });
    details.append(table(l, name));
    return details;
  }
}

const keyOf = (l) => `${l.number}/${l.division}`;

function table(l, name) {
  const most = Math.max(0, ...l.rows.map((row) => row.league.high));
  const digits = fairDigits([most]);
  const groups = bands(l.rows);
  const heads = ["rank", "name", "interval", "fair"].map((column) => element("th", { role: "columnheader", scope: "col", class: column },
    column === "rank" ? spoken(text("col_rank")) : text({ name: "col_unit", interval: "col_interval", fair: "col_fair" }[column])));
  return element("table", { role: "table", class: "standings", "aria-label": name },
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    ...groups.map((rows) => element("tbody", { role: "rowgroup", class: rows.length > 1 ? "tied" : "" }, ...rows.map((row, i) => line(row, most, digits, i === 0 && rows.length > 1 ? rows.length : 0)))));
}

/** A unit; `tied` is how many its tie band has, given for the band's first. */
function line(row, most, digits, tied) {
  const { low, value, high } = span(row, most);
  const range = element("span", { class: "range", "aria-hidden": "true" }, element("i"), element("b"));
  for (const [part, x] of Object.entries({ low, value, high })) range.style.setProperty(`--${part}`, x);
  const goes = row.league.goes === -1 ? ["up", "▲", text("goes_up")] : row.league.goes === 1 ? ["down", "▽", text("goes_down")] : null;
  return element("tr", { role: "row", class: [row.me ? "mine" : "", goes?.[0] ?? ""].join(" ").trim() },
    element("td", { role: "cell", class: "rank" }, row.rank === null ? "–" : format.points(row.rank), goes ? element("span", { class: "goes", "aria-hidden": "true" }, goes[1]) : "", goes ? spoken(` ${goes[2]}`) : ""),
    element("th", { role: "rowheader", scope: "row", class: "name" }, element("span", { class: "label", title: row.name }, row.name), row.me ? spoken(` (${text("yours")})`) : "",
      element("span", { class: "under" }, text("unit_sum", { n: row.sum, points: format.points(row.sum), members: format.points(row.league.members) })),
      tied ? element("span", { class: "tie" }, text("band", { n: tied, units: format.points(tied) })) : ""),
    element("td", { role: "cell", class: "interval" }, range, element("span", { class: "spoken" }, text("interval", { low: format.fair(row.league.low, digits), high: format.fair(row.league.high, digits) }))),
    element("td", { role: "cell", class: "fair" }, format.fair(row.fair, digits)));
}
