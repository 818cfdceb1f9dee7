// Making elements. Text only ever goes in as text.

/** element("p", {class: "x", role: "cell"}, "words", child, ...) */
export function element(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children);
  return e;
}

/** Words for screen readers only. */
export const spoken = (words) => element("span", { class: "spoken" }, words);

/** Sets the text of an element only where it differs: an unchanged live region
 *  is not read out again, an unchanged cell not painted again. */
export function write(e, words) {
  if (e.textContent !== words) e.textContent = words;
}

/** Puts `wanted` into the parent in this order, moving as few as it can. */
export function arrange(parent, wanted) {
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const child of wanted) {
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
}
