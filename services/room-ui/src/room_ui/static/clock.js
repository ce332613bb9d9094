// Time as the server has it, shown as the visitor reads it.

const language = document.documentElement.lang || "ru";
const locale = language === "en" ? "en-GB" : language;
/** @param {"day" | "hour"} unit */
const units = (unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });
const [daysFormat, hoursFormat] = [units("day"), units("hour")];

let offset = 0;

/** Take over the server's clock from the moment that a page was made at; a visitor's own clock may be wrong. @param {string} [iso] */
export function setClock(iso) {
  const moment = Date.parse(iso ?? "");
  if (!Number.isNaN(moment)) offset = moment - Date.now();
}

export function now() {
  return Date.now() + offset;
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");

/** Write a length of time: days and hours in words, less than a day by the second. @param {number} milliseconds */
export function length(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  if (days) return [daysFormat.format(days), hours ? hoursFormat.format(hours) : ""].join(" ").trim();
  const rest = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  return hours ? `${two(hours)}:${rest}` : rest;
}

/** @param {Date} moment @param {Intl.DateTimeFormatOptions} [more] */
function written(moment, more = {}) {
  const sameYear = moment.getFullYear() === new Date(now()).getFullYear();
  return new Intl.DateTimeFormat(locale, {
    weekday: "long",
    day: "numeric",
    month: "long",
    year: sameYear ? undefined : "numeric",
    ...more,
  }).format(moment);
}

/** Write day and time in the visitor's own zone. @param {string} iso */
export function localTime(iso) {
  return written(new Date(iso), { hour: "2-digit", minute: "2-digit" });
}

/** Write the visitor's own day: today and tomorrow by these words. @param {string} iso */
export function localDay(iso) {
  const moment = new Date(iso);
  const midnight = (/** @type {Date} */ day) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  const days = Math.round((midnight(moment) - midnight(new Date(now()))) / 86400000);
  if (days !== 0 && days !== 1) return written(moment);
  return `${new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(days, "day")}, ${written(moment, { weekday: undefined })}`;
}

/** Name the visitor's own zone as it is called then. @param {string} iso */
export function zoneName(iso) {
  const parts = new Intl.DateTimeFormat(locale, { timeZoneName: "long" }).formatToParts(new Date(iso));
  return parts.find((part) => part.type === "timeZoneName")?.value ?? "";
}

const clockFormat = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });

/** @param {Date} moment @param {string} [timeZone] */
function inZone(moment, timeZone) {
  return new Intl.DateTimeFormat(locale, { day: "numeric", hour: "2-digit", minute: "2-digit", timeZone }).format(moment);
}

/** @param {ParentNode} root @param {string} selector */
const all = (root, selector) => [...root.querySelectorAll(selector)].filter((element) => element instanceof HTMLElement);

/** @param {ParentNode} root @param {string} selector @returns {HTMLTimeElement[]} */
const times = (root, selector) => all(root, selector).filter((element) => element instanceof HTMLTimeElement);

/** Write into a part of an element, if it has that part. @param {Element} element @param {string} selector @param {string} text */
function write(element, selector, text) {
  const part = element.querySelector(selector);
  if (part) part.textContent = text;
}

/** @param {Element} element @param {string} selector @param {boolean} shown */
function show(element, selector, shown) {
  for (const part of all(element, selector).slice(0, 1)) part.hidden = !shown;
}

/** Rewrite every time below `root` in the visitor's zone, and name that zone. @param {ParentNode} root */
export function localise(root) {
  for (const element of times(root, "time[data-local][datetime]")) {
    if (!element.dateTime) continue;
    if (element.querySelector(".date")) {
      write(element, ".date", `${localDay(element.dateTime)}, `);
      write(element, ".clock", clockFormat.format(new Date(element.dateTime)));
    } else element.textContent = localTime(element.dateTime);
  }
  for (const element of all(root, "[data-own-zone]")) {
    const moment = new Date(element.dataset.at ?? "");
    element.hidden = inZone(moment, element.dataset.ownZone) === inZone(moment);
  }
  for (const element of times(root, "time[data-clock][datetime]")) {
    element.textContent = clockFormat.format(new Date(element.dateTime));
  }
  for (const element of all(root, "[data-zone-of]")) {
    if (element.dataset.zoneOf) element.textContent = zoneName(element.dataset.zoneOf);
  }
}

function tick() {
  for (const element of all(document, "[data-countdown]")) {
    const moment = Date.parse(element.dataset.countdown ?? "");
    if (Number.isNaN(moment)) continue;
    const left = moment - now();
    show(element, "[data-until]", left > 0);
    show(element, "[data-past]", left <= 0);
    if (left > 0) write(element, "[data-remaining]", length(left));
  }
  for (const element of all(document, "[data-after]")) {
    const isAfter = now() >= Date.parse(element.dataset.after ?? "");
    element.classList.toggle("bad", isAfter);
    element.classList.toggle("plain", !isAfter);
    show(element, "[data-when-after]", isAfter);
  }
  for (const element of all(document, "[data-elapsed]")) {
    element.textContent = length(now() - Date.parse(element.dataset.elapsed ?? ""));
  }
}

/** Keep every countdown and running time of the page going. */
export function keepTime() {
  tick();
  setInterval(tick, 1000);
}
