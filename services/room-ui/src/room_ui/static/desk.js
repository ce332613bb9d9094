// The desk: what runs shows itself, and nothing that was typed is lost.

import { keepTime, localise, setClock } from "./clock.js";
import { DeskForm } from "./desk-form.js";
import { DeskPage } from "./desk-page.js";
import { word } from "./desk-press.js";
import { People } from "./people.js";
import { Push } from "./push.js";

const LOOK = 4000;
/** Verdicts come within the first minute after the stop, messages in those that follow: often first, then seldom. */
const LOOKS_AFTER_THE_END = 300;
const LOOKS_OFTEN = 20;
const SELDOM = 5;
const COPIED = 2000;

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-desk]"));
const edited = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-webinar-form]"));

// The words about what was just done belong to this moment: a reload must not say them again.
const address = new URL(location.href);
if (address.searchParams.has("done")) {
  address.searchParams.delete("done");
  history.replaceState(null, "", address);
}

document.addEventListener("focusin", (event) => {
  if (event.target instanceof HTMLInputElement && event.target.matches("[data-select]")) event.target.select();
});
document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (button instanceof HTMLElement) copy(button);
});

/** @param {HTMLElement} button */
async function copy(button) {
  const field = document.getElementById(button.dataset.copy ?? "");
  const label = button.querySelector("[data-label]");
  if (!(field instanceof HTMLInputElement) || !label) return;
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    return; // It is selected, at least.
  }
  const words = label.textContent;
  label.textContent = word("copied");
  setTimeout(() => {
    label.textContent = words;
  }, COPIED);
}

/** What works only with a script is shown by it. */
function showTools() {
  for (const button of document.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
}

/** @param {HTMLElement} desk @param {DeskForm | null} form */
function follow(desk, form) {
  /** @type {People | null} */
  let people = null;
  /** @type {"open" | "lost"} */
  let connection = "open";

  const shown = () => {
    showTools();
    const box = /** @type {HTMLElement | null} */ (desk.querySelector("[data-people-box]"));
    if (people?.root !== box) {
      people?.stop();
      people = box && new People(box, desk.dataset.webinarId ?? "");
      people?.load();
    }
    for (const line of desk.querySelectorAll("[data-page-health]")) {
      if (line instanceof HTMLElement) line.dataset.pageHealth = connection;
    }
  };
  const page = new DeskPage(desk, form, shown);
  localise(document);
  keepTime();
  shown();

  new Push({
    address: "/webinar/v1/state",
    query: { webinar_id: desk.dataset.webinarId ?? "" },
    version: page.version,
    onLost: (isLost) => {
      connection = isLost ? "lost" : "open";
      banner("lost").hidden = !isLost;
      shown();
    },
    onRefused: () => {
      banner("ended").hidden = false;
    },
    onState: (state) => {
      for (const count of desk.querySelectorAll("[data-viewers-count]")) count.textContent = state.viewers;
      people?.changed(state.viewers);
      page.hear(state.version);
    },
  });

  let looks = 0;
  setInterval(() => {
    const { status } = desk.dataset;
    const isOver = status === "finished" || status === "archived";
    const isAsked = isOver && ++looks <= LOOKS_AFTER_THE_END && (looks <= LOOKS_OFTEN || looks % SELDOM === 0);
    const isWorthIt = status === "live" || status === "paused" || isAsked;
    if (isWorthIt && document.visibilityState === "visible") page.look();
  }, LOOK);

  /** @param {string} name */
  function banner(name) {
    return /** @type {HTMLElement} */ (desk.querySelector(`[data-banner="${name}"]`));
  }
}

setClock(edited?.dataset.now ?? "");
const form = edited && new DeskForm(edited);
if (root) follow(root, form);
else {
  localise(document);
  showTools();
}
