// The desk's form: nothing that was typed is lost: to a change by somebody else, to a click on a link, or to an answer.

import { helpFields } from "./desk-fields.js";
import { busy, filled } from "./desk-press.js";
import { goToWords, refuse, show } from "./desk-words.js";

/** @typedef {HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement} Control */

/** @param {Control} control */
function made(control) {
  if (!(control instanceof HTMLSelectElement)) return control.defaultValue;
  return [...control.options].find((option) => option.defaultSelected)?.value ?? control.value;
}

/** @param {string} text @returns {Record<string, string>} */
function read(text) {
  try {
    return text ? JSON.parse(text) : {};
  } catch {
    return {};
  }
}

/** @param {HTMLFormElement} form @param {string} name */
const hidden = (form, name) => /** @type {HTMLInputElement} */ (form.elements.namedItem(name));

/** The fields that people fill in, by name. @param {HTMLFormElement} form */
function controlsOf(form) {
  const controls = /** @type {Control[]} */ ([...form.querySelectorAll("[id^='f-'][name]")]);
  return new Map(controls.map((control) => [control.name, control]));
}

/** What can be chosen on the server by now. @param {Control} control @param {Control} other */
function takeOptions(control, other) {
  if (!(control instanceof HTMLSelectElement) || !(other instanceof HTMLSelectElement)) return;
  const known = new Set([...control.options].map((option) => option.value));
  const news = [...other.options].filter((option) => !known.has(option.value));
  control.append(...news.map((option) => new Option(option.text, option.value)));
}

/** Say at a field what the server says of it. @param {Control} control @param {Control} other the same one in its answer */
function showError(control, other) {
  const [place, fresh] = [control, other].map((one) => /** @type {HTMLElement} */ (one.closest(".field")));
  const error = fresh.querySelector(".error");
  place.querySelector(".error")?.remove();
  place.classList.toggle("wrong", Boolean(error));
  if (error) {
    control.after(error);
    control.closest("details")?.setAttribute("open", "");
  }
  for (const name of ["aria-invalid", "aria-describedby"]) {
    const told = other.getAttribute(name);
    if (told === null) control.removeAttribute(name);
    else control.setAttribute(name, told);
  }
}

export class DeskForm {
  /** @param {HTMLFormElement} form @param {import("./desk-session.js").Session} session */
  constructor(form, session) {
    this.form = form;
    this.session = session;
    this.showFields = helpFields(form);
    /** A form that was refused comes with what was typed; what it was before stands in `original`. */
    this.isRefused = form.dataset.typed === "true";
    this.base = read(hidden(form, "original").value);
    this.isSending = false;
    this.isLeaving = false;
    this.undo = () => {};
    form.addEventListener("input", () => this.mark());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(event.submitter);
    });
    window.addEventListener("beforeunload", (event) => this.isTyped && !this.isLeaving && event.preventDefault());
    window.addEventListener("pageshow", (event) => {
      if (event.persisted) this.rest();
      this.mark();
    });
    this.guardLinks();
  }

  get controls() {
    return controlsOf(this.form);
  }

  /** What stood in a field before it was typed into. @param {Control} control */
  was(control) {
    return this.base[control.name] ?? made(control);
  }

  get isTyped() {
    const isNew = !hidden(this.form, "original").value;
    const isChanged = (/** @type {Control} */ one) => !one.disabled && one.value !== this.was(one);
    return (isNew && this.isRefused) || [...this.controls.values()].some(isChanged);
  }

  mark() {
    const mark = this.form.querySelector("[data-unsaved-mark]");
    if (mark instanceof HTMLElement) mark.hidden = !this.isTyped;
  }

  /** Send the form, and leave the page only when it is saved. @param {HTMLElement | null} button */
  async send(button) {
    if (this.isSending) return;
    this.isSending = true;
    const said = filled(this.form, button);
    this.undo = busy(button);
    // What would be typed now might be lost with this page.
    this.form.inert = true;
    show(null);
    const answer = await this.session.send(this.form, said).catch(() => null);
    const fresh = answer?.page.querySelector("form[data-webinar-form]");
    if (answer?.response.redirected && fresh) {
      this.isLeaving = true;
      location.assign(answer.response.url);
      return;
    }
    this.rest();
    if (fresh instanceof HTMLFormElement) {
      this.showAgain(fresh, said);
      show(answer?.page.querySelector("[data-notice]") ?? null);
    } else if (this.session.away) {
      this.session.goToWayIn();
      return;
    } else refuse(answer?.page);
    const wrong = fresh && this.form.querySelector("[aria-invalid]");
    if (wrong instanceof HTMLElement) wrong.focus();
    else goToWords();
  }

  rest() {
    this.isSending = false;
    this.isLeaving = false;
    this.form.inert = false;
    this.undo();
  }

  /**
   * Show what the answer says of the form: what was refused, and what became of each value. What has come in from
   * somebody else since it was sent stays.
   * @param {HTMLFormElement} fresh @param {URLSearchParams} said what was sent
   */
  showAgain(fresh, said) {
    const others = controlsOf(fresh);
    for (const control of this.controls.values()) {
      const other = others.get(control.name);
      if (!other) continue;
      takeOptions(control, other);
      if (control.value === said.get(control.name)) control.value = other.value;
      control.disabled = other.disabled;
      showError(control, other);
    }
    hidden(this.form, "message_id").value = hidden(fresh, "message_id").value;
    const [now, told] = [this.form, fresh].map((one) => Number(hidden(one, "expected_version").value));
    if (told >= now) {
      for (const name of ["expected_version", "original"]) hidden(this.form, name).value = hidden(fresh, name).value;
      this.base = read(hidden(fresh, "original").value);
    }
    // Not by its property: its buttons are called so, too.
    this.form.setAttribute("action", fresh.getAttribute("action") ?? "");
    this.takePart("[data-form-errors]", fresh);
    this.takePart("[data-form-actions]", fresh);
    this.showFields();
    this.mark();
  }

  /** @param {string} selector @param {HTMLFormElement} fresh */
  takePart(selector, fresh) {
    const [own, other] = [this.form, fresh].map((one) => one.querySelector(selector));
    if (own && other && !own.contains(document.activeElement)) own.replaceChildren(...other.childNodes);
  }

  /**
   * Take in what the form is now on the server: what was left alone changes with it, what was typed stays.
   * Where both have changed the same field, the version stays too, so that saving says so.
   * @param {HTMLFormElement} fresh
   */
  merge(fresh) {
    const wasTyped = this.isTyped;
    const others = controlsOf(fresh);
    const now = hidden(fresh, "original").value;
    const told = read(now);
    let isContested = false;
    for (const control of this.controls.values()) {
      const name = control.name;
      const other = others.get(name);
      if (other) {
        control.disabled = other.disabled;
        takeOptions(control, other);
      }
      if (told[name] === undefined || told[name] === this.was(control)) continue;
      const isLeftAlone = control.value === this.was(control) || control.disabled;
      if (isLeftAlone) control.value = told[name];
      else if (control.value !== told[name]) {
        isContested = true;
        continue;
      }
      this.base[name] = told[name];
    }
    hidden(this.form, "original").value = now;
    if (!isContested) hidden(this.form, "expected_version").value = hidden(fresh, "expected_version").value;
    this.takePart("[data-form-actions]", fresh);
    const notice = this.form.querySelector("[data-changed]");
    if (notice instanceof HTMLElement && wasTyped) notice.hidden = false;
    this.showFields();
    this.mark();
  }

  /** Ask before a link leads away from what is not saved. */
  guardLinks() {
    const dialog = document.querySelector("dialog[data-unsaved]");
    if (!(dialog instanceof HTMLDialogElement)) return;
    const leave = /** @type {HTMLAnchorElement} */ (dialog.querySelector("[data-leave]"));
    dialog.querySelector("[data-stay]")?.addEventListener("click", () => dialog.close());
    leave.addEventListener("click", () => {
      this.isLeaving = true;
    });
    document.addEventListener("click", (event) => {
      const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
      if (!(link instanceof HTMLAnchorElement) || link === leave || event.defaultPrevented) return;
      const opensElsewhere = event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || link.target;
      const isHere = link.hash && link.href.split("#")[0] === location.href.split("#")[0];
      if (opensElsewhere || isHere || !this.isTyped) return;
      event.preventDefault();
      leave.href = link.href;
      dialog.showModal();
    });
  }
}
