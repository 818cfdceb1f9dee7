// Signing in: an e-mail address, then the code that was mailed to it.
import { Problem } from "./api.js";
import { write } from "./element.js";
import { format } from "./format.js";
import { text } from "./strings.js";

const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);

export class SignIn {
  #section;
  #api;
  #session;
  #forms;
  #email;
  #code;
  #request = "";

  constructor(section, { api, session }) {
    this.#section = section;
    this.#api = api;
    this.#session = session;
    const [email, code] = section.querySelectorAll("form");
    this.#forms = { email, code };
    this.#email = email.elements.email;
    this.#code = code.elements.code;
    this.#on(email, () => this.#sendCode());
    this.#on(code, () => this.#checkCode());
    section.querySelector(".back").addEventListener("click", () => this.#step("email"));
  }

  /** Shows the first step. `why` is the key of a sentence that says what
   *  happened, "" for a first visit. */
  show(why = "") {
    this.#section.hidden = false;
    this.#say(this.#forms.email, why ? text(why) : "");
    this.#step("email", false);
  }

  hide() { this.#section.hidden = true; }

  #on(form, act) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      if (button.getAttribute("aria-disabled") === "true") return;
      button.setAttribute("aria-disabled", "true"); // a disabled button would drop the focus
      this.#say(form, text("busy"), true);
      try {
        await act();
      } catch (problem) {
        this.#say(form, sentence(problem));
        form.querySelector("input").focus();
      } finally {
        button.removeAttribute("aria-disabled");
      }
    });
  }

  async #sendCode() {
    const email = this.#email.value.trim();
    if (!email) throw new Error(text("email_missing"));
    const { id } = await this.#api.post("/sessions/codes", { email });
    this.#request = id;
    this.#say(this.#forms.email, "");
    write(this.#section.querySelector(".sent"), text("code_sent", { email }));
    const inbox = this.#section.querySelector(".inbox");
    inbox.hidden = !loopback;
    inbox.querySelector("a").href = `/inbox?to=${encodeURIComponent(email)}`;
    this.#code.value = "";
    this.#step("code");
  }

  async #checkCode() {
    const code = this.#code.value.trim();
    if (!code) throw new Error(text("code_missing"));
    const answer = await this.#api.post("/sessions", { request: this.#request, code });
    this.#say(this.#forms.code, "");
    this.#session.signIn(answer);
  }

  #step(name, focus = true) {
    for (const [key, form] of Object.entries(this.#forms)) form.hidden = key !== name;
    if (focus) this.#forms[name].querySelector("input").focus();
  }

  #say(form, words, busy = false) {
    const line = form.querySelector(".message");
    write(line, words);
    line.classList.toggle("busy", busy);
    form.querySelector("input").setAttribute("aria-invalid", String(!busy && words !== ""));
  }
}

/** What to tell a person of a failure: the server's own sentence where it has
 *  one. */
function sentence(problem) {
  if (!(problem instanceof Problem)) return problem.message || text("failed");
  if (problem.status === 0) return text("offline");
  if (problem.status === 429 && problem.retryAfterMs > 0) return text("try_later", { left: format.span(problem.retryAfterMs) });
  return problem.detail || text("failed");
}
