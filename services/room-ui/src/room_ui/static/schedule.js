// The schedule: times in the visitor's zone, a countdown, and a status that changes by itself.

import { keepTime, localise, setClock } from "./clock.js";

const schedule = document.getElementById("schedule");
setClock(schedule.dataset.now);
localise(schedule);
keepTime();

/** What a card shows beside its status: when this changes, the card is made anew by the server. */
const shape = (one) => JSON.stringify([one.webinar_id, one.title, one.scheduled_at, one.poster_url, one.duration_minutes]);
let shapes = null;
let waiting = null;

async function reload() {
  waiting = null;
  try {
    const response = await fetch("/webinars/", { headers: { "X-Part": "cards" }, cache: "no-store" });
    if (!response.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await response.text();
    schedule.replaceChildren(holder.content);
    localise(schedule);
  } catch {
    reloadSoon();
  }
}

/** Everybody hears of a change at once and must not ask at once. */
function reloadSoon() {
  waiting ??= setTimeout(reload, 200 + Math.random() * 2500);
}

const source = new EventSource(schedule.dataset.stream);
source.onmessage = (event) => {
  const { webinars } = JSON.parse(event.data);
  const found = webinars.map(shape).sort().join();
  const cards = new Map([...schedule.querySelectorAll("[data-webinar-id]")].map((card) => [card.dataset.webinarId, card]));
  const isSameSet = webinars.length === cards.size && webinars.every((one) => cards.has(one.webinar_id));
  if (!isSameSet || (shapes !== null && shapes !== found)) reloadSoon();
  shapes = found;
  for (const one of webinars) {
    const card = cards.get(one.webinar_id);
    if (card) card.dataset.status = one.cancelled ? "cancelled" : one.status;
  }
};
