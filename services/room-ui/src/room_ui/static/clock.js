// Time as the server has it, shown as the visitor reads it.

const language = document.documentElement.lang || "ru";
const locale = language === "en" ? "en-GB" : language;
const dayFormat = new Intl.NumberFormat(locale, { style: "unit", unit: "day", unitDisplay: "long" });

let offset = 0;

/** Take over the server's clock from the moment that a page was made at; a visitor's own clock may be wrong. */
export function setClock(iso) {
  const moment = Date.parse(iso);
  if (!Number.isNaN(moment)) offset = moment - Date.now();
}

export function now() {
  return Date.now() + offset;
}

const two = (n) => String(n).padStart(2, "0");

/** Write a length of time: days in words, then hours, minutes and seconds. */
export function length(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor((seconds % 86400) / 3600);
  const rest = `${two(Math.floor((seconds % 3600) / 60))}:${two(seconds % 60)}`;
  const clock = days || hours ? `${two(hours)}:${rest}` : rest;
  return days ? `${dayFormat.format(days)} ${clock}` : clock;
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

/** Rewrite every time below `root` in the visitor's zone, and name that zone. */
export function localise(root) {
  for (const element of root.querySelectorAll("time[data-local][datetime]")) {
    if (!element.dateTime) continue;
    const day = element.querySelector(".date");
    if (day) {
      day.textContent = `${localDay(element.dateTime)}, `;
      element.querySelector(".clock").textContent = clockFormat.format(new Date(element.dateTime));
    } else element.textContent = localTime(element.dateTime);
  }
  for (const element of root.querySelectorAll("[data-own-zone]")) {
    const moment = new Date(element.dataset.at);
    element.hidden = inZone(moment, element.dataset.ownZone) === inZone(moment);
  }
  for (const element of root.querySelectorAll("time[data-clock][datetime]")) {
    element.textContent = clockFormat.format(new Date(element.dateTime));
  }
  for (const element of root.querySelectorAll("[data-zone-of]")) {
    if (element.dataset.zoneOf) element.textContent = zoneName(element.dataset.zoneOf);
  }
}

function tick() {
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const moment = Date.parse(element.dataset.countdown);
    if (Number.isNaN(moment)) continue;
    const left = moment - now();
    element.querySelector("[data-until]").hidden = left <= 0;
    element.querySelector("[data-past]").hidden = left > 0;
    if (left > 0) element.querySelector("[data-remaining]").textContent = length(left);
  }
  for (const element of document.querySelectorAll("[data-after]")) {
    const isAfter = now() >= Date.parse(element.dataset.after);
    element.classList.toggle("bad", isAfter);
    element.classList.toggle("plain", !isAfter);
    element.querySelector("[data-when-after]").hidden = !isAfter;
  }
  for (const element of document.querySelectorAll("[data-elapsed]")) {
    element.textContent = length(now() - Date.parse(element.dataset.elapsed));
  }
}

/** Keep every countdown and running time of the page going. */
export function keepTime() {
  tick();
  setInterval(tick, 1000);
}
