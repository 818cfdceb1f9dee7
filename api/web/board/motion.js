// Movement that costs no layout: rows glide by transform, figures count up.
// Whoever asked their system for less motion gets the end state at once.

const reduced = matchMedia("(prefers-reduced-motion: reduce)");
const GLIDE_MS = 650;
const COUNT_MS = 500;

/** Whether to animate now. A hidden tab is not animated: it would catch up in
 *  one long burst. */
export const animated = () => !reduced.matches && !document.hidden;

/** Runs `change`, which reorders the rows, and lets each glide from where it
 *  was seen to where it is. All places are read before anything is written. */
export function glide(rows, change) {
  if (!animated()) return change();
  const before = new Map(rows().map((row) => [row, row.getBoundingClientRect().top]));
  change();
  const moves = rows().map((row) => ({ row, from: before.get(row), to: top(row) }));
  for (const { row, from, to } of moves) {
    if (from === undefined) {
      if (before.size === 0) continue; // the first paint is simply there
      row.animate([{ opacity: 0 }, { opacity: 1 }], { duration: GLIDE_MS, easing: "ease-out" });
      continue;
    }
    const offset = from - to;
    if (Math.abs(offset) < 1) continue;
    stop(row);
    row.classList.toggle("rising", offset > 0);
    const move = row.animate([{ transform: `translateY(${offset}px)` }, { transform: "none" }], {
      duration: GLIDE_MS, easing: "cubic-bezier(.2,.7,.2,1)", id: "glide",
    });
    move.onfinish = () => row.classList.remove("rising");
  }
}

/** Where the row will stand when it has stopped. */
function top(row) {
  const moving = row.getAnimations().find((a) => a.id === "glide");
  if (!moving) return row.getBoundingClientRect().top;
  const now = new DOMMatrixReadOnly(getComputedStyle(row).transform).m42;
  return row.getBoundingClientRect().top - now;
}

function stop(row) {
  for (const a of row.getAnimations()) if (a.id === "glide") a.cancel();
}

/** How much of the way a figure has counted after so many milliseconds, 0 to 1.
 *  A frame's time may lie before the clock's that was read ahead of it: that is
 *  the beginning, not a place before it. */
export function counted(ms) {
  const t = Math.min(1, Math.max(0, ms / COUNT_MS));
  return 1 - (1 - t) ** 3;
}

/** A figure that counts to its new value. */
export class Tally {
  #element;
  #format;
  #shown = null;
  #target = null;
  #frame = 0;

  constructor(element, format) {
    this.#element = element;
    this.#format = format;
  }

  set(value) {
    if (value === this.#target) return;
    const from = this.#shown;
    this.#target = value;
    cancelAnimationFrame(this.#frame);
    if (from === null || !animated()) return this.#write(value);
    const start = performance.now();
    const step = (now) => {
      const part = counted(now - start);
      this.#write(part === 1 ? value : Math.round(from + (value - from) * part));
      if (part < 1) this.#frame = requestAnimationFrame(step);
    };
    this.#frame = requestAnimationFrame(step);
  }

  #write(value) {
    this.#shown = value;
    this.#element.textContent = this.#format(value);
  }
}

/** Shows a mark for a moment. */
export function flash(element) {
  if (!animated()) return;
  for (const a of element.getAnimations()) a.cancel();
  element.animate([{ opacity: 0, transform: "translateY(.3em)" }, { opacity: 1, transform: "none", offset: 0.15 }, { opacity: 1, offset: 0.7 }, { opacity: 0 }], {
    duration: 1_800, easing: "ease-out",
  });
}
