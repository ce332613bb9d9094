// Small helps for forms and links to hand over. Each works where a page names it by a data attribute; no form needs them.

import { keepTime, localise, setClock } from "./clock.js";
import { handOver, sayOnce } from "./habits.js";

const PREVIEW_PAUSE = 300;

/** @param {string} selector @param {ParentNode} [root] */
const all = (selector, root = document) => /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(selector));

/** @param {HTMLElement} button */
const textOf = (button) => /** @type {HTMLTextAreaElement | null} */ (button.closest("form")?.querySelector("textarea"));

/** Passwords: what is typed can be looked at, and is hidden again before it is sent. */
function reveal() {
  for (const button of all("[data-reveal]")) {
    const input = /** @type {HTMLInputElement} */ (document.getElementById(button.dataset.reveal ?? ""));
    const show = (/** @type {boolean} */ isShown) => {
      input.type = isShown ? "text" : "password";
      button.textContent = (isShown ? button.dataset.hide : button.dataset.show) ?? "";
    };
    button.hidden = false;
    button.addEventListener("click", () => show(input.type === "password"));
    input.form?.addEventListener("submit", () => show(false));
  }
}

/** @param {HTMLTextAreaElement} text */
const typed = (text) => text.dispatchEvent(new Event("input", { bubbles: true }));

/** Words that a press puts where the caret is, and the text that it all began with. */
function insert() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (all("[data-insert]"))) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const text = textOf(button);
      if (!text) return;
      text.setRangeText(button.dataset.insert ?? "", text.selectionStart, text.selectionEnd, "end");
      text.focus();
      typed(text);
    });
  }
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (all("[data-original]"))) {
    const text = textOf(button);
    const original = button.dataset.original ?? "";
    text?.addEventListener("input", () => {
      button.disabled = text.value === original;
    });
    button.addEventListener("click", (event) => {
      if (!text) return;
      event.preventDefault();
      text.value = original;
      text.focus();
      typed(text);
    });
  }
}

/** Forms whose outcome the server shows while they are filled in. */
function preview() {
  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (all("[data-live-preview]"))) {
    const place = document.querySelector(form.dataset.previewInto ?? "");
    let pause = 0;
    let asked = 0;
    const ask = async () => {
      const number = ++asked;
      try {
        const response = await fetch(form.dataset.livePreview ?? "", { method: "POST", body: new FormData(form) });
        const fresh = await response.text();
        // Who is signed in no more is led elsewhere, and that is no preview.
        if (response.ok && !response.redirected && number === asked && place) place.innerHTML = fresh;
      } catch {
        // The next key asks again.
      }
    };
    form.addEventListener("input", () => {
      window.clearTimeout(pause);
      pause = window.setTimeout(ask, PREVIEW_PAUSE);
    });
  }
  for (const element of all("[data-live-only]")) element.hidden = false;
  for (const element of all("[data-without-script]")) element.hidden = true;
}

const SENDING_LASTS = 15000;
/** The forms that were sent, and when.
 * @type {Map<HTMLFormElement, number>}
 */
const sent = new Map();

/** A second press before the answer throws that answer away, and with it links that are shown once. */
function sendOnce() {
  window.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || !(form instanceof HTMLFormElement) || form.method !== "post") return;
    const now = performance.now();
    if (now - (sent.get(form) ?? -SENDING_LASTS) < SENDING_LASTS) event.preventDefault();
    else sent.set(form, now);
  });
  window.addEventListener("pageshow", () => sent.clear());
}

/** @type {import("./desk-session.js").Session | undefined} */
let session;

/** Whether this page is open to this browser still; where it is not, the page says so and what was typed stays. */
async function isStillOpen() {
  try {
    const { Session } = await import("./desk-session.js");
    session ??= new Session(window.location.pathname, "form[data-guard]");
    if (await session.renew()) return true;
  } catch {
    return true; // What the network has to say of it the browser shows.
  }
  session.goToWayIn();
  return !session.away;
}

/** What was typed is not thrown away without a question, nor with a session that has ended. */
function guard() {
  /** @type {Set<EventTarget>} */
  const changed = new Set();
  let state = "at rest";
  for (const form of /** @type {NodeListOf<HTMLFormElement>} */ (all("form[data-guard]"))) {
    form.addEventListener("input", () => changed.add(form));
    form.addEventListener("submit", async (event) => {
      if (state === "sending") {
        changed.delete(form);
        return;
      }
      event.preventDefault();
      if (state === "asking") return;
      state = "asking";
      state = (await isStillOpen()) ? "sending" : "at rest";
      if (state !== "sending") return;
      form.requestSubmit(event.submitter);
      state = "at rest";
    });
  }
  window.addEventListener("beforeunload", (event) => {
    if (changed.size === 0) return;
    event.preventDefault();
    sent.clear();
  });
}

const clock = document.querySelector("[data-now]");
if (clock instanceof HTMLElement) {
  setClock(clock.dataset.now ?? "");
  keepTime();
}
localise(document);
reveal();
handOver();
insert();
preview();
sendOnce();
guard();
sayOnce();
