// Who looks: a display token from the link, or a person who signed in. Kept in
// sessionStorage: it ends with the tab and no other tab reads it.
import { Problem } from "./api.js";

/** What a token says of itself. Only hints for the page: the server decides. */
export function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

/** Takes the token out of the address, so that nobody copies it with it. */
export function tokenFromAddress(location = window.location, history = window.history) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token !== null) history.replaceState(null, "", location.pathname + location.search);
  return token;
}

/** When to renew a token that holds for `seconds`: at 60 to 80 % of its life,
 *  so that two tabs of one session do not do it at the same moment. */
export function renewAfterMs(seconds, random = Math.random) {
  return Math.round(seconds * 1000 * (0.6 + 0.2 * random()));
}

/** The session of one tab. Emits "change" when somebody came or went. */
export class Session extends EventTarget {
  #key;
  #state; // {display} or {access, refresh, renewAt, person}; null: nobody
  #renewing = null;
  #timer = 0;
  #tabs = null;

  constructor(campaign) {
    super();
    this.#key = `muster.session.${campaign}`;
    this.#state = JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
    // A duplicated tab has a copy of the refresh token, which is good once: the
    // tab that renews tells the others.
    if ("BroadcastChannel" in window) {
      this.#tabs = new BroadcastChannel(this.#key);
      this.#tabs.onmessage = ({ data }) => {
        if (this.#state?.refresh && data.was === this.#state.refresh) this.#keep(data.now, false);
      };
    }
    this.#schedule();
  }

  /** attach gives the session the Api it renews itself with. */
  attach(api) { this.api = api; }

  get signedIn() { return this.#state !== null; }
  get person() { return this.#state?.person ?? null; }
  /** The root of the regions that the token names, "" for all. */
  get region() { return claims(this.#state?.display ?? "").region ?? ""; }

  /** Starts with a display token. */
  display(token) {
    this.#keep({ display: token });
    this.dispatchEvent(new Event("change"));
  }

  /** Starts with the answer of POST sessions. */
  signIn(answer) {
    this.#keep(stateOf(answer));
    this.dispatchEvent(new Event("change"));
  }

  /** Forgets; `told` ends the session on the server too. */
  async signOut(told = true) {
    const person = this.#state?.access && told;
    if (person) await this.api.delete("/sessions").catch(() => {}); // the tab forgets it either way
    this.#keep(null);
    this.dispatchEvent(new Event("change"));
  }

  /** A token that should hold now. */
  async token() {
    if (this.#state?.refresh && Date.now() >= this.#state.renewAt) await this.renew(this.#state.access);
    return this.#state?.display ?? this.#state?.access ?? "";
  }

  /** Renews after `refused` did not hold; null where there is nothing to renew
   *  it with. Calls meanwhile share one renewal. A server in trouble rejects
   *  and leaves the session as it is. */
  async renew(refused) {
    if (!this.#state?.refresh) return null;
    if (this.#state.access !== refused) return this.#state.access;
    this.#renewing ??= this.#renew().finally(() => { this.#renewing = null; });
    return this.#renewing;
  }

  async #renew() {
    const was = this.#state.refresh;
    try {
      const now = stateOf(await this.api.post("/sessions/refresh", { refresh_token: was }));
      this.#keep(now);
      this.#tabs?.postMessage({ was, now });
    } catch (problem) {
      if (!(problem instanceof Problem) || !problem.unauthentic) throw problem;
      if (this.#state?.refresh !== was) return this.#state?.access ?? null; // another tab was first
      return null;
    }
    return this.#state.access;
  }

  #keep(state) {
    this.#state = state;
    if (state) sessionStorage.setItem(this.#key, JSON.stringify(state));
    else sessionStorage.removeItem(this.#key);
    this.#schedule();
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!this.#state?.refresh) return;
    const wait = Math.max(1_000, this.#state.renewAt - Date.now());
    this.#timer = setTimeout(() => this.token().catch(() => {}).then(() => this.#schedule()), wait);
  }
}

function stateOf(answer) {
  return {
    access: answer.access_token, refresh: answer.refresh_token,
    renewAt: Date.now() + renewAfterMs(answer.expires_in), person: answer.person,
  };
}
