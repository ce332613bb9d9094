// Linking Telegram without leaving the page: the square appears in place of the button, and goes when it has been used.

const LOOK = 4000;
const LOOKS = 225;

const shown = () => document.querySelector("[data-telegram]");

/** Put the answer in place of what is shown; where only what is linked counts, nothing else takes it away.
 * @param {Promise<Response>} request @param {boolean} [onlyLinked]
 */
async function replace(request, onlyLinked = false) {
  try {
    const holder = document.createElement("template");
    holder.innerHTML = await (await request).text();
    const fresh = holder.content.querySelector(onlyLinked ? '[data-telegram="linked"]' : "[data-telegram]");
    if (fresh) shown()?.replaceWith(fresh);
    return Boolean(fresh);
  } catch {
    return false;
  }
}

/** The link is followed on this device or on another one: look whether it has been, while it can be.
 * @param {number} left
 */
function watch(left) {
  window.setTimeout(async () => {
    if (!document.querySelector("[data-telegram-link]")) return;
    const isLooking = document.visibilityState === "visible";
    if (isLooking) await replace(fetch("/account/telegram/", { headers: { "X-Part": "telegram-state" } }), true);
    if (left > 1) watch(isLooking ? left - 1 : left);
  }, LOOK);
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.matches("[data-telegram-form]")) return;
  event.preventDefault();
  const headers = { "X-Part": "telegram" };
  const isShown = await replace(fetch(form.action, { method: "POST", body: new FormData(form), headers }));
  if (!isShown) {
    form.submit();
    return;
  }
  const link = document.querySelector("[data-telegram-link]");
  if (link instanceof HTMLElement) link.focus();
  watch(LOOKS);
});

if (document.querySelector("[data-telegram-link]")) watch(LOOKS);
