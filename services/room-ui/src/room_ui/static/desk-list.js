// The desk's list of webinars: it follows what happens to them, and takes nothing away from who is reading it.

import { localise } from "./clock.js";
import { read } from "./desk-press.js";
import { Hold, keepFocus } from "./place.js";
import { Push } from "./push.js";

/** Who tells can be ahead of what the list is made from. */
const AGAIN = 400;
const TRIES = 10;

/** @typedef {{ webinar_id: string, version: number, viewers: number }} Told */

const list = /** @type {HTMLElement} */ (document.querySelector("[data-list]"));
const announce = /** @type {HTMLElement} */ (document.querySelector("[data-announce]"));
/** @param {string} name */
const banner = (name) => /** @type {HTMLElement} */ (document.querySelector(`[data-banner="${name}"]`));

/** @type {Told[]} */
let told = [];
let tries = 0;
let timer = 0;
let isLooking = false;
/** Something happened while it could not be looked at. */
let isMissed = false;

const hold = new Hold(() => isMissed && look());
document.addEventListener("visibilitychange", look);

new Push({
  address: "/webinar/v1/desk",
  onState: ({ webinars }) => {
    const isSame = JSON.stringify(told) === JSON.stringify(webinars);
    told = webinars;
    if (isSame && isCurrent()) return;
    tries = 0;
    look();
    lookSoon();
  },
  onLost: (isLost) => {
    banner("lost").hidden = !isLost;
  },
  onRefused: (status) => {
    banner(status === 401 ? "ended" : "gone").hidden = false;
  },
});

/** Whether no row is older than what was told. */
function isCurrent() {
  const versions = new Map(told.map((one) => [one.webinar_id, one.version]));
  return [...list.querySelectorAll("[data-webinar-id]")].every(
    (row) => Number(row.getAttribute("data-version")) >= (versions.get(row.getAttribute("data-webinar-id") ?? "") ?? 0),
  );
}

function lookSoon() {
  clearTimeout(timer);
  timer = window.setTimeout(look, AGAIN);
}

async function look() {
  if (document.visibilityState !== "visible") return;
  isMissed = isLooking || hold.isOn;
  if (isMissed) return;
  isLooking = true;
  let isTaken = false;
  try {
    const response = await fetch(location.href, { headers: { "X-Part": "list" }, cache: "no-store" });
    const fresh = response.ok ? read(await response.text()).querySelector("[data-list]") : null;
    if (fresh && !hold.isOn) {
      take(fresh);
      isTaken = true;
    }
  } catch {
    // The next look may get through; until then the list is that of the last one.
  } finally {
    isLooking = false;
  }
  if (isMissed) look();
  else if (!(isTaken && isCurrent()) && tries < TRIES) {
    tries += 1;
    lookSoon();
  }
}

/** Show the list as it is now: what has not changed stays the same element. @param {Element} fresh */
function take(fresh) {
  localise(fresh);
  const rows = new Map([...list.querySelectorAll("[data-webinar-id]")].map((row) => [row.getAttribute("data-webinar-id"), row]));
  const others = [...fresh.querySelectorAll("[data-webinar-id]")].filter((row) => isOther(rows.get(row.getAttribute("data-webinar-id")), row));
  const words = others.map((row) => `${row.querySelector("h3")?.textContent}: ${row.querySelector(".badge")?.textContent}`);
  if (words.length) announce.textContent = words.join(". ");
  keepFocus(list, () => arrange(list, [...fresh.children].map((part) => {
    const shelf = part.getAttribute("data-shelf");
    const old = shelf && list.querySelector(`[data-shelf="${shelf}"]`);
    if (!old) return [...list.children].find((one) => one.isEqualNode(part)) ?? part;
    const wanted = [...part.querySelectorAll("[data-webinar-id]")].map((row) => current(rows.get(row.getAttribute("data-webinar-id")), row));
    arrange(/** @type {Element} */ (old.querySelector("ul")), wanted);
    return old;
  })));
}

/** Whether something has become of a webinar. @param {Element | undefined} old @param {Element} row */
const isOther = (old, row) => Boolean(old) && old?.getAttribute("data-status") !== row.getAttribute("data-status");

/** A row as it is now, in the place of what it was. @param {Element | undefined} old @param {Element} row */
function current(old, row) {
  if (old?.isEqualNode(row)) return old;
  old?.replaceWith(row);
  return row;
}

/** Let an element have these children in this order, moving as few as that needs. @param {Element} parent @param {Element[]} wanted */
function arrange(parent, wanted) {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((one, at) => {
    if (parent.children[at] !== one) parent.insertBefore(one, parent.children[at] ?? null);
  });
}
