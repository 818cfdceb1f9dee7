// The HTTP side: one call, its answer or its problem document.

const TIMEOUT_MS = 12_000;

/** A refusal (status and code of the problem document) or, with status 0, a
 *  server that did not answer. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfterMs = 0) {
    super(body.code ?? `status ${status}`);
    this.status = status;
    this.code = body.code ?? "";
    this.detail = body.detail ?? "";
    this.retryAfterMs = retryAfterMs;
  }

  /** No right, in contrast to a server in trouble. */
  get unauthentic() { return this.status === 401; }
  get forbidden() { return this.status === 403; }
}

/** Calls of one campaign. `session` gives the token and renews it once when it
 *  is refused. */
export class Api {
  constructor(campaign, session = null) {
    this.base = `/v1/campaigns/${encodeURIComponent(campaign)}`;
    this.session = session;
  }

  get(path) { return this.#signed("GET", path); }
  delete(path) { return this.#signed("DELETE", path); }

  /** A call of who has signed in. */
  send(path, body) { return this.#signed("POST", path, body); }

  /** A call that needs no token: the sign-in. */
  post(path, body) { return this.#send("POST", path, { body }); }

  async #signed(method, path, body) {
    const token = await this.session.token();
    try {
      return await this.#send(method, path, { token, body });
    } catch (problem) {
      if (!problem.unauthentic) throw problem;
      const fresh = await this.session.renew(token);
      if (!fresh) throw problem;
      return this.#send(method, path, { token: fresh, body });
    }
  }

  async #send(method, path, { token, body }) {
    const headers = { Accept: "application/json" };
    if (token) headers.Authorization = `Bearer ${token}`;
    if (body) headers["Content-Type"] = "application/json";
    let answer, content;
    try {
      answer = await fetch(this.base + path, {
        method, headers, body: body && JSON.stringify(body),
        cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      content = answer.status === 204 ? {} : await answer.json();
    } catch {
      // A page of a proxy instead of an answer counts as no answer too.
      throw new Problem(answer && !answer.ok ? answer.status : 0);
    }
    if (answer.ok) return content;
    throw new Problem(answer.status, content, Number(answer.headers.get("Retry-After") ?? 0) * 1000);
  }
}
