// Numbers and times as the reader writes them.
import { language } from "./strings.js";

/** Formatters for one language. */
export function formats(tag, timeZone) {
  const whole = new Intl.NumberFormat(tag, { maximumFractionDigits: 0 });
  const signed = new Intl.NumberFormat(tag, { maximumFractionDigits: 0, signDisplay: "always" });
  const index = [0, 1, 2].map((digits) => new Intl.NumberFormat(tag, { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  const clock = new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", second: "2-digit", timeZone });
  const hour = new Intl.DateTimeFormat(tag, { hour: "2-digit", minute: "2-digit", timeZone });
  const day = new Intl.DateTimeFormat(tag, { day: "numeric", month: "short", timeZone: "UTC" });
  const dayHour = new Intl.DateTimeFormat(tag, { weekday: "short", hour: "2-digit", minute: "2-digit", timeZone });
  const date = new Intl.DateTimeFormat(tag, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
  const percent = new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 0 });
  const unit = (name) => new Intl.NumberFormat(tag, { style: "unit", unit: name, unitDisplay: "short" });
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]].map(([name, seconds]) => ({ seconds, format: unit(name) }));
  return {
    points: (n) => whole.format(n),
    gain: (n) => signed.format(n),
    /** A fair index with the digits that its board shows: see fairDigits. */
    fair: (x, digits) => index[digits].format(x),
    clock: (date) => clock.format(date),
    hour: (date) => hour.format(date),
    /** The days of a season, "2026-w47": from the Monday of its first ISO week to
     *  the Sunday of its last. */
    days: (season, weeks = 1) => {
      const [monday, sunday] = weekOf(season);
      return day.formatRange(monday, new Date(sunday.getTime() + (weeks - 1) * 7 * 86_400_000));
    },
    /** A date without a zone, as weekOf gives it: "Monday, 30 November". */
    date: (at) => date.format(at),
    percent: (part) => percent.format(part),
    dayHour: (date) => dayHour.format(date),
    list: (names) => new Intl.ListFormat(tag, { type: "conjunction" }).format(names),
    /** A span of time in its two largest units: "2 days 4 hr". */
    span(ms) {
      let left = Math.max(0, Math.round(ms / 1000));
      const parts = [];
      for (const { seconds, format } of units) {
        const n = Math.floor(left / seconds);
        left -= n * seconds;
        if (n > 0 || (parts.length > 0 && parts.length < 2)) parts.push(n > 0 ? format.format(n) : "");
        if (parts.length === 2) break;
      }
      return parts.filter(Boolean).join(" ") || units.at(-1).format.format(0);
    },
  };
}

/** Monday and Sunday of an ISO week, as midnights in UTC: dates without a zone,
 *  for a week is the campaign's and not the reader's. */
export function weekOf(id) {
  const [year, week] = id.split("-w").map(Number);
  const day = 86_400_000, fourth = Date.UTC(year, 0, 4); // 4 January is in week 1, by definition
  const monday = fourth - ((new Date(fourth).getUTCDay() + 6) % 7) * day + (week - 1) * 7 * day;
  return [new Date(monday), new Date(monday + 6 * day)];
}

/** How many weeks a season lasts. Clocks may change in it. */
export const weeksOf = (starts, ends) => Math.max(1, Math.round((new Date(ends) - new Date(starts)) / (7 * 86_400_000)));

/** How many decimals tell the fair indices of one board apart: one scale for
 *  the whole column, so that its figures stand under each other. */
export function fairDigits(values) {
  const largest = Math.max(0, ...values.filter((v) => v !== null));
  return largest >= 1000 ? 0 : largest >= 10 ? 1 : 2;
}

/** Formatters in the reader's language and time zone. */
export const format = formats(language);
