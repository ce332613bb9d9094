// The room: four screens of one page, moved by push, never by a reload.

import { keepTime, localise, localTime, setClock } from "./clock.js";
import { People } from "./people.js";
import { Push } from "./push.js";
import "./telegram.js";

/** @type {Record<string, string>} */
const SCREENS = { draft: "lobby", scheduled: "lobby", live: "live", paused: "paused", finished: "finished", archived: "finished" };

const room = /** @type {HTMLElement} */ (document.querySelector("[data-room]"));
/** A part of the page that is always there, whatever it is. @param {string} selector @returns {any} */
const find = (selector) => room.querySelector(selector);
const webinarId = room.dataset.webinarId ?? "";
const isParticipant = room.dataset.participant === "true";
const ownOrigins = new Set(room.dataset.frameOrigins?.split(" ").filter(Boolean));
const leftKey = `left:${webinarId}`;
const isVisible = () => document.visibilityState === "visible";
const question = find("[data-finish-confirm]");

setClock(room.dataset.now);
localise(document);
keepTime();

const people = new People(find(".people"), webinarId);
/** What was told last; nothing before the first event. @type {any} */
let state = null;

/** @param {string} path */
function send(path) {
  return fetch(`/webinar/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": room.dataset.csrf ?? "" },
    body: JSON.stringify({ webinar_id: webinarId }),
    keepalive: true,
  });
}

/** Take the token of the page as it is now: in another tab the session may have been replaced. True if it is another one. */
async function renewToken() {
  const holder = document.createElement("template");
  holder.innerHTML = await (await fetch(window.location.href, { cache: "no-store" })).text();
  const page = holder.content.querySelector("[data-room]");
  const token = page instanceof HTMLElement ? page.dataset.csrf : undefined;
  const isOther = token !== undefined && token !== room.dataset.csrf;
  if (isOther) room.dataset.csrf = token;
  return isOther;
}

/** Say something about this webinar. @param {string} path */
async function post(path) {
  let response = await send(path);
  if (response.status === 403 && (await renewToken())) response = await send(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
}

/** Say that this page has been looked at; a tab in the background takes no part. */
async function saySeen(tries = 5) {
  if (!isVisible()) return;
  try {
    await post("seen");
  } catch {
    if (tries > 1) setTimeout(() => saySeen(tries - 1), 3000);
  }
}

/** Read something out to who does not see the page. @param {string} words */
function announce(words) {
  find("[data-announce]").textContent = words;
}

/** @param {Element | null} part */
const isShown = (part) => Boolean(part?.getClientRects().length);

/** Let the keyboard stand on a part; where that is not shown now, on the title. @param {HTMLElement | null} part */
function stand(part) {
  if (part && isShown(part)) part.focus();
  else find("[data-title]").focus({ preventScroll: true });
}

/** @param {string} link */
const isSafe = (link) => link.startsWith("https://") || /^\/(?![/\\])/.test(link);

/** Show `address` in the frame of `part`, or take the frame away; one that is there already stays as it is. @param {string} part @param {string | null} address */
function showFrame(part, address) {
  const place = find(`[data-${part}]`);
  const present = place.querySelector("iframe");
  if (!address) {
    present?.remove();
    delete place.dataset.address;
    return;
  }
  if (present && (place.dataset.address ?? present.getAttribute("src")) === address) return;
  const frame = find(`template[data-frame="${part}"]`).content.querySelector("iframe").cloneNode(true);
  // This page may frame only the hosts that it was loaded with; any other is shown by a page of ours in between.
  const isKnown = ownOrigins.has(new URL(address).origin);
  if (!isKnown) {
    frame.removeAttribute("sandbox");
  }
  frame.src = isKnown ? address : `${room.dataset.framePage}/${part}?v=${state.version}`;
  place.dataset.address = address;
  place.replaceChildren(frame);
}

function showStage() {
  const isOnAir = state.status === "live" || state.status === "paused";
  const isLeft = room.dataset.left === "true";
  const embeds = state.stream_type === "embed";
  const address = isOnAir ? state.player_src : null;
  room.dataset.streamType = state.stream_type ?? "embed";
  showFrame("player", embeds && !isLeft ? address : null);
  showFrame("chat", embeds && isOnAir ? state.chat_src : null);
  find("[data-chat-card]").hidden = !(embeds && isOnAir && state.chat_src);
  find("[data-outside]").hidden = embeds || !address;
  find("[data-no-player]").hidden = Boolean(address);
  const link = find("[data-outside-link]");
  if (!embeds && address && isSafe(address)) link.href = address;
}

/** Returns what is to be said of it, where it has just appeared. */
function showCta() {
  const cta = state.cta_visibility === "visible" ? state.cta : null;
  const bar = find("[data-cta-bar]");
  const isNew = bar.hidden;
  bar.hidden = !cta;
  if (!cta) return "";
  const link = find("[data-cta]");
  link.textContent = cta.text || link.dataset.fallback;
  link.href = cta.link && isSafe(cta.link) ? cta.link : "/account/contacts/";
  return isNew ? `${bar.dataset.appeared} ${link.textContent}` : "";
}

/** What a tab shows of itself among others: that it is on air. @param {string} screen */
function showTab(screen) {
  const isLive = screen === "live";
  document.title = `${isLive ? "● " : ""}${state.title || room.dataset.noTitle}`;
  const icon = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
  icon.dataset.calm ??= icon.href;
  icon.href = (isLive ? room.dataset.liveIcon : icon.dataset.calm) ?? "";
}

function showWords() {
  find("[data-title]").textContent = state.title;
  find("[data-speaker]").hidden = !state.speaker;
  find("[data-speaker-name]").textContent = state.speaker ?? "";
  const description = find("[data-description]");
  if (state.description !== undefined) {
    description.textContent = state.description ?? "";
    description.hidden = !state.description;
  }
  const poster = find("[data-poster]");
  const address = state.poster_url && isSafe(state.poster_url) ? state.poster_url : "";
  if ((poster.getAttribute("src") ?? "") !== address) poster.src = address;
  poster.hidden = !address;
  if (state.scheduled_at) {
    const time = find("[data-starts]");
    time.dateTime = state.scheduled_at;
    time.textContent = localTime(state.scheduled_at);
    find("[data-countdown]").dataset.countdown = state.scheduled_at;
  }
}

const NEXT_AGAIN = 20000;
let nextTimer = 0;

/** Show what comes after this webinar, as long as this page says that it is over. */
async function showNext() {
  clearTimeout(nextTimer);
  nextTimer = window.setTimeout(showNext, NEXT_AGAIN + Math.random() * NEXT_AGAIN);
  if (room.dataset.screen !== "finished" || !isVisible()) return;
  let found;
  try {
    const response = await fetch("/webinar/v1/webinars");
    if (!response.ok) return;
    found = await response.json();
  } catch {
    return;
  }
  const next = found.webinars.find(
    (/** @type {any} */ one) => one.webinar_id !== webinarId && !one.cancelled && ["scheduled", "live", "paused"].includes(one.status),
  );
  find("[data-next]").hidden = !next;
  if (!next) return;
  find("[data-next-title]").textContent = next.title;
  const time = find("[data-next-time]");
  time.dateTime = next.scheduled_at;
  time.textContent = localTime(next.scheduled_at);
  find("[data-next-link]").href = `/account/webinar_room/${next.webinar_id}`;
}

/** @param {boolean} isLeft */
function setLeft(isLeft) {
  room.dataset.left = String(isLeft);
  if (isLeft) sessionStorage.setItem(leftKey, "1");
  else sessionStorage.removeItem(leftKey);
}

/** @param {string} screen */
const nameOf = (screen) => find(`.screen[data-for~="${screen}"]`)?.getAttribute("aria-label") ?? "";

/** @param {any} next */
function show(next) {
  const before = room.dataset.screen;
  const focused = document.activeElement;
  const screen = SCREENS[next.status] ?? "lobby";
  state = next;
  room.dataset.version = next.version;
  room.dataset.viewers = next.viewers;
  room.dataset.cancelled = String(Boolean(next.cancelled));
  find("[data-viewers-count]").textContent = next.viewers;
  if (screen !== "live" && screen !== "paused") {
    setLeft(false);
    question.hidden = true;
  }
  showWords();
  showTab(screen);
  room.dataset.screen = screen;
  showStage();
  const words = [screen === before ? "" : nameOf(screen), showCta()].filter(Boolean);
  if (words.length) announce(words.join(". "));
  if (room.contains(focused) && !isShown(focused)) stand(null);
  find("[data-draft]").hidden = next.status !== "draft";
  people.changed(next.viewers);
  if (screen === "finished" && !nextTimer) showNext();
  if (screen === before) return;
  if (screen === "live") saySeen();
}

function noteCta() {
  if (isParticipant) post("cta_clicked").catch(() => {});
}

// The middle button opens a link, too.
room.addEventListener("auxclick", (event) => {
  if (event.button === 1 && event.target instanceof Element && event.target.closest("[data-cta]")) noteCta();
});

function askAboutFinish() {
  find("[data-finish-error]").hidden = true;
  question.hidden = false;
  question.scrollIntoView({ block: "nearest" });
  stand(find('[data-action="finish-confirm"]'));
}

function stay() {
  question.hidden = true;
  stand(find('[data-action="finish"]'));
}

async function finish() {
  const button = find('[data-action="finish-confirm"]');
  button.disabled = true;
  find("[data-finish-error]").hidden = true;
  try {
    await post("finish");
    question.hidden = true;
    setLeft(true);
    if (state) showStage();
    announce([...room.querySelectorAll(".left > p:not(.actions)")].map((line) => line.textContent).join(" "));
    stand(find('[data-action="return"]'));
  } catch {
    find("[data-finish-error]").hidden = false;
  }
  button.disabled = false;
  if (!question.hidden) stand(button);
}

function comeBack() {
  setLeft(false);
  if (state) showStage();
  announce(nameOf("live"));
  stand(find('[data-action="finish"]'));
}

/** @type {Record<string, () => void>} */
const ACTIONS = { finish: askAboutFinish, "finish-cancel": stay, "finish-confirm": finish, return: comeBack };

room.addEventListener("click", (event) => {
  const button = event.target instanceof Element && event.target.closest("[data-action], [data-cta]");
  if (!(button instanceof HTMLElement)) return;
  if (button.matches("[data-cta]")) noteCta();
  else ACTIONS[button.dataset.action ?? ""]?.();
});

document.addEventListener("keydown", (event) => {
  const isAsked = !question.hidden && !find('[data-action="finish-confirm"]').disabled;
  if (event.key === "Escape" && isAsked) stay();
});

document.addEventListener("visibilitychange", () => saySeen());

if (sessionStorage.getItem(leftKey) && ["live", "paused"].includes(room.dataset.screen ?? "")) {
  room.dataset.left = "true";
  find("[data-player] iframe")?.remove();
}

new Push({
  address: "/webinar/v1/state",
  query: { webinar_id: webinarId },
  version: Number(room.dataset.version),
  onState: show,
  onOpen: () => saySeen(),
  onLost: (isLost) => {
    find('[data-banner="lost"]').hidden = !isLost;
  },
  onRefused: (status) => {
    people.stop();
    find(`[data-banner="${status === 401 ? "ended" : "gone"}"]`).hidden = false;
  },
});
people.load();
