// The session that a page of the desk was made for can end, or another can take its place. What was typed outlives both.

import { read, send } from "./desk-press.js";


/** @typedef {"ended" | "gone"} Away nobody is signed in any more, or somebody who may not open this page */

/** @param {Response} response @returns {Away | ""} */
function awayBy(response) {
  if (new URL(response.url).pathname === "/account/login/") return "ended";
  return [403, 404].includes(response.status) ? "gone" : "";
}

export class Session {
  /**
   * @param {string} address of this page: it may be the answer to a form, and have that form's address
   * @param {string} [form] by which the page is known
   */
  constructor(address, form = "form[data-webinar-form]") {
    this.address = address;
    this.form = form;
    /** @type {Away | ""} */
    this.away = "";
    this.renewal = Promise.resolve("");
    /** What to do when the page is open to this browser again. */
    this.onBack = () => {};
    document.addEventListener("visibilitychange", () => {
      if (this.away && document.visibilityState === "visible") this.renew().catch(() => {});
    });
  }

  /** Show whether the page is closed to this browser. @param {Away | ""} away */
  say(away) {
    const wasAway = this.away;
    this.away = away;
    for (const banner of document.querySelectorAll('[data-banner="ended"], [data-banner="gone"]')) {
      if (banner instanceof HTMLElement) banner.hidden = banner.dataset.banner !== away;
    }
    if (wasAway && !away) this.onBack();
  }

  /** Take the keyboard, and with it the screen, to the way back in. */
  goToWayIn() {
    const link = document.querySelector(`[data-banner="${this.away}"] a`);
    if (link instanceof HTMLElement) link.focus();
  }

  /** Let every form here go by the session that a newer page was made for; returns its token. @param {Document} page */
  take(page) {
    const fresh = page.querySelector(`${this.form} [name="csrf_token"]`);
    if (!(fresh instanceof HTMLInputElement)) return "";
    for (const field of document.querySelectorAll('[name="csrf_token"]')) {
      if (field instanceof HTMLInputElement) field.value = fresh.value;
    }
    return fresh.value;
  }

  /** Ask who is signed in here now, and go by their session; returns its token, if this page is open to them. */
  renew() {
    /** @type {Promise<string>} */
    const renewal = this.ask(() => renewal === this.renewal).then((token) => token ?? this.renewal);
    this.renewal = renewal;
    return renewal;
  }

  /** Returns nothing if it was asked again meanwhile: the later answer is that of now. @param {() => boolean} isLast */
  async ask(isLast) {
    const response = await fetch(this.address, { cache: "no-store" });
    const page = read(await response.text());
    if (!isLast()) return null;
    const token = this.take(page);
    this.say(token ? "" : awayBy(response) || this.away);
    return token;
  }

  /** Send a form; once more where only its session was not that of now. @param {HTMLFormElement} form @param {URLSearchParams} said */
  async send(form, said) {
    const answer = await send(form, said);
    if (!awayBy(answer.response) || answer.page.querySelector(this.form)) return answer;
    const token = await this.renew();
    if (!token || token === said.get("csrf_token")) return answer;
    said.set("csrf_token", token);
    return send(form, said);
  }
}
