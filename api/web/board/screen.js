// The board on the screen: takes what the source brings, says what changed, and
// paints a few times a second at most.
import { Bars } from "./bars.js";
import { Duels, withRows } from "./duel.js";
import { write } from "./element.js";
import { format, weeksOf } from "./format.js";
import { News, headline } from "./news.js";
import { LeadWatch } from "./ranking.js";
import { Source } from "./source.js";
import { Status, stateOf } from "./status.js";
import { text } from "./strings.js";
import { Tasks } from "./tasks.js";
import { Timers } from "./timers.js";

const PAINT_MS = 250;
const TASKS_MS = 1_500; // a list that is read, not watched
const RELOAD_APART_MS = 600_000;

const $ = (id) => document.getElementById(id);

export class Screen {
  #session;
  #announcer;
  #source;
  #status;
  #parts; // the parts of the page, by name
  #timers = new Timers();
  #since = Date.now();
  #wasLive = false;
  #dataAt = null;
  #paused = false;
  #boards = {};
  #duels = [];
  #tasks = { list: [], more: false };
  #season = null;
  #watches = {}; // who leads each board and duel
  #dirty = new Set(); // parts to paint
  #painted = -Infinity;
  #tasksPainted = false;

  /** denied(why) and unknown() say that there is nothing to show here. */
  constructor({ campaign, api, session, announcer, duelAddress, denied, unknown }) {
    this.#session = session;
    this.#announcer = announcer;
    this.#parts = parts(campaign, duelAddress);
    this.#status = new Status($("connection"), announcer);
    this.#source = new Source({ api, session, on: {
      board: (name, board) => this.#board(name, board),
      duels: (duels) => { this.#duels = duels; this.#touch("duels"); },
      season: (season) => { this.#season = season; this.#tellTime(); },
      tasks: (list, more) => { this.#tasks = { list, more }; this.#touchTasks(); },
      noTasks: () => this.#parts.tasks.hide(),
      state: () => this.#tellTime(),
      outdated: () => this.#reload(),
      denied, unknown,
    } });
  }

  start() {
    this.#parts.teams.mine = this.#session.person?.team?.id ?? "";
    this.#timers.every("clock", 1_000, () => this.#tellTime());
    return this.#source.start();
  }

  stop() {
    this.#source.stop();
    this.#timers.end();
  }

  /** While paused everything is still received; it is shown on resuming. */
  pause(paused) {
    this.#paused = paused;
    this.#tellTime();
    if (!paused) this.#paint();
  }

  #board(name, board) {
    this.#boards[name] = board;
    this.#dataAt = Date.now();
    const change = (this.#watches[name] ??= new LeadWatch()).see(board);
    if (change) this.#tell(name, headline(change));
    if (name === "regions") this.#watchDuels();
    this.#touch(name);
  }

  /** Says when a duel turns. */
  #watchDuels() {
    for (const duel of this.#currentDuels()) {
      const before = this.#watches[duel.id];
      this.#watches[duel.id] = duel.leader;
      if (before === undefined || before === duel.leader) continue;
      const [first, second] = duel.leader === "right" ? [duel.right, duel.left] : [duel.left, duel.right];
      this.#tell("duels", text(duel.leader === "tie" ? "news_duel_level" : "news_duel", { name: first.name, other: second.name }));
    }
  }

  #currentDuels() {
    return this.#duels.map((duel) => withRows(duel, this.#boards.regions?.rows ?? []));
  }

  #tell(about, words) {
    this.#parts.news.add(about, words);
    if (!this.#paused) this.#announcer.say(words);
  }

  #touch(part) {
    this.#dirty.add(part);
    if (part === "regions") this.#dirty.add("duels");
    if (this.#paused) return;
    this.#timers.soon("paint", Math.max(0, this.#painted + PAINT_MS - performance.now()), () => this.#paint());
  }

  #touchTasks() {
    this.#timers.soon("tasks", this.#tasksPainted ? TASKS_MS : 0, () => this.#touch("tasks"));
    this.#tasksPainted = true;
  }

  #paint() {
    if (this.#paused) return;
    this.#painted = performance.now();
    const dirty = this.#dirty;
    this.#dirty = new Set();
    for (const name of ["regions", "teams"]) if (dirty.has(name)) this.#parts[name].show(this.#boards[name]);
    if (dirty.has("duels")) this.#parts.duels.show(this.#currentDuels());
    if (dirty.has("tasks")) this.#parts.tasks.show(this.#tasks.list, this.#tasks.more);
    notice(Object.values(this.#boards).some(({ stale }) => stale) ? text("counting") : "");
  }

  #tellTime() {
    const now = Date.now();
    const { socket, polledAt } = this.#source;
    this.#wasLive ||= socket === "live";
    const state = stateOf({ socket, polledAt, dataAt: this.#dataAt, since: this.#since, wasLive: this.#wasLive, paused: this.#paused, now });
    this.#status.show(state, this.#dataAt);
    document.body.dataset.connection = state;
    write($("season"), this.#season ? seasonLine(this.#season, now) : "");
  }

  /** A page that is older than the server is loaded again: not all screens at
   *  once, and not over and over. */
  #reload() {
    const key = "muster.reloaded";
    if (Date.now() - Number(sessionStorage.getItem(key) ?? 0) < RELOAD_APART_MS) return;
    sessionStorage.setItem(key, String(Date.now()));
    notice(text("outdated"));
    this.#timers.once("reload", 2_000 + Math.random() * 20_000, () => location.reload());
  }
}

/** The parts of the page, emptied of what an earlier screen left. */
function parts(campaign, duelAddress) {
  const fresh = (id) => {
    const section = $(id);
    for (const child of [...section.children]) if (!child.matches("h2, .panel-head, .explain")) child.remove();
    return section;
  };
  return {
    duels: new Duels(fresh("duels"), duelAddress),
    regions: new Bars(fresh("regions"), "regions"),
    teams: new Bars(fresh("teams"), "teams"),
    news: new News(fresh("news"), campaign),
    tasks: new Tasks(fresh("tasks")),
  };
}

function notice(words) {
  $("notice").hidden = words === "";
  write($("notice"), words);
}

/** "Week 44 · Nov 18 – 24 · ends in 2 days 4 hr" */
function seasonLine({ id, starts_at, ends_at, closes_at }, now) {
  const line = text("season", { week: format.points(Number(id.split("-w")[1])), days: format.days(id, weeksOf(starts_at, ends_at)) });
  const left = new Date(ends_at).getTime() - now;
  return `${line} · ${left > 0 ? text("season_left", { left: format.span(left) }) : text("season_over", { closes: format.dayHour(new Date(closes_at)) })}`;
}
