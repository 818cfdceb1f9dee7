// The live connection of docs/realtime.md: one WebSocket, subscriptions that
// resume, back-off, and a dead connection noticed. It knows the protocol and
// nothing of what feeds are about.
import { delay, spread } from "./backoff.js";

const VERSION = 1;
const STEADY_MS = 30_000; // a connection that stood so long starts the count of failures anew
const REPLY_MS = 10_000;
const RETRY_FEED_MS = 5_000;

/** What a close code asks for. */
export function afterClose(code, reason) {
  let hint = {};
  try { hint = JSON.parse(reason) ?? {}; } catch { /* no reason, or none of ours */ }
  if (code === 4500) return { then: "sign-in" };
  if (code === 4502) return { then: "reload" };
  if (code === 1002 || code === 1009 || (code >= 4500 && code <= 4999)) return { then: "stop" };
  if (code === 4003) return { then: "retry", fresh: true };
  if (code === 4001 && Number.isFinite(hint.reconnect_in_ms)) return { then: "retry", inMs: Math.max(0, hint.reconnect_in_ms) };
  return { then: "retry" };
}

/** One feed that is wanted, and where the client stands in it. */
class Subscription {
  constructor({ feed, window }) {
    this.feed = feed;
    this.window = window;
    this.position = null; // {epoch, offset}
    this.active = false;
  }

  get params() {
    return { feed: this.feed, ...(this.window && { window: this.window }), ...this.position };
  }
}

/**
 * Live keeps the feeds flowing until stop. `on` is told:
 *   state(name)          connecting, live, retrying, stopped
 *   snapshot(feed, board)   the whole state; delta(feed, delta) the next change
 *   event(feed, name, data) one event of a log
 *   load(feed)           load over HTTP: the log began, or events were missed
 *   refused(feed, code)  this feed will not come
 *   denied()             the token does not hold and cannot be renewed
 *   outdated()           the server speaks another version
 */
export class Live {
  #feeds;
  #on;
  #token;
  #url;
  #socket = null;
  #opened = 0;
  #failures = 0;
  #pingMs = 25_000;
  #next = 1;
  #waiting = new Map(); // id of a request -> {resolve, reject, timer}
  #timers = new Set();
  #retry = 0;
  #renewed = false; // a fresh token was tried since the last connection
  #stopped = true;

  /** `token(refused)` gives a token; with an argument, another than that one. */
  constructor({ url, token, feeds, on }) {
    this.#url = url;
    this.#token = token;
    this.#feeds = new Map(feeds.map((f) => [key(f.feed, f.window), new Subscription(f)]));
    this.#on = on;
  }

  start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#connect(false);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#drop(1000);
    this.#on.state("stopped");
  }

  /** The network or the reader came back: look at once. */
  nudge() {
    if (this.#stopped) return;
    if (this.#retry) {
      clearTimeout(this.#retry);
      this.#later(delay(0), false);
    } else if (this.#socket?.readyState === WebSocket.OPEN && this.#opened) {
      this.#request("ping").catch(() => {});
    }
  }

  async #connect(fresh) {
    this.#retry = 0;
    this.#on.state("connecting");
    let token;
    try {
      token = await this.#token(fresh);
    } catch {
      return this.#failed({ then: "retry" }); // the server is in trouble, not the session
    }
    if (this.#stopped) return;
    if (!token) return this.#end("denied");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#opened = 0;
    socket.onopen = () => this.#begin(socket, token);
    socket.onmessage = ({ data }) => { if (socket === this.#socket) this.#frame(data); };
    socket.onclose = ({ code, reason }) => { if (socket === this.#socket) this.#failed(afterClose(code, reason)); };
  }

  async #begin(socket, token) {
    try {
      const hello = await this.#request("connect", { token, version: VERSION });
      this.#pingMs = hello.ping_ms ?? this.#pingMs;
      this.#opened = performance.now();
      this.#renewed = false;
      this.#keepAlive(socket);
      await Promise.all([...this.#feeds.values()].map((s) => this.#subscribe(s)));
      if (socket === this.#socket) this.#on.state("live");
    } catch {
      // An error reply to connect is followed by a close whose code decides; a
      // lost reply is a lost connection.
      this.#after(2_000, () => { if (socket === this.#socket) this.#failed({ then: "retry" }); });
    }
  }

  async #subscribe(s) {
    const resuming = s.position !== null;
    let reply;
    try {
      reply = await this.#request("subscribe", s.params);
    } catch (error) {
      if (!error.code) throw error;
      if (error.code === "unavailable") this.#after(spread(RETRY_FEED_MS), () => this.#subscribe(s).catch(() => {}));
      else if (error.code === "bad_params" && resuming) { s.position = null; await this.#subscribe(s); }
      else this.#on.refused(s.feed, error.code);
      return;
    }
    s.active = true;
    if (reply.epoch !== undefined) s.position = { epoch: reply.epoch, offset: reply.offset };
    if (!reply.resumed && !s.feed.startsWith("board:")) this.#on.load(s.feed);
  }

  #frame(data) {
    let frame;
    try { frame = JSON.parse(data); } catch { return; }
    if (frame.feed === undefined) return this.#reply(frame);
    const s = this.#feeds.get(key(frame.feed, frame.window));
    if (s) this.#push(s, frame);
  }

  #push(s, frame) {
    const { type, data } = frame;
    if (type === "unsubscribed") {
      s.active = false;
      if (data.code === "unavailable") this.#after(spread(RETRY_FEED_MS), () => this.#subscribe(s).catch(() => {}));
      else { s.position = null; this.#on.refused(s.feed, data.code); }
      return;
    }
    const before = s.position;
    s.position = { epoch: frame.epoch, offset: frame.offset };
    switch (type) {
      case "snapshot": return this.#on.snapshot(s.feed, data);
      case "event": return this.#on.event(s.feed, frame.event, data);
      case "reload": return this.#on.load(s.feed);
      case "delta":
        // The protocol promises that a delta follows the version before it. If
        // one ever does not, a fresh snapshot is right and guessing is not.
        if (before && before.epoch === frame.epoch && frame.offset === before.offset + 1) return this.#on.delta(s.feed, data);
        return this.#again(s);
    }
  }

  async #again(s) {
    s.position = null;
    try {
      await this.#request("unsubscribe", { feed: s.feed, ...(s.window && { window: s.window }) });
      s.position = null; // deltas that were under way have set it
      await this.#subscribe(s);
    } catch { /* the connection is going; the next one subscribes afresh */ }
  }

  #request(method, params) {
    return new Promise((resolve, reject) => {
      if (this.#socket?.readyState !== WebSocket.OPEN) return reject(new Error("not open"));
      const id = this.#next++;
      const timer = this.#after(REPLY_MS, () => {
        this.#waiting.delete(id);
        reject(new Error("no reply"));
        this.#failed({ then: "retry" });
      });
      this.#waiting.set(id, { resolve, reject, timer });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  #reply({ id, result, error }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    this.#waiting.delete(id);
    this.#cancel(waiting.timer);
    if (error) waiting.reject(Object.assign(new Error(error.code), { code: error.code }));
    else waiting.resolve(result ?? {});
  }

  /** A browser does not show the server's pings: it sends its own, and a reply
   *  that does not come gives the connection up without waiting for a close that
   *  may never come. (The age of what was heard last would not do: a hidden tab's
   *  timers run once a minute.) */
  #keepAlive(socket) {
    this.#after(this.#pingMs, () => {
      if (socket !== this.#socket) return;
      this.#request("ping").catch(() => {});
      this.#keepAlive(socket);
    });
  }

  #failed(next) {
    const stood = this.#opened > 0 && performance.now() - this.#opened >= STEADY_MS;
    if (stood) this.#failures = 0;
    this.#drop();
    if (this.#stopped) return;
    if (next.then === "sign-in") return this.#secondChance();
    if (next.then === "reload") return this.#end("outdated");
    if (next.then === "stop") return this.#end();
    this.#later(next.inMs ?? delay(this.#failures++), next.fresh ?? false);
  }

  /** A token that is not good may be an old one: a renewed one is tried once. */
  #secondChance() {
    if (this.#renewed) return this.#end("denied");
    this.#renewed = true;
    this.#later(delay(this.#failures++), true);
  }

  #later(ms, fresh) {
    this.#on.state("retrying");
    this.#retry = setTimeout(() => this.#connect(fresh), ms);
  }

  #end(what) {
    this.#stopped = true;
    this.#on.state("stopped");
    if (what) this.#on[what]();
  }

  #drop(code) {
    const socket = this.#socket;
    this.#socket = null;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const { reject } of this.#waiting.values()) reject(new Error("connection lost"));
    this.#waiting.clear();
    for (const s of this.#feeds.values()) s.active = false;
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close(code);
  }

  #after(ms, act) {
    const timer = setTimeout(() => { this.#timers.delete(timer); act(); }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #cancel(timer) {
    clearTimeout(timer);
    this.#timers.delete(timer);
  }
}

function key(feed, window) {
  return `${feed}@${feed.startsWith("board:") ? (window || "season") : ""}`;
}
