// Light or dark: the system's choice until the reader makes one. early.js sets
// a kept choice before the first paint.
import { write } from "./element.js";
import { text } from "./strings.js";

const KEY = "muster.theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

const current = () => root.dataset.theme || (system.matches ? "dark" : "light");

/** Makes the button switch and say what it switches to. */
export function themeButton(button) {
  const words = button.querySelector(".words");
  const show = () => {
    const to = current() === "dark" ? "light" : "dark";
    write(words, text(`theme_to_${to}`));
    button.title = words.textContent;
    button.dataset.to = to;
  };
  button.addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    try { localStorage.setItem(KEY, root.dataset.theme); } catch { /* no storage: the choice holds for this page */ }
    show();
  });
  system.addEventListener("change", show);
  show();
}
