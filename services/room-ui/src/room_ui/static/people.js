// The list of who is here: hosts first, then the first names; the rest by search.

/**
 * @typedef {{ name: string, role: string, country: string | null, host: boolean }} Person
 * @typedef {{ participants: Person[], total: number, viewers: number, next: number | null }} Found
 */

/** @param {string} country */
const flagOf = (country) =>
  /^[A-Z]{2}$/.test(country) ? String.fromCodePoint(...[...country].map((letter) => 0x1f1a5 + letter.charCodeAt(0))) : "";

/** One of the six colours, always the same for a name. @param {string} name */
const tintOf = (name) => `tint-${[...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 6007, 7) % 6}`;

export class People {
  /** @param {HTMLElement} root @param {string} webinarId */
  constructor(root, webinarId) {
    this.root = root;
    this.webinarId = webinarId;
    this.list = /** @type {HTMLElement} */ (root.querySelector("[data-people]"));
    // It may scroll, and whoever has no mouse has to get there.
    this.list.tabIndex = 0;
    this.person = /** @type {HTMLTemplateElement} */ (root.querySelector("template[data-person]"));
    this.search = /** @type {HTMLInputElement | null} */ (root.querySelector("[data-people-search]"));
    /** @type {NodeListOf<HTMLTemplateElement>} */
    const names = root.querySelectorAll("template[data-role-name]");
    this.names = new Map([...names].map((one) => [one.dataset.roleName, one.content.textContent?.trim() ?? ""]));
    this.typing = 0;
    this.timer = 0;
    this.again = 0;
    this.tries = 0;
    this.countryNames = new Intl.DisplayNames([document.documentElement.lang || "ru"], { type: "region" });
    this.last = 0;
    this.asked = 0;
    this.search?.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = window.setTimeout(() => this.load(), 300);
    });
  }

  /** Somebody came or went: read the list again soon; the fuller the room, the seldomer. @param {number} viewers */
  changed(viewers) {
    if (this.timer) return;
    const pause = Math.max(2000, viewers * 20);
    const wait = Math.max(0, this.last + pause - Date.now()) + Math.random() * 300;
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.load();
    }, wait);
  }

  async load() {
    this.last = Date.now();
    const number = ++this.asked;
    const query = new URLSearchParams({ webinar_id: this.webinarId });
    if (this.search?.value.trim()) query.set("q", this.search.value.trim());
    /** @type {Found} */
    let found;
    try {
      const response = await fetch(`/webinar/v1/participants?${query}`);
      if (!response.ok) throw new Error(String(response.status));
      found = await response.json();
    } catch {
      clearTimeout(this.again);
      this.again = window.setTimeout(() => this.load(), 5000 + Math.random() * 5000);
      return;
    }
    if (number === this.asked) this.show(found, query.has("q"));
    // Hosts come and go without being counted, so now and then the list is read without a reason.
    clearTimeout(this.again);
    this.again = window.setTimeout(() => this.changed(found.viewers), Math.max(30000, found.viewers * 50));
  }

  /** The list is shown no more. */
  stop() {
    this.asked += 1;
    this.load = async () => {};
    for (const timer of [this.timer, this.again, this.typing]) clearTimeout(timer);
  }

  /** The list is made anew every other second at most: where it lags behind its own count, look again. @param {Found} found */
  lagging(found) {
    const isBehind = found.next === null && found.participants.length !== found.total;
    this.tries = isBehind ? this.tries + 1 : 0;
    if (isBehind && this.tries <= 3) this.changed(found.viewers);
  }

  /** @param {Found} found @param {boolean} isSearch */
  show(found, isSearch) {
    if (!isSearch) this.lagging(found);
    this.list.replaceChildren(...found.participants.map((one) => this.element(one)));
    this.toggle("[data-people-empty]", isSearch && found.participants.length === 0);
    this.toggle("[data-people-nobody]", !isSearch && found.participants.every((one) => one.host));
    this.toggle("[data-people-more]", found.next !== null);
  }

  /** @param {string} selector @param {boolean} shown */
  toggle(selector, shown) {
    const element = this.root.querySelector(selector);
    if (element instanceof HTMLElement) element.hidden = !shown;
  }

  /** @param {Person} one */
  element(one) {
    const element = /** @type {DocumentFragment} */ (this.person.content.cloneNode(true));
    const part = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (element.querySelector(selector));
    part(".avatar").textContent = [...one.name.trim()][0]?.toUpperCase() ?? "";
    part(".avatar").classList.add(tintOf(one.name));
    part(".name").textContent = one.name;
    part(".role").textContent = this.names.get(one.role) ?? "";
    part(".role").classList.toggle("soon", one.host);
    if (one.country) {
      const flag = part(".flag");
      flag.textContent = flagOf(one.country);
      flag.setAttribute("role", "img");
      flag.title = this.countryNames.of(one.country) ?? one.country;
      flag.setAttribute("aria-label", flag.title);
    }
    return element;
  }
}
