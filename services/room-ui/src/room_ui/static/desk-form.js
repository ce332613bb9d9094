// The desk's form: nothing that was typed is lost, neither to a change by somebody else nor to a click on a link.

import { helpFields } from "./desk-fields.js";
import { busy } from "./desk-press.js";

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

/** What can be chosen on the server by now. @param {Control} control @param {Element | RadioNodeList | null} other */
function takeOptions(control, other) {
  if (!(control instanceof HTMLSelectElement) || !(other instanceof HTMLSelectElement)) return;
  const known = new Set([...control.options].map((option) => option.value));
  const news = [...other.options].filter((option) => !known.has(option.value));
  control.append(...news.map((option) => new Option(option.text, option.value)));
}

export class DeskForm {
  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.form = form;
    this.showFields = helpFields(form);
    /** A form that was refused comes with what was typed; what it was before stands in `original`. */
    this.isRefused = form.dataset.typed === "true";
    this.base = read(this.hidden("original").value);
    this.isSent = false;
    this.isLeaving = false;
    form.addEventListener("input", () => this.mark());
    form.addEventListener("submit", (event) => this.sent(event));
    window.addEventListener("beforeunload", (event) => this.isUnsaved && !this.isLeaving && event.preventDefault());
    window.addEventListener("pageshow", () => {
      this.isSent = false;
      this.isLeaving = false;
      this.undo?.();
      this.mark();
    });
    this.guardLinks();
  }

  /** @param {string} name */
  hidden(name) {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem(name));
  }

  get controls() {
    return /** @type {Control[]} */ ([...this.form.querySelectorAll("[id^='f-'][name]")]);
  }

  /** What stood in a field before it was typed into. @param {Control} control */
  was(control) {
    return this.base[control.name] ?? made(control);
  }

  get isTyped() {
    const isNew = !this.hidden("original").value;
    return (isNew && this.isRefused) || this.controls.some((one) => !one.disabled && one.value !== this.was(one));
  }

  get isUnsaved() {
    return !this.isSent && this.isTyped;
  }

  mark() {
    const mark = this.form.querySelector("[data-unsaved-mark]");
    if (mark instanceof HTMLElement) mark.hidden = !this.isTyped;
  }

  /** @param {SubmitEvent} event */
  sent(event) {
    if (this.isSent) {
      event.preventDefault();
      return;
    }
    this.isSent = true;
    // A disabled button says nothing, so not before the form has been read.
    setTimeout(() => {
      this.undo = busy(event.submitter);
    }, 0);
  }

  /**
   * Take in what the form is now on the server: what was left alone changes with it, what was typed stays.
   * Where both have changed the same field, the version stays too, so that saving says so.
   * @param {HTMLFormElement} fresh
   */
  merge(fresh) {
    const wasTyped = this.isTyped;
    const now = /** @type {HTMLInputElement} */ (fresh.elements.namedItem("original")).value;
    const told = read(now);
    let isContested = false;
    for (const control of this.controls) {
      const name = control.name;
      const other = fresh.elements.namedItem(name);
      if (other && "disabled" in other) control.disabled = Boolean(other.disabled);
      takeOptions(control, other);
      if (told[name] === undefined || told[name] === this.was(control)) continue;
      const isLeftAlone = control.value === this.was(control) || control.disabled;
      if (isLeftAlone) control.value = told[name];
      else if (control.value !== told[name]) {
        isContested = true;
        continue;
      }
      this.base[name] = told[name];
    }
    this.hidden("original").value = now;
    if (!isContested) {
      const version = /** @type {HTMLInputElement} */ (fresh.elements.namedItem("expected_version"));
      this.hidden("expected_version").value = version.value;
    }
    const [actions, others] = [this.form, fresh].map((one) => one.querySelector("[data-form-actions]"));
    if (actions && others && !actions.contains(document.activeElement)) actions.replaceChildren(...others.childNodes);
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
      if (opensElsewhere || isHere || !this.isUnsaved) return;
      event.preventDefault();
      leave.href = link.href;
      dialog.showModal();
    });
  }
}
