// The pages of a campaign: the live board, its leagues, a duel, a person's own page
// and the rules. Each shows the sign-in or its content, whichever the reader has a
// right to, and has the controls of the header.
import { Announcer } from "./announce.js";
import { Api } from "./api.js";
import { DuelPage } from "./duelpage.js";
import { Leagues } from "./leagues.js";
import { Me } from "./me.js";
import { Rules } from "./rules.js";
import { Screen } from "./screen.js";
import { Session, tokenFromAddress } from "./session.js";
import { SignIn } from "./signin.js";
import { element, write } from "./element.js";
import { fill, language, text } from "./strings.js";
import { themeButton } from "./theme.js";

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const campaign = query.get("campaign") ?? "";
/** The pages by the id of their section, which is their path too, and those that
 *  the links lead to. */
const pages = { board: null, leagues: Leagues, duel: DuelPage, me: Me, rules: Rules };
const linked = ["board", "leagues", "me", "rules"];
const page = Object.hasOwn(pages, location.pathname.slice(1)) ? location.pathname.slice(1) : "board";

/** What a campaign is called before its name is known: "Liguria 2024". */
const named = (id) => id.split("-").filter(Boolean).map((word) => word[0].toUpperCase() + word.slice(1)).join(" ");

/** The demo's data have owners who are to be named where they are shown. */
const credits = { "liguria-2024": ["credit_postcodes", "credit_results"] };

function main() {
  document.documentElement.lang = language;
  fill(document);
  themeButton($("theme"));
  fullscreenButton($("fullscreen"));
  write($("campaign"), text(`page_${page}`));
  if (!campaign) return trouble("campaign_missing");
  document.title = text("title", { page: text(`page_${page}`), campaign: named(campaign) });
  write($("campaign"), named(campaign));
  if (page === "board") credit(credits[campaign] ?? ["credit_postcodes"]);

  const session = new Session(campaign);
  const api = new Api(campaign, session);
  session.attach(api);
  const announcer = new Announcer($("announcer"), (all) => text("news_many", { n: all.length, latest: all.at(-1) }));
  const signIn = new SignIn($("sign-in"), { api, session });
  let screen = null;

  const view = (name) => {
    document.body.dataset.view = name;
    for (const id of [page, "sign-out", "pages"]) $(id).hidden = name !== page;
    for (const id of ["connection", "pause"]) $(id).hidden = name !== "board";
    $("fullscreen").hidden = name !== "board" || !document.fullscreenEnabled;
  };
  const close = () => {
    screen?.stop();
    screen = null;
    view("sign-in");
  };
  const open = () => {
    close();
    signIn.hide();
    view(page);
    links($("pages"), session.person !== null);
    const deps = {
      api, session, duelAddress: (duel) => addressOf("duel", { duel: duel.id }),
      denied: leave, unknown: () => { close(); trouble("campaign_unknown", { campaign }); },
    };
    screen = page === "board" ? new Screen({ campaign, announcer, ...deps }) : new pages[page]($(page), { duel: query.get("duel") ?? "", ...deps });
    screen.start();
  };
  const leave = (why) => {
    close();
    session.signOut(false).then(() => signIn.show(why));
  };

  $("sign-out").addEventListener("click", async () => {
    close();
    await session.signOut();
    signIn.show();
    $("email").focus();
  });
  pauseButton($("pause"), (paused) => screen?.pause(paused)); // hidden where nothing moves
  session.addEventListener("change", () => {
    if (!session.signedIn) return;
    const typing = $("sign-in").contains(document.activeElement);
    open();
    if (typing) $("main").focus(); // the field that had the focus is gone
  });

  const token = tokenFromAddress();
  // A link opened in a tab that shows the board already changes the fragment only.
  addEventListener("hashchange", () => { const fresh = tokenFromAddress(); if (fresh) session.display(fresh); });
  if (token) session.display(token);
  else if (session.signedIn) open();
  else { close(); signIn.show(); }
}

/** Where a page is; the session is the tab's, and goes along. */
function addressOf(name, more = {}) {
  const address = new URL(`/${name}`, location.href);
  for (const key of ["campaign", "lang"]) if (query.has(key)) address.searchParams.set(key, query.get(key));
  for (const [key, value] of Object.entries(more)) address.searchParams.set(key, value);
  return address.href;
}

/** The ways to the other pages. A wall screen has no page of its own. */
function links(nav, person) {
  nav.replaceChildren(...linked.filter((name) => name !== "me" || person).map((name) =>
    element("a", { href: addressOf(name), "aria-current": name === page ? "page" : null }, text(`page_${name}`))));
}

function trouble(key, values) {
  const section = $("trouble");
  section.hidden = false;
  write(section.querySelector("p"), text(key, values));
}

function credit(keys) {
  $("credits").hidden = false;
  $("credits").textContent = keys.map((key) => text(key)).join(" · ");
}

function pauseButton(button, act) {
  let paused = false;
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    write(button.querySelector(".words"), text(paused ? "resume" : "pause"));
    act(paused);
  });
}

/** Full screen for a wall, which is then kept from going dark. */
function fullscreenButton(button) {
  const words = button.querySelector(".words");
  button.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else document.documentElement.requestFullscreen().catch(() => {});
  });
  let lock = null;
  document.addEventListener("fullscreenchange", async () => {
    write(words, text(document.fullscreenElement ? "fullscreen_end" : "fullscreen"));
    if (document.fullscreenElement) lock = await navigator.wakeLock?.request("screen").catch(() => null);
    else lock = (await lock?.release(), null);
  });
}

main();
