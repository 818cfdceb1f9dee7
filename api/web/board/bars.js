// A board as ranked bars. It is a real table: name, points and fair index are
// its cells, the bars repeat them for the eye.
import { arrange, element, spoken, write } from "./element.js";
import { fairDigits, format } from "./format.js";
import { Tally, flash, glide } from "./motion.js";
import { fairest, highest, share } from "./ranking.js";
import { text } from "./strings.js";

/** Rows of a board on a page that scrolls. */
const FOLDED = 10;

export class Bars {
  #section;
  #body;
  #rows = new Map(); // id -> Row
  #board = null;
  #unfolded = false;
  #fits = null; // rows that fit, on a page that does not scroll
  #more;
  #mine = "";

  constructor(section, unit) {
    this.#section = section;
    this.#body = element("tbody", { role: "rowgroup" });
    const column = (name, words) => element("th", { role: "columnheader", scope: "col", class: name }, words);
    const head = element("tr", { role: "row" },
      column("rank", spoken(text("col_rank"))), column("name", text(unit === "teams" ? "col_team" : "col_region")),
      column("sum", text("col_points")), column("fair", text("col_fair")));
    this.#more = element("button", { type: "button", class: "quiet more", hidden: true, "aria-expanded": "false" });
    this.#more.addEventListener("click", () => { this.#unfolded = !this.#unfolded; this.#render(); });
    this.empty = element("p", { class: "empty" }, text("loading"));
    section.append(
      element("table", { role: "table", class: "bars", "aria-labelledby": section.getAttribute("aria-labelledby"), "aria-describedby": "fair-line" },
        element("thead", { role: "rowgroup" }, head), this.#body),
      this.empty, this.#more);
    new ResizeObserver(() => this.#measure()).observe(section);
  }

  /** Marks the reader's own team. */
  set mine(id) { this.#mine = id; }

  show(board) {
    this.#board = board;
    this.#measure();
    this.#render();
  }

  /** On a wall screen as many rows are shown as there is room for. */
  #measure() {
    const style = getComputedStyle(this.#section);
    const row = parseFloat(style.getPropertyValue("--row")) * parseFloat(getComputedStyle(document.documentElement).fontSize);
    let fits = null;
    if (style.getPropertyValue("--fit").trim() === "1") {
      fits = Math.max(3, Math.floor((this.#section.getBoundingClientRect().bottom - this.#body.getBoundingClientRect().top - row / 4) / row));
    }
    if (fits === this.#fits) return;
    this.#fits = fits;
    if (this.#board) this.#render();
  }

  #render() {
    const { rows, total } = this.#board;
    const limit = this.#fits ?? (this.#unfolded ? rows.length : FOLDED);
    const shown = rows.slice(0, limit);
    const scale = {
      sum: highest(rows, "sum"), fair: Math.max(highest(rows, "fair"), ...rows.map((row) => row.league?.high ?? 0)), fairest: fairest(rows),
      digits: fairDigits(rows.map((row) => row.fair ?? null)), mine: this.#mine,
    };
    // Rows are grids of their own: the width of the figures is what aligns them.
    const { style } = this.#body.parentElement;
    style.setProperty("--figures", format.points(scale.sum).length);
    style.setProperty("--fair-figures", format.fair(scale.fair, scale.digits).length);
    glide(() => [...this.#body.children], () => {
      arrange(this.#body, shown.map((row) => this.#row(row.id).element));
      for (const row of shown) this.#row(row.id).show(row, scale);
    });
    const kept = new Set(rows.map((row) => row.id));
    for (const id of this.#rows.keys()) if (!kept.has(id)) this.#rows.delete(id);
    this.empty.hidden = rows.length > 0;
    write(this.empty, text("no_rows"));
    this.#fold(rows.length, Math.max(total ?? 0, rows.length));
  }

  #row(id) {
    let row = this.#rows.get(id);
    if (!row) this.#rows.set(id, (row = new Row(id)));
    return row;
  }

  #fold(have, total) {
    const foldable = this.#fits === null && have > FOLDED;
    this.#more.hidden = !foldable;
    this.#more.setAttribute("aria-expanded", String(this.#unfolded));
    write(this.#more, this.#unfolded ? text("fewer_rows") : text("more_rows", { n: have - FOLDED }));
    const count = this.#section.querySelector(".count");
    const shown = Math.min(have, this.#fits ?? (this.#unfolded ? have : FOLDED));
    write(count, shown < total ? text("shown_of", { shown: format.points(shown), total: format.points(total) }) : "");
  }
}

/** One unit's place. */
class Row {
  #sum = null;

  constructor(id) {
    this.rank = element("td", { role: "cell", class: "rank" });
    this.label = element("span", { class: "label" });
    this.note = spoken("");
    this.bar = element("b");
    this.fairBar = element("b");
    this.sure = element("em");
    this.value = element("span");
    this.gain = element("span", { class: "gain", "aria-hidden": "true" });
    this.fair = element("span");
    this.fairNote = spoken("");
    this.tally = new Tally(this.value, format.points);
    this.element = element("tr", { role: "row", "data-id": id },
      this.rank,
      element("th", { role: "rowheader", scope: "row", class: "name" }, this.label, this.note,
        element("span", { class: "tracks", "aria-hidden": "true" }, element("i", { class: "track" }, this.bar), element("i", { class: "track thin" }, this.fairBar, this.sure))),
      element("td", { role: "cell", class: "sum" }, this.gain, this.value),
      element("td", { role: "cell", class: "fair" }, this.fair, this.fairNote));
  }

  show(row, scale) {
    const { classList } = this.element;
    classList.toggle("leads", row.rank === 1 && row.sum > 0);
    classList.toggle("fairest", scale.fairest.has(row.id));
    classList.toggle("uncompared", row.fair === null || row.fair === undefined);
    classList.toggle("mine", row.id === scale.mine);
    if (row.rank === null) this.rank.replaceChildren("–", spoken(text("no_rank")));
    else write(this.rank, format.points(row.rank));
    write(this.label, row.name);
    this.label.title = row.name;
    write(this.note, row.id === scale.mine ? ` (${text("yours")})` : "");
    this.tally.set(row.sum);
    this.#gained(row.sum);
    const compared = row.fair !== null && row.fair !== undefined;
    write(this.fair, compared ? format.fair(row.fair, scale.digits) : "–");
    write(this.fairNote, !compared ? text("fair_none") : scale.fairest.has(row.id) ? ` (${text("fair_best")})` : "");
    this.bar.style.setProperty("--share", share(row.sum, scale.sum));
    this.fairBar.style.setProperty("--share", share(row.fair, scale.fair));
    this.sure.hidden = !row.league;
    if (row.league) {
      this.sure.style.setProperty("--low", Math.min(1, row.league.low / scale.fair || 0));
      this.sure.style.setProperty("--high", Math.min(1, row.league.high / scale.fair || 0));
    }
  }

  #gained(sum) {
    const gain = this.#sum === null ? 0 : sum - this.#sum;
    this.#sum = sum;
    if (gain <= 0) return;
    this.gain.textContent = format.gain(gain);
    flash(this.gain);
  }
}
