// What people write down as a local time, as a moment.

const DAY = 86400000;
const language = document.documentElement.lang || "ru";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
const rightNow = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [
  ["day", DAY],
  ["hour", 3600000],
  ["minute", 60000],
];

/** The visitor's own zone, by its IANA name; empty where the browser does not say. */
export const ownZone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";

/** Whether there is a zone of that name. @param {string} zone */
export function isZone(zone) {
  try {
    return Boolean(zone && Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
}

/** How far a zone is ahead of UTC at a moment, in milliseconds. @param {number} moment @param {string} zone */
function ahead(moment, zone) {
  /** @type {Record<string, number>} */
  const at = {};
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  for (const { type, value } of format.formatToParts(moment)) at[type] = Number(value);
  return Date.UTC(at.year, at.month - 1, at.day, at.hour, at.minute, at.second) - Math.floor(moment / 1000) * 1000;
}

/**
 * The moment that a local time means in a zone, in milliseconds; the first of two where the clocks go back, and null
 * where they go forward over it or nothing was written.
 * @param {string} local as a field of the type datetime-local has it @param {string} zone
 */
export function momentOf(local, zone) {
  const asUtc = Date.parse(`${local}Z`);
  if (Number.isNaN(asUtc)) return null;
  for (const near of [asUtc - DAY, asUtc + DAY]) {
    const moment = asUtc - ahead(near, zone);
    if (moment + ahead(moment, zone) === asUtc) return moment;
  }
  return null;
}

/** How long until then, or how long ago, in the largest unit that fits. @param {number} milliseconds */
export function fromNow(milliseconds) {
  if (Math.abs(milliseconds) < UNITS[2][1]) return rightNow;
  const [unit, size] = UNITS.find(([, one]) => Math.abs(milliseconds) >= one * 2) ?? UNITS[2];
  return relative.format(Math.trunc(milliseconds / size), unit);
}
