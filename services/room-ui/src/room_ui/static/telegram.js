// Linking Telegram without leaving the page: the square appears in place of the button, and goes when it has been used
// or has had its time.

const ADDRESS = "/account/telegram/";
/** How long a link can be used. */
const LIFE = 15 * 60 * 1000;
const LOOK = 4000;
/** Who comes back from Telegram has said yes there a moment ago. */
const BACK = 1500;

const isVisible = () => document.visibilityState === "visible";
const shown = () => /** @type {HTMLElement} */ (document.querySelector("[data-telegram]"));
const hasSquare = () => Boolean(document.querySelector("[data-telegram-link]"));

let until = 0;
let timer = 0;
let isAsking = false;

/** Fetch what is to be shown; null where the answer is another one. @param {string} name @param {FormData} [form] */
async function fetched(name, form) {
  const request = { method: form ? "POST" : "GET", body: form, headers: { "X-Part": name } };
  const response = await fetch(ADDRESS, { ...request, cache: "no-store" });
  const holder = document.createElement("template");
  holder.innerHTML = await response.text();
  const fresh = holder.content.querySelector("[data-telegram]");
  // Whoever pressed and is not signed in any more is led to where one signs in, and back to this page.
  if (!fresh && form && response.redirected) window.location.reload();
  return fresh instanceof HTMLElement ? fresh : null;
}

/** Put it in place of what is shown. @param {HTMLElement} fresh @param {boolean} isHeld whether the keyboard is to stand in it */
function show(fresh, isHeld) {
  shown().replaceWith(fresh);
  const first = fresh.querySelector("a, button");
  if (isHeld && first instanceof HTMLElement) first.focus();
}

/** @param {string} words @param {boolean} isSaid @param {ParentNode} [root] */
function say(words, isSaid, root = document) {
  const line = root.querySelector(`[data-telegram-${words}]`);
  if (line instanceof HTMLElement) line.hidden = !isSaid;
}

/** Look whether the link has been followed, on this device or on another one. @param {boolean} isBack */
async function look(isBack) {
  if (!hasSquare()) return;
  if (isVisible()) {
    try {
      const before = shown().dataset.version;
      const isLate = Date.now() >= until;
      const fresh = await fetched("telegram-state");
      // The same chat, linked once more, is no news.
      const isUsed = fresh?.dataset.state === "linked" && (isBack || fresh.dataset.version !== before);
      if (fresh && hasSquare() && (isUsed || isLate)) {
        say("late", !isUsed, fresh);
        show(fresh, shown().contains(document.activeElement));
      }
    } catch {
      // The next look may get through.
    }
  }
  watch(LOOK);
}

/** @param {number} wait @param {boolean} [isBack] */
function watch(wait, isBack = false) {
  window.clearTimeout(timer);
  timer = window.setTimeout(() => look(isBack), wait);
}

function begin() {
  until = Date.now() + LIFE;
  watch(LOOK);
}

/** Ask for a link. A form of a session that was replaced in another tab is made anew. @param {HTMLFormElement} form */
async function ask(form) {
  let fresh = await fetched("telegram", new FormData(form));
  if (!fresh) {
    const renewed = (await fetched("telegram-state"))?.querySelector("form");
    fresh = renewed ? await fetched("telegram", new FormData(renewed)) : null;
  }
  if (!fresh) return false;
  show(fresh, true);
  if (hasSquare()) begin();
  return true;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-telegram-form]")) return;
  event.preventDefault();
  if (isAsking) return;
  isAsking = true;
  say("error", false);
  say("error", !(await ask(form).catch(() => false)));
  isAsking = false;
});

document.addEventListener("visibilitychange", () => {
  if (isVisible() && hasSquare()) watch(BACK, true);
});

if (hasSquare()) begin();
