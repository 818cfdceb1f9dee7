// What can be checked of a page's accessibility by machine, on what it shows
// now. Evaluates to a list of complaints.
(() => {
  const complaints = [];
  const complain = (e, what) => complaints.push(`${what}: <${e.tagName.toLowerCase()}${e.id ? ` id=${e.id}` : ""} class="${e.className?.baseVal ?? e.className}"> ${(e.innerText ?? "").slice(0, 40)}`);
  const shown = (e) => e.checkVisibility({ checkOpacity: false, checkVisibilityCSS: true });
  const all = (selector) => [...document.querySelectorAll(selector)].filter(shown);

  // document
  if (!document.documentElement.lang) complaints.push("no language");
  if (!document.title.trim()) complaints.push("no title");
  if (all("h1").length !== 1) complaints.push(`${all("h1").length} h1`);
  for (const landmark of ["header", "main", "footer"]) if (document.querySelectorAll(landmark).length !== 1) complaints.push(`not one ${landmark}`);
  let level = 0;
  for (const h of all("h1, h2, h3, h4")) {
    const n = Number(h.tagName[1]);
    if (n > level + 1) complain(h, "skips a heading level");
    level = n;
    if (!h.textContent.trim()) complain(h, "empty heading");
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) complaints.push(`id ${id} twice`);
  for (const e of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls], label[for]")) {
    for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for"]) {
      for (const id of (e.getAttribute(attribute) ?? "").split(" ").filter(Boolean)) if (!ids.includes(id)) complain(e, `${attribute} names ${id}, which is not there`);
    }
  }

  // names
  const name = (e) => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim() ||
    [...(e.labels ?? [])].map((l) => l.textContent).join(" ") || e.textContent).trim();
  for (const e of all("button, a[href], input, section, [role=group]")) {
    if (e.tagName === "SECTION" && !e.hasAttribute("aria-labelledby")) continue; // no landmark then
    if (!name(e)) complain(e, "no name");
  }
  for (const e of all("svg")) if (e.getAttribute("aria-hidden") !== "true" && !(e.getAttribute("role") === "img" && e.getAttribute("aria-label"))) complain(e, "a picture without a name or aria-hidden");
  for (const e of document.querySelectorAll("[tabindex]")) if (Number(e.getAttribute("tabindex")) > 0) complain(e, "tabindex above 0");
  for (const e of document.querySelectorAll("[aria-hidden=true] :is(button, a, input)")) complain(e, "can be focused and is hidden from readers");

  // tables keep their meaning though they are laid out as a grid
  for (const table of all("table")) {
    if (table.getAttribute("role") !== "table") complain(table, "no role");
    const columns = [...table.querySelectorAll("thead [role=columnheader]")];
    if (columns.some((c) => !c.textContent.trim())) complain(table, "a column without a name");
    for (const row of table.querySelectorAll("tbody tr")) {
      if (row.getAttribute("role") !== "row" || row.children.length !== columns.length) complain(row, "not a row of the table");
      if (row.querySelectorAll("[role=rowheader]").length !== 1) complain(row, "no row header");
    }
  }

  // size: nothing wider than the page, every target large enough for a thumb
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > width) complaints.push(`the page is ${document.documentElement.scrollWidth} wide on ${width}`);
  for (const e of all("body *")) {
    const box = e.getBoundingClientRect();
    const clipped = e.closest(".news-list, .task-list, .track, .meter, .two-sided, .spoken, .skip, .gain, svg") || e.matches(".spoken, .words");
    if (!clipped && box.width > 0 && (box.right > width + 1 || box.left < -1)) complain(e, `reaches from ${Math.round(box.left)} to ${Math.round(box.right)}`);
  }
  for (const e of all("button, input, a[href]:not(.skip)")) {
    const box = e.getBoundingClientRect();
    const inline = getComputedStyle(e).display === "inline";
    if (!inline && (box.width < 43 || box.height < 43)) complain(e, `a target of ${Math.round(box.width)} x ${Math.round(box.height)}`);
  }

  // contrast: WCAG 2.2, 4.5 for text, 3 for large text
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a));
  const background = (e) => {
    if (!e) return rgba(getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "#121212" : "#fff").slice(0, 3);
    const own = rgba(getComputedStyle(e).backgroundColor);
    return own[3] === 1 ? own.slice(0, 3) : over(own, background(e.parentElement));
  };
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => {
    const [hi, lo] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (hi + 0.05) / (lo + 0.05);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  for (let node; (node = walker.nextNode());) {
    const e = node.parentElement;
    if (!node.data.trim() || !shown(e) || e.closest(".spoken, .skip, noscript, .gain")) continue;
    const style = getComputedStyle(e);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const under = background(e);
    const ratio = contrast(over(rgba(style.color), under), under);
    texts++;
    if (ratio < (large ? 3 : 4.5)) complain(e, `contrast ${ratio.toFixed(2)}`);
    if (size < 11) complain(e, `text of ${size} px`);
  }
  if (texts < 4) complaints.push(`only ${texts} texts were looked at`);

  // what is drawn and means something stands out from what it lies on: 3
  for (const e of all(".track b, .two-sided, .two-sided b, .meter b, .dot, #sign-in input")) {
    const style = getComputedStyle(e);
    const colour = e.matches("input") ? style.borderTopColor : style.backgroundColor;
    const card = e.closest(".panel, #connection, #sign-in");
    const ratio = contrast(over(rgba(colour), background(card)), background(card));
    if (rgba(colour)[3] > 0 && ratio < 3) complain(e, `graphic contrast ${ratio.toFixed(2)}`);
  }
  return complaints;
})()
