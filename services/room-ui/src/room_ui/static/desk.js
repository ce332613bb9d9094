// The desk: what runs shows itself, and nothing that was typed is lost.

import { keepTime, localise, setClock } from "./clock.js";
import { DeskForm } from "./desk-form.js";
import { DeskPage } from "./desk-page.js";
import { Session } from "./desk-session.js";
import { handOver, sayOnce, showCopying } from "./habits.js";
import { People } from "./people.js";
import { Push } from "./push.js";

const LOOK = 4000;
/** Verdicts come within the first minute after the stop, messages in those that follow: often first, then seldom. */
const LOOKS_AFTER_THE_END = 300;
const LOOKS_OFTEN = 20;
const SELDOM = 5;

const root = /** @type {HTMLElement | null} */ (document.querySelector("[data-desk]"));
const edited = /** @type {HTMLFormElement | null} */ (document.querySelector("form[data-webinar-form]"));

/** @param {HTMLElement} desk @param {DeskForm} form @param {Session} session */
function follow(desk, form, session) {
  /** @type {People | null} */
  let people = null;
  /** @type {"open" | "lost"} */
  let connection = "open";
  const lost = /** @type {HTMLElement} */ (desk.querySelector('[data-banner="lost"]'));

  const shown = () => {
    showCopying();
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
  const page = new DeskPage(desk, form, session, shown);
  localise(document);
  keepTime();
  shown();

  const listen = () =>
    new Push({
      address: "/webinar/v1/state",
      query: { webinar_id: desk.dataset.webinarId ?? "" },
      version: page.version,
      onLost: (isLost) => {
        connection = isLost ? "lost" : "open";
        lost.hidden = !isLost;
        shown();
      },
      onRefused: (status) => {
        people?.stop();
        people = null;
        session.say(status === 401 ? "ended" : "gone");
      },
      onState: (state) => {
        for (const count of desk.querySelectorAll("[data-viewers-count]")) count.textContent = state.viewers;
        people?.changed(state.viewers);
        page.hear(state.version);
      },
    });
  let push = listen();
  session.onBack = () => {
    if (push.ended) push = listen();
    shown();
    page.look();
  };

  let looks = 0;
  setInterval(() => {
    const { status } = desk.dataset;
    const isOver = status === "finished" || status === "archived";
    const isAsked = isOver && ++looks <= LOOKS_AFTER_THE_END && (looks <= LOOKS_OFTEN || looks % SELDOM === 0);
    const isWorthIt = status === "live" || status === "paused" || isAsked;
    if (isWorthIt && document.visibilityState === "visible") page.look();
  }, LOOK);
}

setClock(edited?.dataset.now ?? "");
sayOnce();
handOver();
const session = new Session(edited?.getAttribute("action") ?? "");
const form = edited && new DeskForm(edited, session);
if (root && form) follow(root, form, session);
else localise(document);
