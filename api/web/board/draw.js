// Drawing in SVG: what a table says in figures, for the eye.

const SVG = "http://www.w3.org/2000/svg";

/** shape("line", {x1: 0, class: "tick"}, child, ...) */
export function shape(tag, attributes = {}, ...children) {
  const e = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}
