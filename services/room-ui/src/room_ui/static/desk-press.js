// A press of one of the desk's buttons: it shows at once that it works, and its answer comes without leaving the page.

import { word } from "./desk-words.js";

/**
 * Show that a button is at work; returns what ends that. The other buttons of its form wait, too.
 * @param {Element | null} button
 */
export function busy(button) {
  const form = button?.closest("form");
  if (!(button instanceof HTMLElement) || !form) return () => {};
  const label = button.querySelector("[data-label]") ?? button;
  const [words, buttons] = [label.textContent, [...form.querySelectorAll("button")]];
  const spinner = document.createElement("span");
  spinner.className = "spinner";
  spinner.setAttribute("aria-hidden", "true");
  label.textContent = word("busy");
  button.classList.add("is-busy");
  button.prepend(spinner);
  for (const one of buttons) one.disabled = true;
  return () => {
    spinner.remove();
    button.classList.remove("is-busy");
    label.textContent = words;
    for (const one of buttons) one.disabled = false;
  };
}

/**
 * What a form says when this button sends it. A disabled button says nothing, so it is read before the button is busy.
 * @param {HTMLFormElement} form @param {Element | null} button
 */
export function filled(form, button) {
  const said = new URLSearchParams();
  for (const [name, value] of new FormData(form)) said.append(name, String(value));
  if (button instanceof HTMLButtonElement && button.name) said.append(button.name, button.value);
  return said;
}

/** Send a form as its button would, and read the page that answers. @param {HTMLFormElement} form @param {URLSearchParams} said */
export async function send(form, said) {
  const response = await fetch(form.getAttribute("action") ?? "", { method: "POST", body: said });
  return { response, page: read(await response.text()) };
}

/** @param {string} text */
export function read(text) {
  return new DOMParser().parseFromString(text, "text/html");
}
