// A state as it changes: by event stream, and by asking where a stream does not come through.

const FIRST_EVENT = 5000;
/** A state is told every 20 s, changed or not: a stream that misses two of them is dead, whatever the browser thinks. */
const SILENT = 45000;
const LOOK = 10000;
const POLL = 5000;
const SHOWN_AS_LOST = 2500;

const isVisible = () => document.visibilityState === "visible";

export class Push {
  /**
   * Follow `<address>/stream?<query>`; `onState(state)` for each state, never an older version than the last, which at
   * first is the page's own. `onOpen()` each time a stream begins, `onLost(true|false)` when the connection goes and
   * comes back, `onRefused(status)` when it is over for good.
   */
  constructor({ address, query = {}, version = 0, onState, onOpen, onLost, onRefused }) {
    Object.assign(this, { address, query, version, onState, onOpen, onLost, onRefused });
    this.ended = false;
    this.lostTimer = null;
    this.polling = null;
    this.open();
    this.watch = setInterval(() => this.lookAfter(), LOOK);
    window.addEventListener("online", () => this.open());
    window.addEventListener("offline", () => this.lost());
    window.addEventListener("pageshow", (event) => event.persisted && this.open());
    window.addEventListener("pagehide", () => this.source?.close());
  }

  open() {
    if (this.ended) return;
    this.source?.close();
    this.heardHere = false;
    this.streamed = Date.now();
    // Not whether the page is visible: a browser that connects anew by itself would say so of a page long hidden.
    const source = new EventSource(`${this.address}/stream?${new URLSearchParams(this.query)}`);
    this.source = source;
    source.onopen = () => source === this.source && this.onOpen?.();
    source.onmessage = (event) => {
      if (source !== this.source) return;
      this.heardHere = true;
      this.streamed = Date.now();
      this.stopPolling();
      this.take(JSON.parse(event.data));
    };
    source.onerror = () => {
      if (source !== this.source) return;
      this.lost();
      // A closed source does not try again by itself: the answer was no stream, so ask why.
      if (source.readyState === EventSource.CLOSED) this.retry();
    };
    clearTimeout(this.firstTimer);
    this.firstTimer = setTimeout(() => !this.heardHere && this.startPolling(), FIRST_EVENT);
  }

  async retry() {
    if (await this.ask()) this.back();
    clearTimeout(this.reopenTimer);
    if (!this.ended) this.reopenTimer = setTimeout(() => this.open(), 2000 + Math.random() * 3000);
  }

  startPolling() {
    if (this.polling || this.ended) return;
    const poll = async () => {
      if (!(await this.ask())) this.lost();
      if (this.polling) this.polling = setTimeout(poll, POLL + Math.random() * 1000);
    };
    this.polling = setTimeout(poll, 0);
  }

  stopPolling() {
    clearTimeout(this.polling);
    this.polling = null;
  }

  /** Ask for the state once; true when the server answered. */
  async ask() {
    let response;
    try {
      const headers = this.etag ? { "If-None-Match": this.etag } : {};
      const query = new URLSearchParams({ ...this.query, visible: isVisible() ? "1" : "0" });
      response = await fetch(`${this.address}?${query}`, { headers, cache: "no-store" });
    } catch {
      return false;
    }
    if (response.status === 304) {
      this.back();
      return true;
    }
    if (response.ok) {
      this.etag = response.headers.get("ETag");
      this.take(await response.json());
      return true;
    }
    if ([401, 403, 404].includes(response.status)) {
      this.end(response.status);
      return true;
    }
    return false;
  }

  /** A stream can die without a word: one that has been silent for too long is opened anew. */
  lookAfter() {
    if (!this.ended && Date.now() - this.streamed > SILENT) this.open();
  }

  take(state) {
    this.back();
    if (state.version < this.version) return;
    this.version = state.version ?? this.version;
    this.onState(state);
  }

  lost() {
    if (this.lostTimer || this.ended) return;
    this.lostTimer = setTimeout(() => this.onLost?.(true), SHOWN_AS_LOST);
  }

  back() {
    clearTimeout(this.lostTimer);
    this.lostTimer = null;
    this.onLost?.(false);
  }

  end(status) {
    this.ended = true;
    this.source?.close();
    this.stopPolling();
    clearInterval(this.watch);
    this.back();
    this.onRefused?.(status);
  }
}
