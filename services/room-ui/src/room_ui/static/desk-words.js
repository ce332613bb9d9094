// What the desk says: words that its page brought along, and the place where they stand.

/** Words of the page, by name. @param {string} name */
export function word(name) {
  const template = document.querySelector(`template[data-word="${name}"]`);
  return template instanceof HTMLTemplateElement ? (template.content.textContent ?? "").trim() : "";
}

/** @param {string} words @param {string} [kind] */
function notice(words, kind = "") {
  const element = document.createElement("p");
  element.className = `notice ${kind}`.trim();
  if (kind === "bad") element.setAttribute("role", "alert");
  element.textContent = words;
  return element;
}

/** Put a notice in the place of what was there. @param {Element | null} said */
export function show(said) {
  for (const old of document.querySelectorAll("main > [data-notice]")) old.remove();
  const [good, bad] = ["[data-said]", "[data-refused]"].map((one) => document.querySelector(one));
  good?.replaceChildren();
  bad?.replaceChildren();
  if (!said) return;
  const isBad = said.classList.contains("bad");
  if (!isBad) said.removeAttribute("role");
  (isBad ? bad : good)?.replaceChildren(said);
}

/** Say what has happened, where screen readers hear it. @param {string} words */
export const say = (words) => show(notice(words));

/** Say why something was not done: what the page that answered says, else that nothing came through. @param {Document} [page] */
export const refuse = (page) => show(notice(page?.querySelector("main h1")?.textContent || word("failed"), "bad"));

/** Take the keyboard, and with it the screen, to what was said last. */
export function goToWords() {
  const said = document.querySelector("[data-said]:not(:empty), [data-refused]:not(:empty)");
  if (said instanceof HTMLElement) said.focus();
}
