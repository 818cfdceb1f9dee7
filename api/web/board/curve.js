// What a day of one kind of action is worth: pure.

/** Points of a day's weighted quantity, rounded down once, as the server counts. */
export function dayPoints(kind, quantity) {
  let hundredths = 0, paid = 0;
  for (const { up_to, percent } of kind.tiers) {
    const part = Math.min(quantity, up_to) - paid;
    if (part <= 0) break;
    hundredths += part * kind.points * percent;
    paid += part;
  }
  return Math.floor(hundredths / 100);
}

/** The corners of a day's curve, from nought to a fifth beyond the last tier. */
export function corners(kind) {
  const last = kind.tiers.at(-1).up_to;
  return [0, ...kind.tiers.map((tier) => tier.up_to), Math.ceil(last * 1.2)].map((quantity) => [quantity, dayPoints(kind, quantity)]);
}

/** What is different in another table: by kind, what a unit was and will be
 *  worth; null where there is no such kind. Also kinds that pay as before and
 *  level off elsewhere. */
export function changes(before, after) {
  const names = new Set([...before, ...after].map((kind) => kind.name));
  const found = [];
  for (const name of names) {
    const was = before.find((kind) => kind.name === name) ?? null, is = after.find((kind) => kind.name === name) ?? null;
    const shape = (kind) => JSON.stringify([kind.points, kind.max_quantity, kind.weight, kind.cool_down_minutes ?? 0, kind.tiers]);
    if (was && is && shape(was) === shape(is)) continue;
    found.push({ unit: (is ?? was).unit, was: was && was.points, is: is && is.points });
  }
  return found;
}
