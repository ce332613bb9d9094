// What the pages with forms do alike: addresses to hand over are copied, and what was just done is said once.

const COPIED_SHOWN = 2500;

/** @param {string} text @param {HTMLInputElement | null} [shown] what to mark where scripts may not write */
async function copy(text, shown) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    shown?.select();
    return Boolean(shown) && document.execCommand("copy");
  }
}

/** @param {HTMLElement} button */
function sayCopied(button) {
  const words = button.querySelector("span");
  if (!words) return;
  const usual = words.dataset.usual ?? words.textContent ?? "";
  words.dataset.usual = usual;
  words.textContent = words.dataset.copied ?? "";
  const announced = document.querySelector("[data-announce]");
  if (announced) announced.textContent = words.textContent;
  window.setTimeout(() => {
    words.textContent = usual;
  }, COPIED_SHOWN);
}

/** All addresses of the page at once, each with whom it is for. */
function allAddresses() {
  const inputs = [...document.querySelectorAll("[data-one-time-link]")].filter((one) => one instanceof HTMLInputElement);
  return inputs.map((input) => `${input.getAttribute("aria-label")}\t${input.value}`).join("\n");
}

/** What works only with a script is shown by it, also in parts of a page that were made anew. */
export function showCopying() {
  for (const button of document.querySelectorAll("[data-copy]")) button.removeAttribute("hidden");
  for (const button of document.querySelectorAll("[data-copy-all]")) button.toggleAttribute("hidden", !navigator.clipboard);
}

/** Addresses to hand over: marked when they are reached, copied by a button. */
export function handOver() {
  showCopying();
  document.addEventListener("focusin", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.matches("[data-select]")) event.target.select();
  });
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy], [data-copy-all]") : null;
    if (!(button instanceof HTMLElement)) return;
    const input = button.closest(".with-copy")?.querySelector("input");
    const text = "copyAll" in button.dataset ? allAddresses() : (input?.value ?? "");
    if (await copy(text, input)) sayCopied(button);
  });
}

/** The words about what was just done belong to this moment: a reload must not say them again. */
export function sayOnce() {
  const address = new URL(window.location.href);
  if (!address.searchParams.has("done")) return;
  address.searchParams.delete("done");
  window.history.replaceState(null, "", address);
}
