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
  #api;
  #duelAddress;
  #card = null;

  constructor(section, { api, session: _, duelAddress, ...on }) {
    super(section, on, {
      every: FRESH_MS,
      load: async () => {
        const [home, board, done, badges] = await Promise.all([
          api.get("/me/dashboard"), api.get(`/boards/people:all?window=season&around=me&limit=${NEAR}`), api.get("/me/actions?limit=10"), api.get("/me/badges")]);
        const team = home.me.team?.id;
        const [goals, risen] = team ? await Promise.all([api.get(`/teams/${team}/goals`), api.get(`/boards/people:${team}/improved?limit=3`)]) : [{ goals: [] }, { rows: [] }];
        return { home, rows: board.rows, actions: done.actions, badges, goals: goals.goals, risen: risen.rows };
      },
      show: (data) => this.#show(data),
    });
    this.#section = section;
    this.#api = api;
    this.#duelAddress = duelAddress;
    section.querySelector(".mine-all").replaceChildren();
  }

  #show({ home, rows, actions, badges, goals, risen }) {
    // What is being read or written is not taken away by what comes in.
    if (this.#section.querySelector(".withheld[open]")) return;
    const { standing } = home;
    write(this.#section.querySelector("h2"), text("me_title", { name: home.me.name ?? "" }));
    const parts = [figures(standing), next(standing), around(near(rows)), aims(goals), improved(risen), units(home), this.#duel(home.duel), honours(badges),
      history(actions, (id, words) => this.#api.send(`/actions/${encodeURIComponent(id)}/appeal`, { text: words }))];
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
  if (standing.streak.weeks > 0) {
    list.push(figure(format.points(standing.streak.weeks), text(standing.streak.grace > 0 ? "me_streak_grace" : "me_streak", { n: standing.streak.weeks, grace: format.points(standing.streak.grace) })));
  }
  list.push(figure(text("me_level", { level: format.points(standing.level.level) }), standing.level.next === null ? "" : text("me_level_next", { points: format.points(standing.level.next - standing.total) })));
  if (standing.best.week) list.push(figure(format.points(standing.best.week.points), text("me_best", { n: standing.best.week.points, days: format.days(standing.best.week.id) })));
  return element("ul", { class: "figures" }, ...list);
}

const meter = (share) => {
  const bar = element("b");
  bar.style.setProperty("--share", Math.min(1, share));
  return element("span", { class: "meter", "aria-hidden": "true" }, bar);
};

/** What the team has set out to do. */
function aims(goals) {
  if (goals.length === 0) return null;
  return part("me_goals", element("ul", { class: "units" }, ...goals.map((goal) => element("li", {},
    element("b", {}, text("me_action", { kind: words(goal.kind), quantity: format.points(goal.quantity) })), " ",
    goal.progress === null ? text("me_goal_few") : text(goal.reached ? "me_goal_reached" : "me_goal", { done: format.points(goal.progress), day: format.dayHour(new Date(goal.ends_at)) }),
    goal.progress === null ? "" : meter(goal.progress / goal.quantity)))));
}

/** Who of the team gained most on their own season before. */
export function improved(rows) {
  if (rows.length === 0) return null;
  return part("me_improved", element("ol", { class: "near" }, ...rows.map((row) => element("li", { class: row.me ? "mine" : "" },
    element("span", { class: "rank" }, format.gain(row.gain)),
    element("span", { class: "label" }, row.name), row.me ? spoken(` (${text("me_you")})`) : "",
    element("span", { class: "sum" }, format.points(row.sum))))));
}

/** Badges that are held, and the three that are nearest. */
function honours({ badges, ahead }) {
  const held = badges.filter((badge) => !badge.revoked_at);
  const nearest = [...ahead].sort((a, b) => b.have / b.at_least - a.have / a.at_least || a.at_least - b.at_least).slice(0, 3);
  if (held.length + nearest.length === 0) return null;
  return part("me_badges",
    element("ul", { class: "units badges" },
      ...held.map((badge) => element("li", {}, element("b", {}, `★ ${badge.name}`), ` ${badge.narrative}`)),
      ...badges.filter((badge) => badge.revoked_at).map((badge) => element("li", {}, element("s", {}, badge.name), ` ${text("me_badge_withdrawn", { reason: badge.reason ?? "" })}`)),
      ...nearest.map((badge) => element("li", { class: "ahead-of" }, element("b", {}, badge.name), ` ${badge.narrative} `, text("me_badge_ahead", { have: format.points(badge.have), of: format.points(badge.at_least) }), meter(badge.have / badge.at_least)))));
}

const words = (kind) => kind.replaceAll("_", " ");

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

/** What was done, with what waits for a look and why, and a way to answer:
 *  answer(id, words) sends it. */
export function history(actions, answer) {
  if (actions.length === 0) return part("me_done", element("p", { class: "empty" }, text("me_done_none")));
  return part("me_done", element("ul", { class: "done" }, ...actions.map((action) => element("li", { class: action.state ?? "" },
    element("time", { datetime: action.occurred_at }, format.dayHour(new Date(action.occurred_at))),
    element("span", { class: "label" }, text("me_action", { kind: words(action.kind), quantity: format.points(Math.abs(action.quantity)) }), saying(action)),
    element("span", { class: "sum" }, format.gain(action.points)),
    ...(action.state === "quarantined" ? [withheld(action, answer)] : [])))));
}

/** What a line says beside what was done. */
function saying({ state, says }) {
  const key = says === "void" ? "me_voided" : says === "hold" ? "me_held" : says === "clear" ? "me_cleared" : state === "quarantined" ? "me_waits" : state === "voided" ? "me_void" : "";
  return key ? ` · ${text(key)}` : "";
}

function withheld(action, answer) {
  const field = element("textarea", { id: `answer-${action.id}`, rows: 3, maxlength: 1000 });
  const message = element("p", { class: "message", role: "alert" });
  const form = element("form", { novalidate: true },
    element("label", { for: field.id }, text("me_answer")), field, element("button", { type: "submit", class: "quiet" }, text("me_answer_send")), message);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (field.value.trim() === "") return write(message, text("me_answer_missing"));
    message.classList.add("busy");
    write(message, text("busy"));
    try {
      await answer(action.id, field.value.trim());
      write(message, text("me_answer_sent"));
      field.readOnly = true;
      form.querySelector("button").hidden = true;
    } catch (problem) {
      message.classList.remove("busy");
      write(message, problem.detail || text("offline"));
    }
  });
  return element("details", { class: "withheld" }, element("summary", {}, text("me_why")),
    element("ul", {}, ...(action.reasons ?? []).map((reason) => element("li", {}, reason.text))), form);
}
