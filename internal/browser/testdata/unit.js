// Tests of the pure parts of the live board. They run in the browser that the
// page runs in; the Go side reports each as a test of its own.
import { BASE_MS, CAP_MS, delay, spread } from "/board/backoff.js";
import { cut, leaderOf, needs, withRows } from "/board/duel.js";
import { midnights, steps } from "/board/duelpage.js";
import { bands, span } from "/board/leagues.js";
import { history, improved, near } from "/board/me.js";
import { fairDigits, formats, weeksOf } from "/board/format.js";
import { Live, afterClose } from "/board/live.js";
import { counted } from "/board/motion.js";
import { KEPT, SETTLE_MS, withNews } from "/board/news.js";
import { LeadWatch, applyDelta, compareText, fairest, leaders, settle, share } from "/board/ranking.js";
import { claims, renewAfterMs, tokenFromAddress } from "/board/session.js";
import { STALE_MS, stateOf } from "/board/status.js";
import { changes, corners, dayPoints } from "/board/curve.js";
import { catalogues, choose, text, translator } from "/board/strings.js";
import { NEWS_MS, order, withEvent, withLoaded } from "/board/tasks.js";

const tests = [];
const test = (name, run) => tests.push({ name, run });
const sorted = (value) => (Array.isArray(value) ? value.map(sorted) : value && typeof value === "object"
  ? Object.fromEntries(Object.keys(value).sort().map((k) => [k, sorted(value[k])])) : value);
function equal(got, want, what = "") {
  const [g, w] = [got, want].map((v) => JSON.stringify(sorted(v)));
  if (g !== w) throw new Error(`${what} got ${g}, want ${w}`);
}
const row = (rank, id, sum, extra = {}) => ({ rank, id, name: id.toUpperCase(), sum, fair: null, ...extra });
const board = (...rows) => ({ board: "teams:all", window: "2024-w44", stale: false, total: rows.length, updated_at: "t0", rows });

// --- leagues, duels, a person's own page

test("a division is shown by tie bands, the leader's first", () => {
  const unit = (id, rank, band) => ({ id, rank, league: { band } });
  const rows = [unit("a", 1, 1), unit("b", 2, 2), unit("c", 3, 1), unit("d", 4, 3)];
  equal(bands(rows).map((members) => members.map(({ id }) => id)), [["a", "c"], ["b"], ["d"]]);
  equal(span({ fair: 5, league: { low: -1, high: 12 } }, 10), { low: 0, value: 0.5, high: 1 });
  equal(span({ fair: 0, league: { low: 0, high: 0 } }, 0), { low: 0, value: 0, high: 0 });
});

test("a duel's curve holds each score until the next, up to now", () => {
  const samples = [{ at: "2026-11-16T00:00:10Z", left: 1, right: 0 }, { at: "2026-11-16T00:00:20Z", left: 1, right: 2 }];
  const from = Date.parse("2026-11-16T00:00:00Z"), to = from + 40_000;
  const place = { from, to, until: from + 30_000, most: 2 };
  equal(steps(samples, "right", place), ["4.0,256.0", "182.0,256.0", "182.0,256.0", "360.0,256.0", "360.0,10.0", "538.0,10.0"]);
  equal(steps([], "left", place), ["4.0,256.0", "538.0,256.0"]);
  equal(steps([], "left", { ...place, until: to + 1e9, most: 0 }).at(-1), "716.0,256.0");
  const week = midnights(Date.parse("2026-11-16T00:00:00Z"), Date.parse("2026-11-23T00:00:00Z"));
  equal([week.length >= 6 && week.length <= 7, week.every((at) => new Date(at).getHours() === 0)], [true, true]);
});

test("around a reader are three above and three below, and nobody where the reader is not listed", () => {
  const rows = [..."abcdefghij"].map((id) => ({ id, me: id === "e" }));
  equal(near(rows).map(({ id }) => id).join(""), "bcdefgh");
  equal(near(rows.slice(4)).map(({ id }) => id).join(""), "efgh");
  equal(near(rows.slice(5)), []);
});

test("who improved is shown with the gain, and nobody makes no list", () => {
  equal(improved([]), null);
  const list = improved([{ name: "Ann <b>", gain: 50, sum: 60, me: true }, { name: "Ben", gain: 20, sum: 120 }]);
  equal([...list.querySelectorAll("li")].map((li) => [...li.children].map((e) => e.textContent)), [["+50", "Ann <b>", " (you)", "60"], ["+20", "Ben", "120"]]);
});

test("what waits for a look says why, takes an answer, and nothing else does", async () => {
  const sent = [];
  const one = { id: "a1", kind: "door_knock", quantity: 3, points: 60, occurred_at: "2026-11-18T10:00:00Z" };
  const list = history([{ ...one, state: "quarantined", reasons: [{ check: "speed", text: "Two places far apart. <b>x</b>" }] }, { ...one, id: "a2", state: "counted" }, { ...one, id: "a3/void", says: "void", points: -60 }],
    async (id, words) => { if (words === "no") throw { detail: "The server says no." }; sent.push([id, words]); });
  document.body.append(list);
  equal([...list.querySelectorAll(".label")].map((e) => e.textContent), ["3 × door knock · waits for a look; no points until then", "3 × door knock", "3 × door knock · taken back"]);
  equal([list.querySelectorAll("details").length, list.querySelector("details li").textContent], [1, "Two places far apart. <b>x</b>"]);
  const form = list.querySelector("form"), field = form.querySelector("textarea");
  const submit = async (words) => {
    field.value = words;
    form.requestSubmit();
    await new Promise((done) => setTimeout(done));
    return form.querySelector(".message").textContent;
  };
  equal([await submit("  "), await submit("no"), await submit(" I took the lift. "), sent], ["Write a sentence first.", "The server says no.", "Sent. It is looked at.", [["a1", "I took the lift."]]]);
  list.remove();
});

test("a season of some weeks is named from its first Monday to its last Sunday", () => {
  equal(formats("en").days("2026-w47"), "Nov 16 – 22");
  equal(formats("en").days("2026-w47", 2), "Nov 16 – 29");
  equal([weeksOf("2026-03-22T23:00:00Z", "2026-03-29T22:00:00Z"), weeksOf("2026-10-18T22:00:00Z", "2026-11-15T23:00:00Z")], [1, 4]);
});

// --- boards

test("a figure counts from where it stands to its new value and never beyond", () => {
  equal([-400, 0, 1e9].map(counted), [0, 0, 1]);
  for (let ms = 0, last = 0; ms <= 600; ms += 20) {
    const part = counted(ms);
    equal(part >= last && part <= 1, true, `${ms} ms: ${part} after ${last}`);
    last = part;
  }
});

test("a delta replaces, adds, removes and leaves the old board alone", () => {
  const before = settle(board(row(1, "a", 30), row(2, "b", 20), row(3, "c", 10)));
  const kept = JSON.stringify(before);
  const after = applyDelta(before, { rows: [row(1, "b", 40), row(2, "a", 30), row(3, "d", 15)], removed: ["c"], total: 9, stale: false, updated_at: "t1" });
  equal(after, { ...before, total: 9, updated_at: "t1", rows: [row(1, "b", 40), row(2, "a", 30), row(3, "d", 15)] });
  equal(JSON.parse(kept), before);
});

test("rows stand by rank with null last, then sum, name, id", () => {
  const rows = [row(null, "x", 99), row(2, "b", 5), row(1, "z", 9), row(2, "a", 5), row(null, "w", 100), row(2, "c", 6)];
  equal(settle(board(...rows)).rows.map((r) => r.id), ["z", "c", "a", "b", "w", "x"]);
});

test("names compare by UTF-8 bytes, which is by code point and not by UTF-16 unit", () => {
  const names = ["\u{1F600}", "\uFF5E", "Zoagli", "Àlbaro", "Alassio", "A"];
  equal([...names].sort(compareText), ["A", "Alassio", "Zoagli", "Àlbaro", "\uFF5E", "\u{1F600}"]);
});

test("random deltas lead to the board that the server has", () => {
  let seed = 7;
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const ranked = (sums) => {
    const rows = Object.entries(sums).map(([id, sum]) => row(0, id, sum)).sort((a, b) => b.sum - a.sum || compareText(a.name, b.name));
    rows.forEach((r, i) => { r.rank = i > 0 && rows[i - 1].sum === r.sum ? rows[i - 1].rank : i + 1; });
    return board(...rows);
  };
  const sums = { a: 1, b: 2, c: 3 };
  let server = ranked(sums), client = settle(server);
  for (let i = 0; i < 300; i++) {
    const id = "abcdefghij"[random(10)];
    if (random(5) === 0) delete sums[id]; else sums[id] = random(6);
    const next = ranked(sums);
    const rows = next.rows.filter((r) => JSON.stringify(server.rows.find((o) => o.id === r.id)) !== JSON.stringify(r));
    const removed = server.rows.filter((o) => !next.rows.some((r) => r.id === o.id)).map((o) => o.id);
    client = applyDelta(client, { rows, removed, total: next.total, stale: false, updated_at: "t" });
    equal(client.rows, next.rows, `after ${i + 1} deltas`);
    server = next;
  }
});

test("bars have a length between 0 and 1, and what is not nothing is seen", () => {
  equal([share(0, 10), share(-1, 10), share(null, 10), share(5, 0), share(5, 10), share(10, 10), share(1, 1e9)], [0, 0, 0, 0, 0.5, 1, 0.005]);
});

test("who leads a league is marked, where there is anybody to tell apart", () => {
  const unit = (id, number, rank, of) => row(1, id, 1, { fair: 1, league: { number, division: 1, rank, of } });
  equal([...fairest([unit("a", 1, 1, 2), unit("b", 1, 2, 2), unit("c", 2, 1, 2), unit("d", 2, 2, 2), row(5, "e", 1)])].sort(), ["a", "c"]);
  equal([...fairest([unit("a", 1, 1, 2), unit("b", 1, 1, 2)])], []);
  equal([...fairest([unit("a", 1, 1, 1), row(2, "b", 1)])], []);
});

test("a change of the lead is told once, with who was passed", () => {
  const watch = new LeadWatch();
  const see = (...rows) => watch.see(board(...rows));
  equal(see(row(1, "a", 10), row(2, "b", 9)), null, "the first board");
  equal(see(row(1, "a", 11), row(2, "b", 9)), null, "no change");
  equal(see(row(1, "b", 12), row(2, "a", 11)), { kind: "lead", name: "B", before: ["A"] });
  equal(see(row(1, "b", 12), row(2, "a", 11)), null, "the same again");
  equal(see(row(1, "a", 12), row(1, "b", 12)), { kind: "level", names: ["A", "B"] });
  equal(see(row(1, "a", 13), row(2, "b", 12)), { kind: "lead", name: "A", before: ["B"] });
});

test("falling out of a shared lead, an empty board and a stale one are no news", () => {
  const watch = new LeadWatch();
  equal(watch.see(board(row(1, "a", 0), row(1, "b", 0))), null);
  equal(watch.see(board(row(1, "a", 5), row(2, "b", 0))), { kind: "lead", name: "A", before: [] });
  equal(watch.see({ ...board(row(null, "b", 50), row(null, "a", 5)), stale: true }), null);
  equal(watch.see(board(row(1, "a", 5), row(1, "b", 5), row(1, "c", 5))), { kind: "level", names: ["A", "B", "C"] });
  equal(watch.see(board(row(1, "a", 5), row(1, "b", 5))), null);
  equal(leaders({ ...board(row(1, "a", 5)), stale: true }), []);
});

test("a new week is news and begins without a leader", () => {
  const watch = new LeadWatch();
  watch.see(board(row(1, "a", 5)));
  equal(watch.see({ ...board(), window: "2024-w45" }), { kind: "season" });
  equal(watch.see({ ...board(row(1, "b", 1)), window: "2024-w45" }), { kind: "lead", name: "B", before: [] });
});

test("the ticker keeps the last of a flutter, and a bounded number", () => {
  const first = withNews([], { at: 1000, board: "teams", words: "A" });
  equal(withNews(first, { at: 1000 + SETTLE_MS - 1, board: "teams", words: "B" }).map((i) => i.words), ["B"]);
  equal(withNews(first, { at: 1000 + SETTLE_MS, board: "teams", words: "B" }).map((i) => i.words), ["B", "A"]);
  equal(withNews(first, { at: 1001, board: "regions", words: "B" }).map((i) => i.words), ["B", "A"]);
  let items = [];
  for (let i = 0; i < KEPT + 5; i++) items = withNews(items, { at: i * SETTLE_MS, board: "teams", words: String(i) });
  equal([items.length, items[0].words], [KEPT, String(KEPT + 4)]);
});

// --- rules

test("a day is worth what the server says", () => {
  const kind = { points: 1, tiers: [{ up_to: 60, percent: 100 }, { up_to: 180, percent: 50 }, { up_to: 360, percent: 25 }] };
  equal([0, 60, 61, 62, 180, 360, 361].map((quantity) => dayPoints(kind, quantity)), [0, 60, 60, 61, 120, 165, 165]);
  equal(corners(kind), [[0, 0], [60, 60], [180, 120], [360, 165], [432, 165]]);
});

test("what another table changes is told by kind", () => {
  const kind = (name, points, up_to = 80) => ({ name, unit: `${name} unit`, points, max_quantity: 9, weight: 1, tiers: [{ up_to, percent: 100 }] });
  equal(changes([kind("a", 1), kind("b", 2), kind("c", 3), kind("d", 4)], [kind("a", 1), kind("b", 5), kind("c", 3, 40), kind("e", 6)]), [
    { unit: "b unit", was: 2, is: 5 }, { unit: "c unit", was: 3, is: 3 }, { unit: "d unit", was: 4, is: null }, { unit: "e unit", was: null, is: 6 },
  ]);
});

// --- duels

test("a duel is led by points a member, or by points where one is too small to compare", () => {
  const side = (sum, members) => ({ id: "x", name: "X", sum, league: members ? { members } : null });
  equal(leaderOf(side(20, 10), side(90, 30)), "right");
  equal(leaderOf(side(10, 0), side(9, 3)), "left");
  equal(leaderOf(side(20, 10), side(90, 45)), "tie");
  equal([cut(side(0, 0), side(0, 0)), cut(side(30, 10), side(9, 9)), cut(side(1, 0), side(3, 1))], [0.5, 0.75, 0.25]);
  // What the side behind needs takes the lead, and a point less does not.
  for (const [left, right] of [[side(300, 30), side(300, 20)], [side(100, 30), side(9, 7)], [side(5, 0), side(9, 7)], [side(0, 0), side(0, 0)]]) {
    const n = needs(left, right), behind = leaderOf(left, right) === "left" ? right : left, other = behind === left ? right : left;
    const then = (more) => leaderOf({ ...behind, sum: behind.sum + more }, other);
    equal([then(n), then(n - 1) === "left"], ["left", false], `${JSON.stringify([left, right])} with ${n}`);
  }
});

test("a duel takes its sides from the board", () => {
  const duel = { id: "d", left: { id: "a", name: "A", sum: 1, fair: 1 }, right: { id: "b", name: "B", sum: 2, fair: 2 }, leader: "right" };
  const now = withRows(duel, [row(1, "a", 50, { fair: 5 })]);
  equal([now.left.sum, now.left.fair, now.left.name, now.right.sum, now.leader], [50, 5, "A", 2, "left"]);
});

// --- tasks

const list = [{ id: "t1", title: "One", free: 2, capacity: 3, ends_at: "2", last: null }, { id: "t2", title: "Two", free: 0, capacity: 1, ends_at: "1", last: null }];

test("events move a task's places, within bounds, and close it", () => {
  equal(withEvent(list, "task_taken", { task: "t1" }, 9).find((t) => t.id === "t1").free, 1);
  equal(withEvent(list, "task_taken", { task: "t2" }, 9).find((t) => t.id === "t2").free, 0);
  equal(withEvent(list, "task_given_back", { task: "t2" }, 9).find((t) => t.id === "t2"), { ...list[1], free: 1, last: { name: "task_given_back", at: 9 } });
  equal(withEvent(list, "task_closed", { task: "t2" }, 9).map((t) => t.id), ["t1"]);
  equal(withEvent(list, "task_taken", { task: "unknown" }, 9), list);
});

test("an opened task is there at once, its places once the list is loaded", () => {
  const opened = withEvent(list, "task_opened", { task: "t3", kind: "door", title: "Three", region: "it", ends_at: "3" }, 9);
  equal(opened.map((t) => [t.id, t.free]), [["t3", null], ["t1", 2], ["t2", 0]]);
  equal(withEvent(opened, "task_taken", { task: "t3" }, 10)[0].free, null);
  const loaded = withLoaded(opened, [{ id: "t3", title: "Three", free: 4, capacity: 4 }]);
  equal(loaded, [{ id: "t3", title: "Three", free: 4, capacity: 4, last: { name: "task_opened", at: 9 } }]);
});

test("what just happened stands first, then what has places and ends soonest", () => {
  const tasks = [...list, { id: "t4", free: 1, ends_at: "0", last: { name: "task_taken", at: 1000 } }, { id: "t5", free: 1, ends_at: "9", last: { name: "task_taken", at: 2000 } }];
  equal(order(tasks, 2500).map((t) => t.id), ["t5", "t4", "t1", "t2"]);
  equal(order(tasks, 2500 + NEWS_MS).map((t) => t.id), ["t4", "t1", "t5", "t2"]);
});

// --- back-off and the live connection

test("back-off is full jitter under a doubling bound", () => {
  const most = (n) => delay(n, () => 1);
  equal([most(0), most(1), most(3), most(6), most(60)], [BASE_MS, 2000, 8000, CAP_MS, CAP_MS]);
  equal([delay(5, () => 0), delay(2, () => 0.5)], [0, 2000]);
  equal([spread(5000, () => 0), spread(5000, () => 0.5), spread(5000, () => 1)], [4000, 5000, 6000]);
});

test("close codes decide whether to come back", () => {
  equal(afterClose(1006, ""), { then: "retry" });
  equal(afterClose(4001, '{"code":"draining","reconnect_in_ms":1200}'), { then: "retry", inMs: 1200 });
  equal(afterClose(4001, "nonsense"), { then: "retry" });
  equal(afterClose(4003, "{}"), { then: "retry", fresh: true });
  equal(afterClose(4008, "{}"), { then: "retry" });
  equal([4500, 4501, 4502, 4503, 1002, 1009].map((code) => afterClose(code, "").then), ["sign-in", "stop", "reload", "stop", "stop", "stop"]);
});

/** A WebSocket that the test plays the server of. */
class FakeSocket {
  static all = [];
  static OPEN = 1;
  OPEN = 1;
  readyState = 0;
  sent = [];
  constructor(url) { this.url = url; FakeSocket.all.push(this); }
  send(frame) { this.sent.push(JSON.parse(frame)); }
  close(code) { this.closed = code ?? "closed"; this.readyState = 3; }
  open() { this.readyState = 1; this.onopen(); }
  get(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
  answer(result) { this.get({ id: this.sent.at(-1).id, result }); }
}

const turns = async () => { for (let i = 0; i < 20; i++) await Promise.resolve(); };

/** Runs a Live against FakeSocket with timers that the test fires. */
async function withLive(act) {
  const real = { WebSocket: globalThis.WebSocket, setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout, random: Math.random };
  const timers = new Map();
  let id = 0;
  FakeSocket.all = [];
  globalThis.WebSocket = FakeSocket;
  globalThis.setTimeout = (run, ms) => { timers.set(++id, { run, ms }); return id; };
  globalThis.clearTimeout = (n) => timers.delete(n);
  Math.random = () => 0.5;
  const told = [];
  const on = Object.fromEntries(["state", "snapshot", "delta", "event", "load", "refused", "denied", "outdated"].map((name) => [name, (...args) => told.push([name, ...args])]));
  const tokens = [];
  const live = new Live({ url: "ws://x/live", token: async (fresh) => { tokens.push(fresh); return fresh ? "fresh" : "token"; }, feeds: [{ feed: "board:teams:all" }, { feed: "tasks:it" }], on });
  const fire = async (ms) => {
    const [n, timer] = [...timers].find(([, t]) => t.ms === ms) ?? [];
    if (!timer) throw new Error(`no timer of ${ms} ms, only ${[...timers.values()].map((t) => t.ms)}`);
    timers.delete(n);
    timer.run();
    await turns();
  };
  /** Connects and answers the subscriptions in order. */
  const connect = async (...replies) => {
    const socket = FakeSocket.all.at(-1);
    socket.open();
    socket.answer({ ping_ms: 25000, idle_ms: 60000 });
    await turns();
    for (const [i, reply] of replies.entries()) socket.get({ id: socket.sent[1 + i].id, result: reply });
    await turns();
    return socket;
  };
  try {
    live.start();
    await turns();
    await act({ live, told, timers, fire, connect, tokens, last: () => FakeSocket.all.at(-1) });
  } finally {
    Object.assign(globalThis, { WebSocket: real.WebSocket, setTimeout: real.setTimeout, clearTimeout: real.clearTimeout });
    Math.random = real.random;
  }
}
const fresh = [{ epoch: "e1", offset: 3, resumed: false }, { epoch: "f1", offset: 8, resumed: false }];

test("live: connects, subscribes, hands on what is pushed", () => withLive(async ({ told, connect }) => {
  const socket = await connect(...fresh);
  equal(socket.sent.map(({ method, params }) => [method, params]), [
    ["connect", { token: "token", version: 1 }], ["subscribe", { feed: "board:teams:all" }], ["subscribe", { feed: "tasks:it" }]]);
  socket.get({ feed: "board:teams:all", window: "season", epoch: "e1", offset: 3, type: "snapshot", data: { rows: [] } });
  socket.get({ feed: "board:teams:all", window: "season", epoch: "e1", offset: 4, type: "delta", data: { rows: [1] } });
  socket.get({ feed: "tasks:it", epoch: "f1", offset: 9, type: "event", event: "task_taken", data: { task: "t" } });
  socket.get({ feed: "tasks:it", epoch: "f2", offset: 1, type: "reload", data: { reason: "new_epoch" } });
  equal(told, [["state", "connecting"], ["load", "tasks:it"], ["state", "live"], ["snapshot", "board:teams:all", { rows: [] }],
    ["delta", "board:teams:all", { rows: [1] }], ["event", "tasks:it", "task_taken", { task: "t" }], ["load", "tasks:it"]]);
}));

test("live: resumes from the last position, within a second of the loss", () => withLive(async ({ told, connect, fire, last }) => {
  let socket = await connect(...fresh);
  socket.get({ feed: "board:teams:all", window: "season", epoch: "e1", offset: 4, type: "delta", data: {} });
  socket.get({ feed: "tasks:it", epoch: "f1", offset: 9, type: "event", event: "task_taken", data: {} });
  socket.onclose({ code: 1006, reason: "" });
  equal(told.at(-1), ["state", "retrying"]);
  await fire(500);
  if (last() === socket) throw new Error("no second connection");
  socket = await connect({ epoch: "e1", offset: 4, resumed: true }, { epoch: "f1", offset: 9, resumed: true });
  equal(socket.sent.slice(1).map(({ params }) => params), [{ feed: "board:teams:all", epoch: "e1", offset: 4 }, { feed: "tasks:it", epoch: "f1", offset: 9 }]);
  equal(told.filter(([name]) => name === "load").length, 1, "a resumed log is not loaded again;");
  equal(told.at(-1), ["state", "live"]);
}));

test("live: a delta that does not follow asks for a snapshot", () => withLive(async ({ told, connect }) => {
  const socket = await connect(...fresh);
  socket.get({ feed: "board:teams:all", window: "season", epoch: "e1", offset: 5, type: "delta", data: {} });
  await turns();
  equal(told.some(([name]) => name === "delta"), false);
  equal(socket.sent.at(-1).method, "unsubscribe");
  socket.answer({});
  await turns();
  equal([socket.sent.at(-1).method, socket.sent.at(-1).params], ["subscribe", { feed: "board:teams:all" }]);
}));

test("live: failures double the wait; draining says its own", () => withLive(async ({ fire, last }) => {
  for (const ms of [500, 1000, 2000, 4000]) {
    last().onclose({ code: 1006, reason: "" });
    await fire(ms);
  }
  last().onclose({ code: 4001, reason: '{"code":"draining","reconnect_in_ms":17}' });
  await fire(17);
}));

test("live: an expired token is renewed, a bad one tried once more", () => withLive(async ({ fire, last, tokens, told }) => {
  last().onclose({ code: 4003, reason: "{}" });
  await fire(500);
  equal(tokens, [false, true]);
  last().onclose({ code: 4500, reason: "{}" });
  await fire(1000);
  equal(tokens, [false, true, true]);
  last().onclose({ code: 4500, reason: "{}" });
  equal(told.slice(-2), [["state", "stopped"], ["denied"]]);
}));

test("live: silence is a dead connection, and a ping keeps it alive", () => withLive(async ({ connect, fire, told }) => {
  const socket = await connect(...fresh);
  await fire(25000);
  equal(socket.sent.at(-1).method, "ping");
  await fire(10000); // the reply that never came
  equal([socket.readyState, told.at(-1)], [3, ["state", "retrying"]]);
}));

test("live: a refused feed is said, one that is down is asked for again", () => withLive(async ({ told, fire, last }) => {
  const socket = last();
  socket.open();
  socket.answer({});
  await turns();
  socket.get({ id: socket.sent[1].id, error: { code: "unavailable", message: "" } });
  socket.get({ id: socket.sent[2].id, error: { code: "forbidden", message: "" } });
  await turns();
  equal(told.slice(-2), [["refused", "tasks:it", "forbidden"], ["state", "live"]]);
  await fire(5000);
  equal([socket.sent.at(-1).method, socket.sent.at(-1).params.feed], ["subscribe", "board:teams:all"]);
}));

test("live: stopping ends the socket and every timer", () => withLive(async ({ live, connect, timers, told }) => {
  const socket = await connect(...fresh);
  live.stop();
  equal([socket.closed, timers.size, told.at(-1)], [1000, 0, ["state", "stopped"]]);
}));

// --- the state that is shown

test("the state says live, refreshed, reconnecting or out of date", () => {
  const now = 1_000_000;
  const state = (o) => stateOf({ socket: "retrying", dataAt: now - 1000, polledAt: null, since: now - 60_000, wasLive: true, paused: false, now, ...o });
  equal(state({ socket: "live", dataAt: now - 600_000 }), "live", "a quiet board");
  equal(state({ polledAt: now - 1000 }), "polling");
  equal(state({ polledAt: now - 1000, socket: "stopped" }), "feed_off");
  equal(state({}), "reconnecting");
  equal(state({ dataAt: now - STALE_MS }), "stale");
  equal(state({ dataAt: null, since: now - 1000, wasLive: false }), "connecting");
  equal(state({ polledAt: now - 500, since: now - 1000, wasLive: false, socket: "connecting" }), "connecting", "not yet live is not lost");
  equal(state({ polledAt: now - 500, wasLive: false, socket: "connecting" }), "polling");
  equal(state({ dataAt: null, wasLive: false }), "stale");
  equal(state({ paused: true, socket: "live" }), "paused");
});

// --- session

test("claims are read from a token, and nothing from nonsense", () => {
  const payload = btoa(JSON.stringify({ region: "it.liguria", role: "display" })).replace(/=+$/, "");
  equal(claims(`e30.${payload}.x`).region, "it.liguria");
  equal([claims(""), claims("a.b.c"), claims("e30.bnVsbA.x")], [{}, {}, {}]);
});

test("the token leaves the address, the rest stays", () => {
  const replaced = [];
  const history = { replaceState: (...args) => replaced.push(args.at(-1)) };
  equal(tokenFromAddress({ hash: "#token=a.b-c_d", pathname: "/board", search: "?campaign=x" }, history), "a.b-c_d");
  equal(replaced, ["/board?campaign=x"]);
  equal(tokenFromAddress({ hash: "", pathname: "/board", search: "" }, history), null);
  equal(replaced.length, 1);
});

test("a token is renewed well before it ends", () => {
  equal([renewAfterMs(900, () => 0), renewAfterMs(900, () => 1)], [540_000, 720_000]);
});

// --- words and figures

test("figures are written as the reader writes them", () => {
  equal([formats("en").points(1234567), formats("it").points(1234567), formats("pl").points(1234567).replace(/\s/g, "_")], ["1,234,567", "1.234.567", "1_234_567"]);
  equal([formats("en").fair(5, 2), formats("it").fair(12.345, 1)], ["5.00", "12,3"]);
  equal(formats("en").gain(12), "+12");
});

test("a span is told in its two largest units", () => {
  const { span } = formats("en");
  equal([span(0), span(900), span(61_000), span(3_600_000), span(93_600_000 + 5_000)], ["0 sec", "1 sec", "1 min 1 sec", "1 hr", "1 day 2 hr"]);
  equal(span(-5), "0 sec");
});

test("the days of a week are a range in the reader's language, in no zone", () => {
  const days = (season) => formats("en", "Pacific/Auckland").days(season).replace(/\s/g, " ");
  equal([days("2024-w44"), days("2026-w53"), days("2026-w01"), days("2026-w48")], ["Oct 28 – Nov 3", "Dec 28, 2026 – Jan 3, 2027", "Dec 29, 2025 – Jan 4, 2026", "Nov 23 – 29"]);
});

test("a column of indices has one number of decimals", () => {
  equal([fairDigits([]), fairDigits([null, 3.2]), fairDigits([12, 1]), fairDigits([4321])], [2, 2, 1, 0]);
});

test("a text takes its values, its plural and complains of what is missing", () => {
  const t = translator("pl", { pl: { tasks: { one: "{n} zadanie", few: "{n} zadania", many: "{n} zadań", other: "{n} zadania" }, hello: "Cześć {name}" } });
  equal([1, 3, 5, 22].map((n) => t("tasks", { n })), ["1 zadanie", "3 zadania", "5 zadań", "22 zadania"]);
  equal(t("hello", { name: "{name}" }), "Cześć {name}");
  for (const wrong of [() => t("nothing"), () => t("hello")]) {
    let failed = false;
    try { wrong(); } catch { failed = true; }
    equal(failed, true);
  }
});

test("the language is the first wanted one that has words", () => {
  equal(choose(["fr-FR", "en-GB", "en"], { en: {} }), "en-GB");
  equal(choose(["it"], { en: {}, it: {} }), "it");
  equal(choose(["", "xx", "constructor"], { en: {} }), "en");
});

test("every catalogue has the keys of the English one, with the same values", () => {
  const names = (entry) => [...new Set(JSON.stringify(entry).match(/\{\w+\}/g) ?? [])].sort();
  for (const [tag, words] of Object.entries(catalogues)) {
    equal(Object.keys(words).sort(), Object.keys(catalogues.en).sort(), tag);
    for (const key of Object.keys(words)) equal(names(words[key]), names(catalogues.en[key]), `${tag} ${key}`);
  }
});

test("every text is used, and every used text exists", async () => {
  const files = new URLSearchParams(location.search).get("files").split(",");
  const sources = await Promise.all([...files.filter((f) => f.endsWith(".js") && f !== "strings.js").map((f) => `/board/${f}`), "/board?campaign=x"].map(async (f) => (await fetch(f)).text()));
  const all = sources.join("\n");
  for (const key of Object.keys(catalogues.en)) {
    const dynamic = /^(state_|news_of_|theme_to_|page_)/.test(key);
    if (!dynamic && !all.includes(`"${key}"`)) throw new Error(`text ${key} is not used`);
  }
  for (const [, key] of all.matchAll(/(?:text\(|data-(?:text|label|title)=)"(\w+)"/g)) {
    if (!(key in catalogues.en)) throw new Error(`no text for ${key}`);
  }
  for (const state of ["connecting", "live", "polling", "feed_off", "reconnecting", "stale", "paused"]) text(`state_${state}`, { time: "" });
});

const results = [];
for (const { name, run } of tests) {
  try {
    await run();
    results.push({ name, error: "" });
  } catch (error) {
    results.push({ name, error: `${error.message}\n${error.stack}` });
  }
}
globalThis.results = results;
