// The desk: what runs shows itself, and nothing that was typed is lost.

import { keepTime, localise, setClock } from "./clock.js";
import { People } from "./people.js";
import { Push } from "./push.js";

const desk = document.querySelector("[data-desk]");
const form = document.querySelector("[data-webinar-form]");
// This page may be the answer to a form, so it is asked for by its own address, never by the one it came from.
const page = desk && `/admin_webinar/${desk.dataset.webinarId}`;
let isSent = false;
let isTyped = form?.dataset.typed === "true";

localise(document);

form?.addEventListener("input", () => {
  isTyped = true;
});

// One press is one command: a second click waits for the answer to the first.
document.addEventListener("submit", (event) => {
  isSent = true;
  setTimeout(() => {
    for (const button of event.target.querySelectorAll("button")) button.disabled = true;
  }, 0);
});
window.addEventListener("pageshow", () => {
  isSent = false;
  for (const button of document.querySelectorAll("button[disabled]")) button.disabled = false;
});

// The words about what was just done belong to this moment: a reload must not say them again.
const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}

const zone = document.querySelector("[data-guess-zone]");
if (zone) {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (own) zone.value = own;
}

document.querySelector("[data-select]")?.addEventListener("focus", (event) => event.target.select());

const preview = document.querySelector("[data-preview]");
preview?.addEventListener("toggle", () => {
  const place = preview.querySelector("[data-preview-player]");
  if (!place) return;
  if (!preview.open) {
    place.replaceChildren();
    return;
  }
  const frame = preview.querySelector("template").content.querySelector("iframe").cloneNode(true);
  frame.src = place.dataset.previewPlayer;
  place.replaceChildren(frame);
});

/** Show parts of this page as the server has them now. */
async function refresh(...selectors) {
  const response = await fetch(page + location.search, { cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const selector of selectors) {
    const [old, now] = [document.querySelector(selector), fresh.querySelector(selector)];
    if (!old || !now || old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
    localise(now);
    old.replaceWith(document.adoptNode(now));
  }
}

function changed() {
  // The change is most likely the one just asked for; its answer is on the way, with words of its own.
  if (isSent) return;
  if (isTyped) desk.querySelector("[data-changed]").hidden = false;
  else location.assign(page);
}

if (desk) {
  setClock(desk.dataset.now);
  keepTime();
  const details = desk.querySelector("[data-people-details]");
  const people = details && new People(details, desk.dataset.webinarId);
  details?.addEventListener("toggle", () => details.open && people.load());
  if (["draft", "scheduled", "live", "paused"].includes(desk.dataset.status)) {
    new Push({
      address: "/webinar/v1/state",
      query: { webinar_id: desk.dataset.webinarId },
      version: Number(desk.dataset.version),
      onLost: (isLost) => {
        desk.querySelector('[data-banner="lost"]').hidden = !isLost;
      },
      onRefused: () => {
        desk.querySelector('[data-banner="ended"]').hidden = false;
      },
      onState: (state) => {
        const count = desk.querySelector("[data-viewers-count]");
        if (count) count.textContent = state.viewers;
        if (details?.open) people.changed(state.viewers);
        if (state.version > Number(desk.dataset.version)) {
          desk.dataset.version = state.version;
          changed();
        }
      },
    });
  }
  if (document.querySelector("[data-followups]")) {
    // Verdicts and messages come in the minutes after the stop.
    let rounds = 0;
    const timer = setInterval(() => {
      if (++rounds > 180) clearInterval(timer);
      if (document.visibilityState === "visible") refresh("[data-followups]", "[data-report]").catch(() => {});
    }, 4000);
  }
}
