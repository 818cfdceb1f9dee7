// What a board holds and how it changes. Pure: no page, no network, no clock.

/** Compares by the bytes of UTF-8, which is the order of code points. */
export function compareText(a, b) {
  if (a === b) return 0;
  const x = [...a], y = [...b];
  for (let i = 0; i < x.length && i < y.length; i++) {
    if (x[i] !== y[i]) return x[i].codePointAt(0) - y[i].codePointAt(0);
  }
  return x.length - y.length;
}

/** The order of rows that docs/realtime.md states. */
export function compareRows(a, b) {
  if (a.rank !== b.rank) {
    if (a.rank === null) return 1;
    if (b.rank === null) return -1;
    return a.rank - b.rank;
  }
  return b.sum - a.sum || compareText(a.name, b.name) || compareText(a.id, b.id);
}

/** A board as the page keeps it, from a snapshot or an HTTP answer. */
export function settle(board) {
  return { ...board, rows: [...board.rows].sort(compareRows) };
}

/** The board after a delta; the given one stays as it is. */
export function applyDelta(board, delta) {
  const { rows, removed, ...head } = delta;
  const gone = new Set([...removed, ...rows.map((row) => row.id)]);
  return settle({ ...board, ...head, rows: [...board.rows.filter((row) => !gone.has(row.id)), ...rows] });
}

/** The rows that lead: all of rank 1. Nobody leads a board without points or
 *  whose ranks are not known. */
export function leaders(board) {
  if (!board || board.stale) return [];
  return board.rows.filter((row) => row.rank === 1 && row.sum > 0);
}

/** Follows who leads one board and says when that changes. */
export class LeadWatch {
  #window = null;
  #leaders = null; // ids and names; null: not known yet

  /** Answers null, or {kind: "lead", name, before}, {kind: "level", names},
   *  {kind: "season"}. The first board seen is no news. */
  see(board) {
    if (board.stale) return null;
    const now = leaders(board).map(({ id, name }) => ({ id, name }));
    const before = this.#leaders;
    const turned = this.#window !== null && this.#window !== board.window;
    this.#window = board.window;
    this.#leaders = now;
    if (turned) return { kind: "season" };
    if (before === null || now.length === 0) return null;
    const same = before.length === now.length && now.every((leader) => before.some((b) => b.id === leader.id));
    if (same) return null;
    if (now.length > 1) {
      // Who fell back from a shared lead is no news; who caught up is.
      return now.every((leader) => before.some((b) => b.id === leader.id)) ? null : { kind: "level", names: now.map((leader) => leader.name) };
    }
    const beaten = before.filter((b) => b.id !== now[0].id).map((b) => b.name);
    return { kind: "lead", name: now[0].name, before: beaten };
  }
}

/** The highest value of a column; 0 for an empty one. */
export function highest(rows, key) {
  return rows.reduce((max, row) => Math.max(max, row[key] ?? 0), 0);
}

/** How long a bar is, from 0 to 1. What is not nothing is to be seen. */
export function share(value, max) {
  if (!(value > 0) || !(max > 0)) return 0;
  return Math.max(0.005, Math.min(1, value / max));
}

/** The ids of the rows that lead their league by the fair index: indices of units of
 *  unlike size are not to be compared. None where a league has nobody to tell apart:
 *  one unit, or all equal. */
export function fairest(rows) {
  const firsts = new Map(); // by league and division
  for (const { id, league } of rows) {
    if (!league || league.rank !== 1) continue;
    const key = `${league.number}/${league.division}`;
    firsts.set(key, [...(firsts.get(key) ?? []), { id, of: league.of }]);
  }
  return new Set([...firsts.values()].filter((best) => best.length < best[0].of).flat().map(({ id }) => id));
}
