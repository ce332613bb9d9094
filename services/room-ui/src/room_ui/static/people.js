// The list of who is here: hosts first, then the first names; the rest by search.

const flagOf = (country) =>
  /^[A-Z]{2}$/.test(country) ? String.fromCodePoint(...[...country].map((letter) => 0x1f1a5 + letter.charCodeAt(0))) : "";

/** One of the six colours, always the same for a name. @param {string} name */
const tintOf = (name) => `tint-${[...name].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % 6007, 7) % 6}`;

export class People {
  constructor(root, webinarId) {
    this.root = root;
    this.webinarId = webinarId;
    this.list = root.querySelector("[data-people]");
    this.person = root.querySelector("template[data-person]");
    this.search = root.querySelector("[data-people-search]");
    this.names = new Map(
      [...root.querySelectorAll("template[data-role-name]")].map((element) => [
        element.dataset.roleName,
        element.content.textContent.trim(),
      ]),
    );
    this.countryNames = new Intl.DisplayNames([document.documentElement.lang || "ru"], { type: "region" });
    this.last = 0;
    this.asked = 0;
    this.search?.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.load(), 300);
    });
  }

  /** Somebody came or went: read the list again soon; the fuller the room, the seldomer. */
  changed(viewers) {
    if (this.timer) return;
    const pause = Math.max(2000, viewers * 20);
    const wait = Math.max(0, this.last + pause - Date.now()) + Math.random() * 300;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.load();
    }, wait);
  }

  async load() {
    this.last = Date.now();
    const number = ++this.asked;
    const query = new URLSearchParams({ webinar_id: this.webinarId });
    if (this.search?.value.trim()) query.set("q", this.search.value.trim());
    let found;
    try {
      const response = await fetch(`/webinar/v1/participants?${query}`);
      if (!response.ok) throw new Error(response.status);
      found = await response.json();
    } catch {
      clearTimeout(this.again);
      this.again = setTimeout(() => this.load(), 5000 + Math.random() * 5000);
      return;
    }
    if (number === this.asked) this.show(found, query.has("q"));
    // Hosts come and go without being counted, so now and then the list is read without a reason.
    clearTimeout(this.again);
    this.again = setTimeout(() => this.changed(found.viewers), Math.max(30000, found.viewers * 50));
  }

  /** The list is shown no more. */
  stop() {
    this.asked += 1;
    this.load = async () => {};
    for (const timer of [this.timer, this.again, this.typing]) clearTimeout(timer);
  }

  /** The list is made anew every other second at most: where it lags behind its own count, look again. */
  lagging(found) {
    const isBehind = found.next === null && found.participants.length !== found.total;
    this.tries = isBehind ? (this.tries ?? 0) + 1 : 0;
    if (isBehind && this.tries <= 3) this.changed(found.viewers);
  }

  show(found, isSearch) {
    if (!isSearch) this.lagging(found);
    this.list.replaceChildren(...found.participants.map((one) => this.element(one)));
    const count = this.root.querySelector("[data-people-count]");
    if (count && !isSearch) count.textContent = found.next === null ? found.participants.length : found.total;
    this.toggle("[data-people-empty]", isSearch && found.participants.length === 0);
    this.toggle("[data-people-more]", found.next !== null);
  }

  toggle(selector, shown) {
    const element = this.root.querySelector(selector);
    if (element) element.hidden = !shown;
  }

  element(one) {
    const element = this.person.content.cloneNode(true);
    const avatar = element.querySelector(".avatar");
    avatar.textContent = [...one.name.trim()][0]?.toUpperCase() ?? "";
    avatar.classList.add(tintOf(one.name));
    element.querySelector(".name").textContent = one.name;
    element.querySelector(".role").textContent = this.names.get(one.role) ?? "";
    element.querySelector(".role").classList.toggle("soon", one.host);
    const flag = element.querySelector(".flag");
    if (one.country) {
      flag.textContent = flagOf(one.country);
      flag.setAttribute("role", "img");
      flag.setAttribute("aria-label", this.countryNames.of(one.country));
      flag.title = flag.getAttribute("aria-label");
    }
    return element;
  }
}
