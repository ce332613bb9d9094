// A page that says that something does not answer looks by itself whether it does again.

const PAUSE = 5000;
const line = document.querySelector("[data-retry]");

async function look() {
  try {
    const response = await fetch(window.location.href, { method: "HEAD", cache: "no-store" });
    if (response.status < 500) {
      window.location.reload();
      return;
    }
  } catch {
    // Nobody answers at all; they may the next time.
  }
  window.setTimeout(look, PAUSE + Math.random() * PAUSE);
}

if (line instanceof HTMLElement) {
  line.hidden = false;
  window.setTimeout(look, PAUSE + Math.random() * PAUSE);
}
