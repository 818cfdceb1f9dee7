// Where the board's content comes from: HTTP for the first paint, for what no
// feed carries and as the fallback; the live connection for changes.
import { spread } from "./backoff.js";
import { Live } from "./live.js";
import { applyDelta, settle } from "./ranking.js";
import { withEvent, withLoaded } from "./tasks.js";
import { Timers } from "./timers.js";

const POLL_MS = 5_000; // while the live connection is away
const CALM_MS = 30_000; // for what no feed carries
const SOON_MS = 3_000; // after an event: the list behind it
const ROWS = 100; // as many as a feed's snapshot has

/**
 * Source runs from start to stop. `on` is told:
 *   board(name, board)    "regions" or "teams" as they are now
 *   duels(list), season(season), tasks(list, more), noTasks()
 *   state()               `socket` or `polledAt` changed
 *   denied(why)           the reader has no right, or none any more
 *   unknown()             there is no such campaign
 *   outdated()            the server speaks another version than this page
 */
export class Source {
  /** connecting, live, retrying or stopped */
  socket = "connecting";
  /** when the boards last came over HTTP; null: never */
  polledAt = null;

  #api;
  #session;
  #on;
  #root = null; // the region whose children compete
  #live = null;
  #fed = {}; // boards as the live connection knows them: deltas apply to these
  #tasks = []; // null: not for this reader
  #tasksMore = false;
  #stopped = false;
  #timers = new Timers();
  #abort = new AbortController();

  constructor({ api, session, on }) {
    this.#api = api;
    this.#session = session;
    this.#on = on;
  }

  start() {
    const { signal } = this.#abort;
    addEventListener("online", () => this.#nudge(), { signal });
    document.addEventListener("visibilitychange", () => { if (!document.hidden) this.#nudge(); }, { signal });
    return this.#begin();
  }

  stop() {
    this.#stopped = true;
    this.#abort.abort();
    this.#timers.end();
    this.#live?.stop();
  }

  async #begin() {
    let root;
    try {
      root = await this.#findRoot();
    } catch (problem) {
      if (!this.#final(problem)) this.#timers.once("begin", spread(POLL_MS), () => this.#begin());
      return;
    }
    if (this.#stopped) return;
    if (!root) return this.#timers.once("begin", spread(CALM_MS), () => this.#begin()); // no regions are imported yet
    this.#root = root;
    await this.#poll();
    if (!this.#stopped) this.#connect();
  }

  /** The campaign's root, or the region that a display's token is for. */
  async #findRoot() {
    if (this.#session.region) return (await this.#api.get(`/regions/${this.#session.region}`)).id;
    return (await this.#api.get("/regions")).regions[0]?.id ?? "";
  }

  get #ids() {
    return { regions: `regions:${this.#root}`, teams: this.#session.region ? `teams:${this.#root}` : "teams:all" };
  }

  /** The region whose tasks the reader follows: a lead's own, else the root. */
  get #taskRegion() {
    const roles = this.#session.person?.roles ?? [];
    if (roles.some(({ role }) => role === "staff" || role === "admin")) return this.#root;
    return roles.find(({ role, region }) => role === "lead" && region)?.region ?? this.#root;
  }

  // --- over HTTP

  /** Loads all there is. A part that fails leaves the others. */
  async #poll() {
    const parts = [this.#loadBoard("regions"), this.#loadBoard("teams"), this.#loadDuels(), this.#loadSeason(), this.#loadTasks()];
    for (const { reason } of await Promise.allSettled(parts)) {
      if (reason && this.#final(reason)) return;
    }
    if (this.#stopped) return;
    this.#timers.once("poll", spread(this.socket === "live" ? CALM_MS : POLL_MS), () => this.#poll());
  }

  async #loadBoard(name) {
    const fed = () => this.socket === "live" && this.#fed[name];
    if (fed()) return;
    const board = await this.#api.get(`/boards/${this.#ids[name]}?window=season&limit=${ROWS}`);
    if (this.#stopped) return;
    this.polledAt = Date.now();
    if (!fed()) this.#on.board(name, settle(board));
    this.#on.state();
  }

  async #loadDuels() {
    const { duels } = await this.#api.get(`/duels?region=${encodeURIComponent(this.#root)}`);
    if (!this.#stopped) this.#on.duels(duels);
  }

  async #loadSeason() {
    const { seasons } = await this.#api.get("/seasons");
    const running = seasons.find(({ state }) => state === "running");
    if (!this.#stopped && running) this.#on.season(running);
  }

  async #loadTasks() {
    if (this.#tasks === null) return;
    let answer;
    try {
      answer = await this.#api.get(`/tasks?region=${encodeURIComponent(this.#taskRegion)}&limit=${ROWS}`);
    } catch (problem) {
      // Only leads and staff see the tasks of a region; the boards are there
      // for everybody.
      if (!problem.forbidden) throw problem;
      this.#tasks = null;
      return this.#on.noTasks();
    }
    if (this.#stopped || this.#tasks === null) return;
    this.#tasks = withLoaded(this.#tasks, answer.tasks);
    this.#tasksMore = Boolean(answer.next_cursor);
    this.#on.tasks(this.#tasks, this.#tasksMore);
  }

  /** Whether the problem ends the board: no right, or no campaign. */
  #final(problem) {
    if (this.#stopped) return true;
    if (problem.unauthentic) this.#on.denied("sign_in_expired");
    else if (problem.forbidden) this.#on.denied("sign_in_forbidden");
    else if (problem.code === "campaign_unknown") this.#on.unknown();
    else return false;
    return true;
  }

  // --- over the live connection

  #connect() {
    const ids = this.#ids;
    const names = { [`board:${ids.regions}`]: "regions", [`board:${ids.teams}`]: "teams" };
    const tasks = `tasks:${this.#taskRegion}`;
    const url = new URL(`${this.#api.base}/live`, location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.#live = new Live({
      url: url.href,
      token: async (fresh) => {
        const token = await this.#session.token();
        return fresh ? (await this.#session.renew(token)) ?? token : token;
      },
      feeds: [...Object.keys(names), tasks, "duels"].map((feed) => ({ feed })),
      on: {
        state: (state) => this.#socketIs(state),
        snapshot: (feed, board) => this.#feeds(names[feed], settle(board)),
        delta: (feed, delta) => this.#feeds(names[feed], applyDelta(this.#fed[names[feed]], delta)),
        event: (feed, event, data) => (feed === tasks ? this.#taskEvent(event, data) : this.#soon(() => this.#loadDuels(), "duels")),
        load: (feed) => (feed === tasks ? this.#soon(() => this.#loadTasks(), "tasks", 0) : this.#soon(() => this.#loadDuels(), "duels", 0)),
        refused: () => {}, // that part stays as HTTP gives it
        denied: () => this.#on.denied("sign_in_expired"),
        outdated: () => this.#on.outdated(),
      },
    });
    this.#live.start();
  }

  #socketIs(state) {
    const lost = this.socket === "live" && state !== "live";
    this.socket = state;
    if (lost && !this.#stopped) this.#timers.once("poll", spread(SOON_MS), () => this.#poll());
    this.#on.state();
  }

  #feeds(name, board) {
    this.#fed[name] = board;
    this.#on.board(name, board);
  }

  #taskEvent(event, data) {
    if (this.#tasks === null) return;
    this.#tasks = withEvent(this.#tasks, event, data, Date.now());
    this.#on.tasks(this.#tasks, this.#tasksMore);
    this.#soon(() => this.#loadTasks(), "tasks");
  }

  /** At most one load of a kind in SOON_MS, however many events ask for it. */
  #soon(load, name, ms = spread(SOON_MS)) {
    this.#timers.soon(`load ${name}`, ms, () => load().catch((problem) => this.#final(problem)));
  }

  /** The network or the reader came back. */
  #nudge() {
    this.#live?.nudge();
    if (this.socket !== "live" && this.#root) this.#timers.once("poll", 0, () => this.#poll());
  }
}
