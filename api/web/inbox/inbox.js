"use strict";
const to = document.getElementById("to");
const list = document.getElementById("messages");
const none = document.getElementById("none");
let shown = "";

function element(tag, text, className) {
  const e = document.createElement(tag);
  e.textContent = text;
  if (className) e.className = className;
  return e;
}

function show(messages) {
  const key = JSON.stringify(messages);
  if (key === shown) return; // an unchanged list is not read out again
  shown = key;
  none.hidden = messages.length > 0;
  list.replaceChildren(...messages.map((m) => {
    const item = document.createElement("li");
    item.append(element("h2", m.subject));
    item.append(element("p", `To ${m.to} · ${m.campaign} · ${new Date(m.sent_at).toLocaleString()}`, "meta"));
    if (m.kind === "code") item.append(element("p", m.code || "This code has ended.", m.code ? "code" : "meta"));
    item.append(element("p", m.text));
    return item;
  }));
}

async function refresh() {
  try {
    const answer = await fetch("/inbox.json?to=" + encodeURIComponent(to.value.trim()), { cache: "no-store" });
    if (answer.ok) show((await answer.json()).messages);
  } catch { /* the server is restarting; the next tick asks again */ }
}

to.addEventListener("input", refresh);
to.form.addEventListener("submit", (event) => { event.preventDefault(); refresh(); });
refresh();
setInterval(refresh, 2000);
