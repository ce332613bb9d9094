// A state as it changes: by event stream, and by asking where a stream does not come through.

import { Leading } from "./leading.js";

const FIRST_EVENT = 5000;
/** A state is told every 20 s, changed or not: a stream that misses two of them is dead, whatever the browser thinks. */
const SILENT = 45000;
const LOOK = 10000;
const POLL = 5000;
const SHOWN_AS_LOST = 2500;

const isVisible = () => document.visibilityState === "visible";

/**
 * @typedef {Record<string, any> & { version?: number }} State
 * @typedef {object} Following
 * @property {string} address what answers with the state; its stream is at `<address>/stream`
 * @property {Record<string, string>} [query]
 * @property {number} [version] that of the page itself: nothing older is taken
 * @property {(state: any) => void} onState each state that is not older than the last
 * @property {() => void} [onOpen] each time that a stream begins, in whichever tab
 * @property {(isLost: boolean) => void} [onLost] the connection goes, and comes back
 * @property {(status: number) => void} [onRefused] it is over for good
 */

export class Push {
  /** Follow a state; all tabs of a browser that follow the same one share a stream. @param {Following} following */
  constructor({ address, query = {}, version = 0, onState, onOpen, onLost, onRefused }) {
    this.address = address;
    this.query = query;
    this.version = version;
    this.onState = onState;
    this.onOpen = onOpen;
    this.onLost = onLost;
    this.onRefused = onRefused;
    this.ended = false;
    this.streamed = Date.now();
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {string | null} */
    this.etag = null;
    this.heardHere = false;
    /** @type {Record<"lost" | "polling" | "first" | "reopen", number>} */
    this.timers = { lost: 0, polling: 0, first: 0, reopen: 0 };
    this.leading = new Leading(`${address}?${new URLSearchParams(query)}`, {
      onLead: () => this.open(),
      onFollow: () => this.close(),
      onTold: (news) => this.hear(news),
    });
    this.watch = window.setInterval(() => this.lookAfter(), LOOK);
    window.addEventListener("online", () => this.open());
    window.addEventListener("offline", () => this.lost());
    window.addEventListener("pageshow", (event) => event.persisted && this.leading.take());
    window.addEventListener("pagehide", () => {
      this.close();
      this.leading.leave();
    });
  }

  open() {
    if (this.ended || !this.leading.leads) return;
    this.source?.close();
    this.heardHere = false;
    this.streamed = Date.now();
    // Not whether the page is visible: a browser that connects anew by itself would say so of a page long hidden.
    const source = new EventSource(`${this.address}/stream?${new URLSearchParams(this.query)}`);
    this.source = source;
    source.onopen = () => {
      if (source !== this.source) return;
      this.leading.tell({ opened: true });
      this.onOpen?.();
    };
    source.onmessage = (event) => {
      if (source !== this.source) return;
      this.heardHere = true;
      this.stopPolling();
      this.take(JSON.parse(event.data));
    };
    source.onerror = () => {
      if (source !== this.source) return;
      this.lost();
      // A closed source does not try again by itself: the answer was no stream, so ask why.
      if (source.readyState === EventSource.CLOSED) this.retry();
    };
    clearTimeout(this.timers.first);
    this.timers.first = window.setTimeout(() => !this.heardHere && this.startPolling(), FIRST_EVENT);
  }

  /** Another tab has the stream from now on. */
  close() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timers.first);
    clearTimeout(this.timers.reopen);
    this.stopPolling();
  }

  /** What the tab with the stream says. @param {import("./leading.js").News} news */
  hear(news) {
    if (this.ended) return;
    if (news.state) this.take(news.state);
    if (news.answered) this.answered();
    if (news.opened) this.onOpen?.();
    if (news.lost) this.lost();
    if (news.refused) this.end(news.refused);
  }

  async retry() {
    if (await this.ask()) this.back();
    clearTimeout(this.timers.reopen);
    if (!this.ended) this.timers.reopen = window.setTimeout(() => this.open(), 2000 + Math.random() * 3000);
  }

  startPolling() {
    if (this.timers.polling || this.ended) return;
    const poll = async () => {
      if (!(await this.ask())) this.lost();
      // Not where a stream has come meanwhile.
      if (this.timers.polling) this.timers.polling = window.setTimeout(poll, POLL + Math.random() * 1000);
    };
    this.timers.polling = window.setTimeout(poll, 0);
  }

  stopPolling() {
    clearTimeout(this.timers.polling);
    this.timers.polling = 0;
  }

  /** Ask for the state once; true when the server answered. */
  async ask() {
    let response;
    let state;
    try {
      /** @type {Record<string, string>} */
      const headers = this.etag ? { "If-None-Match": this.etag } : {};
      const query = new URLSearchParams({ ...this.query, visible: isVisible() ? "1" : "0" });
      response = await fetch(`${this.address}?${query}`, { headers, cache: "no-store" });
      state = response.ok ? await response.json() : null;
    } catch {
      return false;
    }
    if (response.status === 304) {
      this.answered();
      return true;
    }
    if (response.ok) {
      this.etag = response.headers.get("ETag");
      this.take(state);
      return true;
    }
    if ([401, 403, 404].includes(response.status)) {
      this.end(response.status);
      return true;
    }
    return false;
  }

  /** A stream can die without a word, and so can the tab that has it: after a long silence one is opened here. */
  lookAfter() {
    if (this.ended || Date.now() - this.streamed <= SILENT) return;
    this.streamed = Date.now();
    if (this.leading.leads) this.open();
    else this.leading.take();
  }

  /** All is well, and nothing has changed. */
  answered() {
    this.streamed = Date.now();
    this.leading.tell({ answered: true });
    this.back();
  }

  /** @param {State} state */
  take(state) {
    this.streamed = Date.now();
    this.leading.tell({ state });
    this.back();
    if ((state.version ?? this.version) < this.version) return;
    this.version = state.version ?? this.version;
    this.onState(state);
  }

  lost() {
    if (this.timers.lost || this.ended) return;
    this.leading.tell({ lost: true });
    this.timers.lost = window.setTimeout(() => this.onLost?.(true), SHOWN_AS_LOST);
  }

  back() {
    clearTimeout(this.timers.lost);
    this.timers.lost = 0;
    this.onLost?.(false);
  }

  /** @param {number} status */
  end(status) {
    this.ended = true;
    this.leading.tell({ refused: status });
    this.leading.stop();
    this.close();
    clearInterval(this.watch);
    this.back();
    this.onRefused?.(status);
  }
}
