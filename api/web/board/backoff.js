// How long to wait before the next try. Full jitter: a random time between 0
// and a bound that doubles, so that a thousand screens that lost the same
// server do not come back at the same moment.

export const BASE_MS = 1_000;
export const CAP_MS = 60_000;

/** Milliseconds to wait after `failures` failed tries in a row. With 0, right
 *  after a connection that stood, the wait is under a second. */
export function delay(failures, random = Math.random) {
  const bound = Math.min(CAP_MS, BASE_MS * 2 ** Math.min(failures, 30));
  return Math.floor(random() * bound);
}

/** A time spread by up to a fifth to either side, for regular work. */
export function spread(ms, random = Math.random) {
  return Math.round(ms * (0.8 + 0.4 * random()));
}
