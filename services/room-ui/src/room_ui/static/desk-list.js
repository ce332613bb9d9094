// The desk's list of webinars: it follows what happens to them, and takes nothing away from who is reading it.

import { localise } from "./clock.js";
import { placeOf, read } from "./desk-press.js";
import { Push } from "./push.js";

/** While something on this page of the list is on air its viewers change; else only drafts, which nobody is told of. */
const LOOK = 4000;
const SELDOM = 7;
/** Who tells can be ahead of what the list is made from. */
const AGAIN = 1000;

const list = /** @type {HTMLElement} */ (document.querySelector("[data-list]"));
let isHeld = false;
let isLooking = false;
/** What became of the list while it was looked at is not in that look. */
let isMissed = false;

// A link that is made anew between pressing and letting go is not followed.
document.addEventListener("pointerdown", () => {
  isHeld = true;
});
for (const name of ["pointerup", "pointercancel", "blur"]) {
  window.addEventListener(name, () => {
    isHeld = false;
  });
}
document.addEventListener("visibilitychange", look);
let ticks = 0;
setInterval(() => {
  ticks += 1;
  if (ticks % SELDOM === 0 || list.querySelector('[data-shelf="on_air"]')) look();
}, LOOK);

let told = "";
new Push({
  address: "/webinar/v1/webinars",
  onState: ({ webinars }) => {
    const before = told;
    told = JSON.stringify(webinars.map((/** @type {any} */ one) => [one.webinar_id, one.version]));
    if (before === told) return;
    isMissed = isLooking;
    look();
    setTimeout(look, AGAIN);
  },
});

async function look() {
  if (isLooking || isHeld || document.visibilityState !== "visible") return;
  isLooking = true;
  try {
    const response = await fetch(location.href, { headers: { "X-Part": "list" }, cache: "no-store" });
    const fresh = response.ok ? read(await response.text()).querySelector("[data-list]") : null;
    if (fresh && !isHeld) take(fresh);
  } catch {
    // The next look may get through; until then the list is that of the last one.
  } finally {
    isLooking = false;
  }
  if (!isMissed) return;
  isMissed = false;
  look();
}

/** Show the list as it is now: what has not changed stays the same element. @param {Element} fresh */
function take(fresh) {
  localise(fresh);
  const active = list.contains(document.activeElement) ? document.activeElement : null;
  const place = placeOf(active);
  const rows = new Map([...list.querySelectorAll("[data-webinar-id]")].map((row) => [row.getAttribute("data-webinar-id"), row]));
  const parts = [...fresh.children].map((part) => {
    const shelf = part.getAttribute("data-shelf");
    const old = shelf && list.querySelector(`[data-shelf="${shelf}"]`);
    if (!old) return [...list.children].find((one) => one.isEqualNode(part)) ?? part;
    const wanted = [...part.querySelectorAll("[data-webinar-id]")].map((row) => current(rows.get(row.getAttribute("data-webinar-id")), row));
    arrange(/** @type {Element} */ (old.querySelector("ul")), wanted);
    return old;
  });
  arrange(list, parts);
  if (active && document.activeElement !== active) {
    const found = place ? list.querySelector(place) : null;
    if (found instanceof HTMLElement) found.focus({ preventScroll: true });
  }
}

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
