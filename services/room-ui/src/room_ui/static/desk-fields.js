// What the fields of the desk's form say while they are typed into: the visitor's own time, the pictures, the links.

import { localTime, now, zoneName } from "./clock.js";
import { fromNow, isZone, momentOf, ownZone } from "./zones.js";

const TYPED = 500;
const MINUTE = 60000;

/** @typedef {HTMLInputElement} Field */

/** Do it once the typing pauses. @param {() => void} work */
function afterTyping(work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = window.setTimeout(work, TYPED);
  };
}

/** Let the fields of a form help whoever fills them in. @param {HTMLFormElement} form */
export function helpFields(form) {
  const field = (/** @type {string} */ name) => /** @type {Field} */ (form.elements.namedItem(name));
  const find = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (form.querySelector(selector));
  guessZone(field("time_zone"));
  const shows = [
    helpWithTime(field("scheduled_at"), field("time_zone"), find),
    helpWithPoster(field("poster_url"), find),
    helpWithLink(form, "player", field("player_src"), find),
    helpWithLink(form, "chat", field("chat_src"), find),
    helpWithButton(field("cta_text"), find("[data-cta-preview]")),
  ];
  return () => shows.forEach((show) => show());
}

/** @param {Field} zone */
function guessZone(zone) {
  if (!("guessZone" in zone.dataset) || !ownZone) return;
  zone.value = ownZone;
  zone.defaultValue = ownZone;
}

/** @param {Field} local @param {Field} zone @param {(selector: string) => HTMLElement} find */
function helpWithTime(local, zone, find) {
  const use = find("[data-use-zone]");
  const show = () => {
    const isNamed = isZone(zone.value);
    const moment = isNamed && local.value ? momentOf(local.value, zone.value) : null;
    const isPast = moment !== null && moment < now();
    find("[data-when]").hidden = moment === null;
    find("[data-when-past]").hidden = !isPast || local.disabled;
    find("[data-when-gap]").hidden = !isNamed || !local.value || moment !== null;
    find("[data-when-no-zone]").hidden = isNamed || !zone.value;
    use.hidden = !ownZone || zone.disabled || zone.value === ownZone;
    if (moment === null) return;
    const iso = new Date(moment).toISOString();
    find("[data-when-time]").textContent = localTime(iso);
    find("[data-when-zone]").textContent = zone.value === ownZone ? "" : `, ${zoneName(iso)}`;
    find("[data-when-from-now]").textContent = fromNow(moment - now());
  };
  find("[data-use-zone-name]").textContent = ownZone;
  use.querySelector("button")?.addEventListener("click", () => {
    zone.value = ownZone;
    zone.dispatchEvent(new Event("input", { bubbles: true }));
    zone.focus();
  });
  for (const one of [local, zone]) one.addEventListener("input", show);
  setInterval(show, MINUTE / 2);
  show();
  return show;
}

/** @param {Field} poster @param {(selector: string) => HTMLElement} find */
function helpWithPoster(poster, find) {
  const picture = /** @type {HTMLImageElement} */ (find("[data-poster-picture]"));
  const showState = (/** @type {"none" | "there" | "wrong"} */ state) => {
    picture.hidden = state !== "there";
    find("[data-poster-none]").hidden = state === "there";
    find('[data-poster-words="none"]').hidden = state !== "none";
    find('[data-poster-words="wrong"]').hidden = state !== "wrong";
  };
  const show = () => {
    const address = poster.value.trim();
    if (!address.startsWith("https://")) {
      showState(address ? "wrong" : "none");
      return;
    }
    if (picture.getAttribute("src") === address && picture.complete) {
      showState(picture.naturalWidth ? "there" : "wrong");
      return;
    }
    picture.src = address;
  };
  picture.addEventListener("load", () => showState("there"));
  picture.addEventListener("error", () => poster.value.trim() && showState("wrong"));
  poster.addEventListener("input", afterTyping(show));
  if (picture.complete) show();
  return show;
}

/**
 * @param {HTMLFormElement} form @param {"player" | "chat"} place @param {Field} link
 * @param {(selector: string) => HTMLElement} find
 */
function helpWithLink(form, place, link, find) {
  const words = find(`[data-link-words="${place}"]`);
  const preview = /** @type {HTMLDetailsElement} */ (find(`[data-preview="${place}"]`));
  const stage = /** @type {HTMLElement} */ (preview.querySelector("[data-preview-place]"));
  const address = `/admin_webinar/preview/${place}`;
  const token = () => /** @type {Field} */ (form.elements.namedItem("csrf_token")).value;
  const platform = /** @type {HTMLSelectElement | null} */ (form.elements.namedItem("stream_type"));
  const isFramed = () => !platform || platform.value === "embed";
  const present = () => `${isFramed()} ${link.value.trim()}`;
  let shown = present();
  let asked = 0;

  /** Our own page in between: its policy names the host, this page's was fixed before the link was typed. */
  const showFrame = () => {
    if (!preview.open || preview.hidden) return;
    const template = /** @type {HTMLTemplateElement} */ (form.querySelector("template[data-frame]"));
    const frame = /** @type {HTMLIFrameElement} */ (template.content.firstElementChild?.cloneNode(true));
    frame.name = `preview-${place}`;
    stage.replaceChildren(frame);
    const sent = document.createElement("form");
    sent.method = "post";
    sent.action = address;
    sent.target = frame.name;
    for (const [name, value] of [
      ["csrf_token", token()],
      ["address", link.value],
    ]) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      sent.append(field);
    }
    document.body.append(sent);
    sent.submit();
    sent.remove();
  };

  const show = async () => {
    const number = ++asked;
    shown = present();
    words.replaceChildren();
    if (!isFramed() || !link.value.trim()) {
      preview.hidden = true;
      stage.replaceChildren();
      return;
    }
    preview.hidden = false;
    const body = new URLSearchParams({ csrf_token: token(), address: link.value });
    try {
      const response = await fetch(address, { method: "POST", body, headers: { "X-Part": "words" } });
      const holder = document.createElement("template");
      // Who is signed out is sent to the page where one signs in.
      if (response.ok && !response.redirected) holder.innerHTML = await response.text();
      if (number !== asked) return;
      words.replaceChildren(holder.content);
    } catch {
      return; // Saving will tell.
    }
    preview.hidden = !words.querySelector('[data-link="changed"], [data-link="kept"]');
    if (preview.hidden) stage.replaceChildren();
    else showFrame();
  };

  link.addEventListener("input", afterTyping(show));
  platform?.addEventListener("change", show);
  preview.addEventListener("toggle", () => (preview.open ? showFrame() : stage.replaceChildren()));
  preview.hidden = !link.value.startsWith("https://") || !isFramed();
  return () => {
    if (present() !== shown) show();
  };
}

/** @param {Field} text @param {HTMLElement} button */
function helpWithButton(text, button) {
  const show = () => {
    button.textContent = text.value.trim() || (button.dataset.default ?? "");
  };
  text.addEventListener("input", show);
  return show;
}
