// The schedule: times in the visitor's zone, a countdown, and a status that changes by itself.

import { keepTime, localise, setClock } from "./clock.js";
import { Push } from "./push.js";

const schedule = document.getElementById("schedule");
const announce = document.querySelector("[data-announce]");
setClock(schedule.dataset.now);
localise(schedule);
keepTime();

/** What a card shows beside its status: where this differs from what is told, the card is made anew by the server. */
const shape = ({ title, description, speaker, scheduled_at, time_zone, duration_minutes, poster_url }) =>
  JSON.stringify([title, description, speaker, scheduled_at, time_zone, duration_minutes, poster_url]);
const cardsById = () =>
  new Map([...schedule.querySelectorAll("[data-webinar-id]")].map((card) => [card.dataset.webinarId, card]));

/** The page is made from the projection, and a stream can be ahead of it: then ask again, but not for ever. */
const TRIES = 3;
let told = [];
let tries = 0;
let waiting = null;

/** Whether the page shows what was told, or something newer. It may have been made before the stream was open. */
function isCurrent() {
  const cards = cardsById();
  return (
    told.length === cards.size &&
    told.every((one) => {
      const card = cards.get(one.webinar_id);
      if (!card) return false;
      const shown = JSON.parse(card.dataset.public);
      return shown.version > one.version || shape(shown) === shape(one);
    })
  );
}

/** Show what is on air, called off or over, on top what is on air; who cannot see it is told. */
function showStatus() {
  const cards = cardsById();
  for (const one of told) {
    const card = cards.get(one.webinar_id);
    if (!card || JSON.parse(card.dataset.public).version > one.version) continue;
    const status = one.cancelled ? "cancelled" : one.status;
    if (card.dataset.status === status) continue;
    card.dataset.status = status;
    const words = card.querySelector(`.badge[data-when~="${status}"]:not(.soon)`)?.textContent;
    if (words) announce.textContent = `${one.title}: ${words}`;
  }
  const order = told.map((one) => cards.get(one.webinar_id)).filter(Boolean);
  const isInOrder = [...cards.values()].filter((card) => order.includes(card)).every((card, at) => card === order[at]);
  if (!isInOrder) schedule.prepend(...order);
}

async function reload() {
  waiting = null;
  tries += 1;
  try {
    const response = await fetch("/webinars/", { headers: { "X-Part": "cards" }, cache: "no-store" });
    if (response.ok) {
      const holder = document.createElement("template");
      holder.innerHTML = await response.text();
      schedule.replaceChildren(holder.content);
      localise(schedule);
      showStatus();
    }
  } catch {
    tries = 0; // The network is away, not the server behind: go on until it is back.
  }
  if (!isCurrent() && tries < TRIES) reloadSoon();
}

/** Everybody hears of a change at once and must not ask at once. */
function reloadSoon() {
  waiting ??= setTimeout(reload, 200 + Math.random() * 2500);
}

new Push({
  address: "/webinar/v1/webinars",
  onState: ({ webinars }) => {
    told = webinars;
    tries = 0;
    showStatus();
    if (!isCurrent()) reloadSoon();
  },
});
