// The schedule: times in the visitor's zone, days as the visitor has them, a countdown, a status that changes by itself.

import { keepTime, localDay, localise, setClock } from "./clock.js";
import { Hold, keepFocus } from "./place.js";
import { Push } from "./push.js";

/**
 * @typedef {object} Told a webinar, as everybody is told of it
 * @property {string} webinar_id @property {number} version @property {string} status @property {boolean} cancelled
 * @property {string} title @property {string | null} description @property {string | null} speaker
 * @property {string} scheduled_at @property {string} time_zone @property {number} duration_minutes
 * @property {string | null} poster_url
 */

const schedule = /** @type {HTMLElement} */ (document.getElementById("schedule"));
const announce = /** @type {HTMLElement} */ (document.querySelector("[data-announce]"));
setClock(schedule.dataset.now);
show(schedule);
keepTime();

/** What a card shows beside its status: where this differs from what is told, the card is made anew by the server. @param {Told} told */
const shape = ({ title, description, speaker, scheduled_at, time_zone, duration_minutes, poster_url }) =>
  JSON.stringify([title, description, speaker, scheduled_at, time_zone, duration_minutes, poster_url]);
/** @param {ParentNode} root @param {string} [which] @returns {HTMLElement[]} */
function cards(root = schedule, which = "") {
  return [...root.querySelectorAll(`[data-webinar-id]${which}`)].filter((card) => card instanceof HTMLElement);
}
const cardsById = () => new Map(cards().map((card) => [card.dataset.webinarId, card]));
/** What a card was made from. @param {HTMLElement} card @returns {Told} */
const shownOn = (card) => JSON.parse(card.dataset.public ?? "");

/** The page is made from the projection, and a stream can be ahead of it: then ask again, but not for ever. */
const TRIES = 3;
/** @type {Told[]} */
let told = [];
let tries = 0;
/** @type {number | null} */
let waiting = null;

/** Put times into the visitor's zone; the server's days are those of the organisers, the visitor's may be others. @param {HTMLElement} root */
function show(root) {
  localise(root);
  let before = "";
  for (const card of cards(root, ":not(.featured)")) {
    if (["live", "paused"].includes(card.dataset.status ?? "")) continue;
    const name = card.previousElementSibling?.matches("[data-day]") ? card.previousElementSibling : null;
    const time = /** @type {HTMLTimeElement} */ (card.querySelector("time[data-local]"));
    const day = localDay(time.dateTime);
    if (day === before) name?.remove();
    else (name ?? insertDay(card)).textContent = day;
    before = day;
  }
}

/** @param {HTMLElement} card */
function insertDay(card) {
  const name = document.createElement("p");
  name.className = "day-name";
  name.dataset.day = "";
  card.before(name);
  return name;
}

/** Whether the page shows what was told, or something newer. It may have been made before the stream was open. */
function isCurrent() {
  const byId = cardsById();
  return (
    told.length === byId.size &&
    told.every((one) => {
      const card = byId.get(one.webinar_id);
      if (!card) return false;
      const shown = shownOn(card);
      return shown.version > one.version || shape(shown) === shape(one);
    })
  );
}

/** Whether the cards stand as they were told: what goes on air comes to the top, with a heading of its own. */
function isInOrder() {
  const order = told.map((one) => one.webinar_id);
  const shown = cards().map((card) => card.dataset.webinarId ?? "");
  return shown.filter((id) => order.includes(id)).every((id, at) => id === order.filter((one) => shown.includes(one))[at]);
}

/** Show what is on air, called off or over; who cannot see it is told. */
function showStatus() {
  const byId = cardsById();
  for (const one of told) {
    const card = byId.get(one.webinar_id);
    if (!card || shownOn(card).version > one.version) continue;
    const status = one.cancelled ? "cancelled" : one.status;
    if (card.dataset.status === status) continue;
    card.dataset.status = status;
    const words = card.querySelector(`.badge[data-when~="${status}"]:not(.soon)`)?.textContent;
    if (words) announce.textContent = `${one.title}: ${words}`;
  }
  if (!isInOrder()) {
    const onAir = told.filter((one) => ["live", "paused"].includes(one.status));
    keepFocus(schedule, () => schedule.prepend(...onAir.flatMap((one) => byId.get(one.webinar_id) ?? [])));
  }
}

/** @type {(() => void)[]} */
let waitingForHand = [];
const hold = new Hold(() => {
  // After the press itself, which follows the letting go.
  for (const goOn of waitingForHand) setTimeout(goOn);
  waitingForHand = [];
});
/** Wait until what is pressed was let go. */
const letGo = () => new Promise((resolve) => waitingForHand.push(() => resolve(undefined)));

async function reload() {
  waiting = null;
  tries += 1;
  try {
    const response = await fetch("/webinars/", { headers: { "X-Part": "cards" }, cache: "no-store" });
    if (response.ok) {
      const holder = document.createElement("template");
      holder.innerHTML = await response.text();
      if (hold.isOn) await letGo();
      keepFocus(schedule, () => schedule.replaceChildren(holder.content));
      show(schedule);
      showStatus();
    }
  } catch {
    tries = 1; // The network is away, not the server behind: go on until it is back.
  }
  if (!(isCurrent() && isInOrder()) && tries < TRIES) reloadSoon();
}

/** Everybody hears of a change at once and must not ask at once; yet within a second everybody has it. */
const SPREAD = 600;
function reloadSoon() {
  waiting ??= window.setTimeout(reload, (tries + Math.random()) * SPREAD);
}

new Push({
  address: "/webinar/v1/webinars",
  onState: ({ webinars }) => {
    told = webinars;
    tries = 0;
    showStatus();
    if (!(isCurrent() && isInOrder())) reloadSoon();
  },
});
