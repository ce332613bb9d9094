// The desk's page of one webinar: it follows what Core says, whoever asked for it, and stays where it is.

import { localise } from "./clock.js";
import { busy, filled, read } from "./desk-press.js";
import { goToWords, refuse, say, show, word } from "./desk-words.js";
import { Hold, placeOf } from "./place.js";

const AGAIN = 300;
const AGAIN_AT_MOST = 3000;
/** Some 20 s in all: by then it is told again. */
const TRIES = 12;
const PRESSED = '[data-press], [data-report] form[action*="/followups/"]';
/** What is made anew on the server each time, and differs though nothing has changed. */
const PASSING = /value="[0-9a-f-]{36}"|data-remaining[^<]*/g;

/** @param {Element | null | undefined} part */
const shape = (part) => (part?.innerHTML ?? "").replace(PASSING, "");

/** What has happened, as a word of the page. @param {DOMStringMap} before @param {DOMStringMap} after */
export function happened(before, after) {
  if (before.status !== after.status) {
    if (before.status === "draft") return "published";
    if (before.status === "paused" && after.status === "live") return "resumed";
    return word(after.status ?? "") ? after.status : "changed";
  }
  if (before.cancelled !== after.cancelled) return after.cancelled === "true" ? "cancelled" : "restored";
  if (before.cta !== after.cta) return after.cta;
  return before.overrun === after.overrun ? "changed" : "overrun";
}

export class DeskPage {
  /**
   * @param {HTMLElement} root @param {import("./desk-form.js").DeskForm} form
   * @param {import("./desk-session.js").Session} session
   * @param {() => void} onShown parts of the page were made anew
   */
  constructor(root, form, session, onShown) {
    this.root = root;
    this.form = form;
    this.session = session;
    this.onShown = onShown;
    this.told = this.version;
    this.presses = 0;
    this.turn = Promise.resolve();
    this.isLooking = false;
    this.isCatchingUp = false;
    this.hold = new Hold(() => {
      if (this.told > this.version) this.catchUp();
    });
    /** What finds the button again that a question was asked for. */
    this.asked = "";
    /** @type {Map<string, string>} */
    this.shapes = new Map(this.slots.map((slot) => [slot.dataset.slot ?? "", shape(slot)]));
    this.dialog = /** @type {HTMLDialogElement} */ (document.querySelector("dialog[data-dialog]"));
    this.listen();
  }

  /** Whether a button is at work. */
  get isPressed() {
    return this.presses > 0;
  }

  get version() {
    return Number(this.root.dataset.version);
  }

  get slots() {
    return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll("[data-slot]")]);
  }

  listen() {
    document.addEventListener("submit", (event) => {
      const form = event.target;
      if (!(form instanceof HTMLFormElement) || !form.matches(PRESSED)) return;
      event.preventDefault();
      this.press(form, event.submitter);
    });
    this.dialog.addEventListener("click", (event) => {
      if (!(event.target instanceof Element) || !event.target.closest("[data-close]")) return;
      event.preventDefault();
      this.dialog.close();
    });
    this.dialog.addEventListener("close", () => {
      this.place.replaceChildren();
      if (!this.isPressed) this.rest(this.asked);
    });
  }

  get place() {
    return /** @type {HTMLElement} */ (this.dialog.querySelector("[data-dialog-place]"));
  }

  /** Somebody says which version there is. @param {number} version */
  hear(version) {
    this.told = Math.max(this.told, version);
    if (this.told > this.version) this.catchUp();
  }

  async catchUp() {
    if (this.isPressed || this.isLooking || this.isCatchingUp) return;
    this.isCatchingUp = true;
    for (let tries = 0; tries < TRIES && this.told > this.version && !this.isPressed; tries += 1) {
      // Another instance may answer than the one that told, and be behind for a moment; or none can.
      const pause = Math.min(AGAIN * tries, AGAIN_AT_MOST);
      if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
      await this.look();
    }
    this.isCatchingUp = false;
  }

  /** Show the page as it is now. */
  async look() {
    if (this.isPressed || this.isLooking || this.hold.isOn) return;
    this.isLooking = true;
    try {
      const response = await fetch(this.session.address + location.search, { cache: "no-store" });
      if (response.ok && !this.isPressed) this.take(read(await response.text()), true);
    } catch {
      // The banner says that the connection is lost.
    } finally {
      this.isLooking = false;
    }
    // What was told meanwhile may have come too late for this look.
    this.catchUp();
  }

  /** @param {Document} page @param {boolean} says whether to say what has changed */
  take(page, says) {
    const fresh = page.querySelector("[data-desk]");
    if (!(fresh instanceof HTMLElement) || Number(fresh.dataset.version) < this.version) return;
    this.session.take(page);
    const before = { ...this.root.dataset };
    const isNew = Number(fresh.dataset.version) > this.version;
    Object.assign(this.root.dataset, fresh.dataset);
    document.title = page.title;
    for (const slot of this.slots) {
      const name = slot.dataset.slot ?? "";
      const other = fresh.querySelector(`[data-slot="${name}"]`);
      if (!other) continue;
      // The answer to a press begins with the first page of the report, whichever is looked at here.
      if (name === "report" && !says && location.search) continue;
      if (name === "people") this.swapPeople(slot, other);
      else if (name === "console" && !isNew) this.swapLiveParts(slot, other);
      else if (shape(other) !== this.shapes.get(name)) this.swap(slot, other);
    }
    const form = page.querySelector("form[data-webinar-form]");
    if (isNew && form instanceof HTMLFormElement) this.form.merge(form);
    if (isNew && says) say(word(happened(before, this.root.dataset) ?? "changed"));
    this.onShown();
  }

  /** @param {HTMLElement} slot @param {Element} other */
  swap(slot, other) {
    const name = slot.dataset.slot ?? "";
    const isFollowed = name === "console" || name === "head";
    const active = slot.contains(document.activeElement) ? document.activeElement : null;
    // What somebody is busy with is left alone; it comes with the next look.
    if (!isFollowed && (active?.matches("input, select, textarea") || slot.querySelector("details[open]:not([id])"))) return;
    this.shapes.set(name, shape(other));
    const place = placeOf(active);
    const open = [...slot.querySelectorAll("details[id][open]")].map((one) => one.id);
    localise(other);
    slot.replaceChildren(...other.childNodes);
    for (const id of open) slot.querySelector(`details#${CSS.escape(id)}`)?.setAttribute("open", "");
    this.focus(slot, place);
  }

  /** @param {HTMLElement} slot @param {string} place */
  focus(slot, place) {
    if (!place) return;
    const found = slot.querySelector(place) ?? (place.includes("cta") ? slot.querySelector("[data-on]") : null);
    if (found instanceof HTMLElement) found.focus({ preventScroll: true });
  }

  /** The list of who is here lives on; its heading changes with the start. @param {HTMLElement} slot @param {Element} other */
  swapPeople(slot, other) {
    const [old, now] = [slot, other].map((one) => one.querySelector("[data-people-box]"));
    if (!old || !now) {
      if (Boolean(old) !== Boolean(now)) slot.replaceChildren(...other.childNodes);
      return;
    }
    const [title, words] = [old, now].map((one) => one.querySelector("h2")?.firstChild);
    if (title && words && title.textContent !== words.textContent) title.textContent = words.textContent;
  }

  /** Figures and names, none of them to be pressed. @param {HTMLElement} slot @param {Element} other */
  swapLiveParts(slot, other) {
    for (const part of slot.querySelectorAll("[data-live-part]")) {
      const now = other.querySelector(`[data-live-part="${part.getAttribute("data-live-part")}"]`);
      if (!now || part.contains(document.activeElement)) continue;
      localise(now);
      part.replaceChildren(...now.childNodes);
    }
  }

  /** A button pressed while another is at work waits for its turn. @param {HTMLFormElement} form @param {Element | null} button */
  press(form, button) {
    this.presses += 1;
    const isAnswer = form.matches("[data-confirm]");
    const place = isAnswer ? this.asked : placeOf(button);
    const said = filled(form, button);
    const undo = busy(button);
    this.turn = this.turn.then(async () => {
      try {
        const { page } = await this.session.send(form, said);
        undo();
        this.answered(page, form, place);
      } catch {
        undo();
        if (isAnswer) this.dialog.close();
        refuse();
      }
      this.presses -= 1;
      this.rest(place);
    });
  }

  /** A press has been answered: the keyboard goes on from its button, and what else has happened is shown. @param {string} place */
  rest(place) {
    const isNowhere = () => document.activeElement === document.body || !document.activeElement;
    if (isNowhere()) this.focus(this.root, place);
    if (isNowhere()) goToWords();
    if (this.told > this.version) this.catchUp();
    else if (location.search) this.look();
  }

  /** What was refused is decided: pressed again, it is another command. @param {HTMLFormElement} form @param {Document} page */
  renew(form, page) {
    const same = `form[action="${CSS.escape(form.getAttribute("action") ?? "")}"] [name="message_id"]`;
    const fresh = page.querySelector(same)?.getAttribute("value");
    if (!fresh) return;
    for (const field of this.root.querySelectorAll(same)) field.setAttribute("value", fresh);
  }

  /** @param {Document} page @param {HTMLFormElement} form that was sent @param {string} place */
  answered(page, form, place) {
    const question = page.querySelector("form[data-confirm]");
    if (question) {
      show(null);
      this.asked = place;
      this.place.replaceChildren(question);
      question.classList.remove("card");
      if (!this.dialog.open) this.dialog.showModal();
      return;
    }
    if (form.matches("[data-confirm]")) this.dialog.close();
    const desk = page.querySelector("[data-desk]");
    if (desk instanceof HTMLElement && desk.dataset.webinarId === this.root.dataset.webinarId) {
      const notice = page.querySelector("[data-notice]");
      this.take(page, false);
      if (notice?.hasAttribute("data-error-code")) this.renew(form, page);
      show(notice);
    } else if (this.session.away) this.session.goToWayIn();
    else refuse(page);
  }
}
