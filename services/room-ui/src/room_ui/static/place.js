// What is made anew under somebody's hands: the keyboard stays where it was, and nothing is pressed that has just come.

/** What finds the same thing again in a part of the page that was made anew. @param {Element | null} element */
export function placeOf(element) {
  if (!element) return "";
  if (element.id) return `#${CSS.escape(element.id)}`;
  const form = element.closest("form");
  if (form && element instanceof HTMLButtonElement) {
    const value = element.value ? `[value="${CSS.escape(element.value)}"]` : "";
    return `form[action="${CSS.escape(form.getAttribute("action") ?? "")}"] button${value}`;
  }
  if (element instanceof HTMLAnchorElement) {
    const webinar = element.closest("[data-webinar-id]")?.getAttribute("data-webinar-id");
    const within = webinar ? `[data-webinar-id="${CSS.escape(webinar)}"] ` : "";
    return `${within}a[href="${CSS.escape(element.getAttribute("href") ?? "")}"]`;
  }
  const details = element.closest("details[id]");
  return details ? `#${CSS.escape(details.id)} > summary` : "";
}

/** Change a part of the page; if the keyboard stood in it, it stands there again. @param {Element} root @param {() => void} change */
export function keepFocus(root, change) {
  const active = root.contains(document.activeElement) ? document.activeElement : null;
  const place = placeOf(active);
  change();
  if (!active || document.activeElement === active) return;
  const found = place ? root.querySelector(place) : null;
  if (found instanceof HTMLElement) found.focus({ preventScroll: true });
}

/** Whether something is pressed just now: what is made anew between pressing and letting go is not pressed. */
export class Hold {
  /** @param {() => void} onEnd it was let go */
  constructor(onEnd) {
    this.isOn = false;
    document.addEventListener("pointerdown", (event) => {
      // Of the other buttons the browser's own menu may swallow the end.
      if (event.button === 0) this.isOn = true;
    });
    for (const name of ["pointerup", "pointercancel", "blur"]) {
      window.addEventListener(name, () => {
        this.isOn = false;
        onEnd();
      });
    }
  }
}
