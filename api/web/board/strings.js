// All words of the page. To translate it, add a catalogue beside `en` with the
// same keys: a text is a string with {names} in it, or an object by plural
// category ("one", "few", "other" ...) that is chosen by the value of `n`.
// Nothing else in these modules is shown to a person, save what the server
// sends: names of regions, teams and tasks.

const en = {
  title: "{page} · {campaign} · Muster",
  pages: "Pages of this campaign",
  page_board: "Live board",
  page_leagues: "Leagues",
  page_duel: "Duel of the week",
  page_me: "My page",
  page_rules: "What counts, and why",
  skip: "Skip to the board",
  page_controls: "Page controls",

  // header
  season: "Week {week} · {days}",
  season_left: "ends in {left}",
  season_over: "ended; late reports count until {closes}",
  theme_to_dark: "Dark colours",
  theme_to_light: "Light colours",
  pause: "Pause",
  resume: "Resume",
  fullscreen: "Full screen",
  fullscreen_end: "Leave full screen",
  sign_out: "Sign out",

  // connection
  state_connecting: "Connecting…",
  state_live: "Live",
  state_polling: "Reconnecting · refreshed every few seconds",
  state_feed_off: "Refreshed every few seconds",
  state_reconnecting: "Reconnecting…",
  state_stale: "Out of date · last data {time}",
  state_stale_never: "No data yet · trying again",
  state_paused: "Paused",
  state_long_live: "The board is live.",
  state_long_polling: "The live connection is lost. The board is refreshed every few seconds until it is back.",
  state_long_feed_off: "The board is refreshed every few seconds.",
  state_long_reconnecting: "The live connection is lost. Reconnecting.",
  state_long_stale: "The board is out of date: the server cannot be reached. It reconnects by itself.",
  state_long_paused: "The board is paused. What it shows does not change until you resume.",
  counting: "Ranks are being recounted. Points shown may lag for a minute.",
  outdated: "A newer version of this page exists. It reloads shortly.",

  // boards
  regions: "Regions",
  teams: "Teams",
  col_rank: "Rank",
  col_region: "Region",
  col_team: "Team",
  col_points: "Points",
  col_fair: "Fair index",
  fair_line: "Fair index: points per member among units of like size. The line shows how sure it is.",
  fair_best: "leads its league",
  fair_none: "not compared: too few members",
  no_rank: "rank is being recounted",
  yours: "your team",
  more_rows: { one: "Show {n} more", other: "Show {n} more" },
  fewer_rows: "Show fewer",
  shown_of: "{shown} of {total}",
  no_rows: "No points yet this week. The first action puts a place on the board.",
  loading: "Loading…",

  // duels
  duels: { one: "Duel of the week", other: "Duels of the week" },
  duel_leads: "{name} leads by {gap}",
  duel_leads_barely: "{name} leads by less than {least}",
  duel_level: "Level",
  duel_open: "Not started",
  duel_under_member: { one: "a member · {points} point", other: "a member · {points} points" },
  duel_under_points: { one: "point", other: "points" },
  duel_line: "Near-equals of like size, matched for a season. Points per member decide.",
  duel_between: "against",
  duel_needs: { one: "{name} needs {points} point to take the lead", other: "{name} needs {points} points to take the lead" },
  duel_next: "The next point takes the lead",
  duel_link: "How it went: {left} and {right}",
  duel_unknown: "There is no such duel. Take one from the live board.",
  duel_over: "It ended on {day}.",
  duel_ends: "Ends in {left}.",
  duel_odds: "When they were matched, {name} was given a chance of {odds} to end ahead.",
  duel_curve: { one: "The score over time: {left} at {leftScore}, {right} at {rightScore}. The lead changed once.", other: "The score over time: {left} at {leftScore}, {right} at {rightScore}. The lead changed {changes} times." },
  duel_span: "{from} to {to}",
  duel_scale_member: "points a member; a stroke at the foot is a change of the lead",
  duel_scale_points: "points; a stroke at the foot is a change of the lead",
  duel_no_changes: "The lead has not changed so far.",
  duel_changes: { one: "The lead changed once", other: "The lead changed {changes} times" },

  // leagues
  leagues_why: "Teams and regions compete with those of their own size: the largest of a league has at most twice the members of the smallest. What counts is points per member. Units beside one bracket cannot be told apart by what was done so far.",
  leagues_none: "No team or region has five members yet.",
  leagues_open: "Who is in which league may still change: last season takes late reports for two days, and a first season goes by who joins.",
  leagues_of: "Leagues of",
  leagues_when: "Season",
  window_season: "This season",
  window_all: "All time",
  league: "League {league}",
  league_division: "League {league}, division {division}",
  league_size: { one: "{size} member", other: "{size} members each" },
  league_sizes: "{smallest} to {largest} members",
  league_units: { one: "{units} unit", other: "{units} units" },
  col_unit: "Name",
  col_interval: "Between",
  unit_sum: { one: "{points} point · {members} members", other: "{points} points · {members} members" },
  interval: "between {low} and {high}",
  band: { one: "on its own", other: "{units} level beyond chance" },
  goes_up: "goes up a division",
  goes_down: "goes down a division",
  not_for_you: "This page is for people who take part. Sign in with your own address to see yours.",

  // my page
  me_title: "Hello {name}",
  me_points: { one: "point in all", other: "points in all" },
  me_rank: "rank this season",
  me_streak: { one: "week in a row", other: "weeks in a row" },
  me_streak_grace: { one: "week in a row, and {grace} may be missed", other: "weeks in a row, and {grace} may be missed" },
  me_level: "Level {level}",
  me_level_next: "{points} to the next",
  me_best: { one: "point in your best week, {days}", other: "points in your best week, {days}" },
  me_goals: "What your team set out to do",
  me_goal: "{done} so far, until {day}.",
  me_goal_reached: "reached, with {done}.",
  me_goal_few: "Your team is too small for numbers.",
  me_improved: "Most improved in your team",
  me_badges: "Badges",
  me_badge_withdrawn: "withdrawn: {reason}",
  me_badge_ahead: "{have} of {of}.",
  me_next: { one: "{gap} point to rank {rank}.", other: "{gap} points to rank {rank}." },
  me_near: "Near you",
  me_you: "you",
  me_units: "Your team and regions",
  me_unit_team: "Team {name}",
  me_unit_region: "Region {name}",
  me_unit_rank: { one: "rank {rank} of {of}, {points} point.", other: "rank {rank} of {of}, {points} points." },
  me_unit_league: { one: "Alone in league {league}.", other: "Of {of} of its size it is number {rank} (league {league})." },
  me_unit_alone: "None other is of its size.",
  me_duel: "Your region’s duel",
  me_done: "What you did",
  me_done_none: "Nothing yet. Your first action starts it.",
  me_action: "{quantity} × {kind}",
  me_voided: "taken back",
  me_void: "taken out",
  me_held: "waits for a look",
  me_cleared: "cleared",
  me_waits: "waits for a look; no points until then",
  me_why: "What was seen, and your answer",
  me_answer: "How was it? Somebody of your region reads this and decides.",
  me_answer_send: "Send my answer",
  me_answer_missing: "Write a sentence first.",
  me_answer_sent: "Sent. It is looked at.",

  // news
  news: "Lead changes",
  news_none: "None since {time}. A change of the lead appears here the moment it happens.",
  news_lead: "{name} takes the lead from {before}",
  news_lead_first: "{name} takes the lead",
  news_level: "{names} are level in the lead",
  news_duel: "{name} overtakes {other}",
  news_duel_level: "{name} and {other} are level",
  news_season: "A new week has begun: all start at nought",
  news_of_regions: "Regions",
  news_of_teams: "Teams",
  news_of_duels: "Duel",
  news_many: { one: "{n} change of the lead. Latest: {latest}", other: "{n} changes of the lead. Latest: {latest}" },

  // rules
  rules_why: "An action is worth about what published studies say it moves. A day’s good work pays in full, then less: what matters is that many take part. What you did, you keep: rules change with a new week only, three days after everybody was told.",
  rules_ahead: "From {day} other rules hold: {name}",
  rules_same: "The points stay as they are.",
  rules_past: "Rules of earlier weeks: {names}. What was done then keeps its points.",
  rule_points: { one: "{points} point", other: "{points} points" },
  rule_unpaid: "counted, not paid",
  rule_new: "is new: {worth}",
  rule_gone: "no longer counts (was {worth})",
  rule_changes: "{was} become {is}",
  rule_levels: "pays as before, and levels off elsewhere",
  tier_range: "{first} to {last}",
  tier_full: "{range} a day in full.",
  tier_part: "{range}: {percent}.",
  tier_none: "{range}: nothing.",
  tier_end: "Above {from}: nothing.",
  tier_cool_down: { one: "Within {minutes} minutes it counts once.", other: "Within {minutes} minutes up to {most} count." },

  // tasks
  tasks: "Tasks",
  tasks_open: { one: "open task", other: "open tasks" },
  tasks_free: { one: "place free", other: "places free" },
  tasks_none: "No open tasks. Staff and leads post them.",
  task_places: "{taken} of {capacity} taken",
  task_until: "until {time}",
  task_opened: "Opened",
  task_taken: "Taken",
  task_given_back: "Given back",
  task_full: "Full",

  // sign-in
  sign_in: "Sign in to see the board",
  sign_in_why: "This board is for the campaign’s people. We mail you a code; there is no password.",
  sign_in_expired: "Your access has ended. Sign in again, or open a new link.",
  sign_in_forbidden: "This account may not see the board. Sign in with another, or ask the campaign’s staff.",
  email: "E-mail address",
  send_code: "Mail me a code",
  code: "Code from the mail",
  code_sent: "If {email} belongs to this campaign, a code is on its way.",
  code_inbox: "This Muster runs on your own machine: its mail is on the inbox page.",
  code_check: "Sign in",
  other_email: "Use another address",
  email_missing: "Type your e-mail address.",
  code_missing: "Type the code from the mail.",
  busy: "One moment…",

  // errors that no server explains
  campaign_missing: "This address names no campaign. It ends in ?campaign= and the campaign’s id.",
  campaign_unknown: "There is no campaign “{campaign}” here. Check the address.",
  offline: "The server cannot be reached. Check the network and try again.",
  try_later: "Too many tries. Try again in {left}.",
  failed: "That did not work. Try again.",

  // foot
  credit_postcodes: "Postal codes: GeoNames, www.geonames.org (CC BY 4.0)",
  credit_results:
    "Dati resi disponibili dall'associazione onData (github.com/ondata/elezioni_regionali_liguria_2024). Fonte: Ministero dell'Interno (CC BY 4.0)",
};

/** The catalogues by language, as BCP 47 primary subtags. */
export const catalogues = { en };

/** The first wanted language that has a catalogue, with its region: "en-GB". */
export function choose(wanted, available = catalogues) {
  for (const tag of wanted) {
    if (Object.hasOwn(available, String(tag).split("-")[0].toLowerCase())) return String(tag);
  }
  return "en";
}

/** The language of the page: ?lang= if it names one, else the browser's. */
export const language = choose([new URLSearchParams(globalThis.location?.search ?? "").get("lang") ?? "", ...(globalThis.navigator?.languages ?? [])]);

/** A translator over one catalogue. */
export function translator(tag, available = catalogues) {
  const words = available[tag.split("-")[0].toLowerCase()];
  const plurals = new Intl.PluralRules(tag);
  return (key, values = {}) => {
    let entry = words[key];
    if (entry === undefined) throw new Error(`no text for ${key}`);
    if (typeof entry === "object") entry = entry[plurals.select(values.n)] ?? entry.other;
    return entry.replace(/\{(\w+)\}/g, (_, name) => {
      if (values[name] === undefined) throw new Error(`text ${key} wants ${name}`);
      return values[name];
    });
  };
}

/** text(key, values) in the language of the page. */
export const text = translator(language);

/** Fills every element that names its text: data-text, data-label, data-title. */
export function fill(root) {
  for (const element of root.querySelectorAll("[data-text]")) element.textContent = text(element.dataset.text);
  for (const element of root.querySelectorAll("[data-label]")) element.setAttribute("aria-label", text(element.dataset.label));
  for (const element of root.querySelectorAll("[data-title]")) element.title = text(element.dataset.title);
}
