// A person's own page: where they stand, who is near, what their team makes of it.
import { Card } from "./duel.js";
import { element, spoken, write } from "./element.js";
import { format } from "./format.js";
import { Sheet } from "./sheet.js";
import { text } from "./strings.js";

const FRESH_MS = 15_000;
const NEAR = 7; // rows around the reader: three above, three below

/** The rows to show around the reader; none where the reader is not among them,
 *  as somebody who is hidden. Pure. */
export function near(rows) {
  const at = rows.findIndex((row) => row.me);
  return at < 0 ? [] : rows.slice(Math.max(0, at - 3), at + 4);
}

export class Me extends Sheet {
  #section;
  #duelAddress;
  #card = null;

  constructor(section, { api, session: _, duelAddress, ...on }) {
    super(section, on, {
      every: FRESH_MS,
      load: async () => {
        const [home, board, done] = await Promise.all([
          api.get("/me/dashboard"), api.get(`/boards/people:all?window=season&around=me&limit=${NEAR}`), api.get("/me/actions?limit=10")]);
        return { home, rows: board.rows, actions: done.actions };
      },
      show: (data) => this.#show(data),
    });
    this.#section = section;
    this.#duelAddress = duelAddress;
    section.querySelector(".mine-all").replaceChildren();
  }

  #show({ home, rows, actions }) {
    const { standing } = home;
    write(this.#section.querySelector("h2"), text("me_title", { name: home.me.name ?? "" }));
    const parts = [figures(standing), next(standing), around(near(rows)), units(home), this.#duel(home.duel), history(actions)];
    this.#section.querySelector(".mine-all").replaceChildren(...parts.filter(Boolean));
  }

  #duel(duel) {
    if (!duel) return null;
    if (this.#card?.id !== duel.id) this.#card = { id: duel.id, card: new Card(this.#duelAddress(duel)) };
    this.#card.card.show(duel);
    return part("me_duel", element("ul", { class: "duel-list" }, this.#card.card.element));
  }
}

const part = (title, ...content) => element("section", { class: "part" }, element("h3", {}, text(title)), ...content);

const figure = (value, words) => element("li", { class: "figure" }, element("strong", {}, value), " ", words);

function figures(standing) {
  const list = [figure(format.points(standing.total), text("me_points", { n: standing.total }))];
  if (standing.rank !== null) list.push(figure(format.points(standing.rank), text("me_rank")));
  if (standing.streak?.weeks > 0) list.push(figure(format.points(standing.streak.weeks), text("me_streak", { n: standing.streak.weeks })));
  return element("ul", { class: "figures" }, ...list);
}

/** What is missing to the next rank: the one figure that somebody in the middle of
 *  a long board can do something about. */
function next(standing) {
  if (standing.stale) return element("p", { class: "explain" }, text("counting"));
  if (!standing.next) return null;
  return element("p", { class: "next" }, text("me_next", { n: standing.next.gap, gap: format.points(standing.next.gap), rank: format.points(standing.next.rank) }));
}

function around(rows) {
  if (rows.length === 0) return null;
  return part("me_near", element("ol", { class: "near" }, ...rows.map((row) => element("li", { class: row.me ? "mine" : "" },
    element("span", { class: "rank" }, row.rank === null ? "–" : format.points(row.rank)),
    element("span", { class: "label" }, row.name), row.me ? spoken(` (${text("me_you")})`) : "",
    element("span", { class: "sum" }, format.points(row.sum))))));
}

function units({ units }) {
  const listed = units.filter((unit) => unit.sum > 0 || unit.league);
  if (listed.length === 0) return null;
  return part("me_units", element("ul", { class: "units" }, ...listed.map((unit) => element("li", {},
    element("b", {}, text(unit.board.startsWith("teams:") ? "me_unit_team" : "me_unit_region", { name: unit.name })), " ",
    unit.rank === null ? "" : text("me_unit_rank", { rank: format.points(unit.rank), of: format.points(unit.of), n: unit.sum, points: format.points(unit.sum) }),
    unit.league ? ` ${place(unit.league)}` : ""))));
}

function place(league) {
  if (league.of === 1) return text("me_unit_alone");
  return text("me_unit_league", { rank: format.points(league.rank), n: league.of, of: format.points(league.of), league: format.points(league.number) });
}

function history(actions) {
  if (actions.length === 0) return part("me_done", element("p", { class: "empty" }, text("me_done_none")));
  return part("me_done", element("ul", { class: "done" }, ...actions.map((action) => element("li", {},
    element("time", { datetime: action.occurred_at }, format.dayHour(new Date(action.occurred_at))),
    element("span", { class: "label" }, text("me_action", { kind: action.kind.replaceAll("_", " "), quantity: format.points(Math.abs(action.quantity)) }),
      action.voids ? ` · ${text("me_voided")}` : ""),
    element("span", { class: "sum" }, format.gain(action.points))))));
}
