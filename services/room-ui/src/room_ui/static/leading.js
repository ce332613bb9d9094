// Of the tabs of one browser that follow the same thing, one does the work and tells the others.

/**
 * @typedef {{ state?: any, answered?: boolean, opened?: boolean, lost?: boolean, refused?: number }} News
 * @typedef {{ onLead: () => void, onFollow: () => void, onTold: (news: News) => void }} Duties
 */

/**
 * The tab that is looked at leads: a browser slows down, freezes or throws away those in the background. Where a browser
 * has no locks (or the page came without encryption), every tab leads for itself.
 */
export class Leading {
  /** @param {string} name of what is followed @param {Duties} duties */
  constructor(name, duties) {
    this.name = name;
    this.duties = duties;
    this.leads = false;
    this.turn = 0;
    this.isOver = false;
    /** @type {BroadcastChannel | null} */
    this.channel = null;
    /** @type {() => void} */
    this.release = () => {};
    if (!navigator.locks || !window.BroadcastChannel) {
      this.leads = true;
      queueMicrotask(() => duties.onLead());
      return;
    }
    this.channel = new BroadcastChannel(name);
    this.channel.onmessage = (event) => !this.leads && duties.onTold(event.data);
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "visible" && !this.leads && !this.isOver) this.take();
    });
    this.ask(document.visibilityState === "visible");
  }

  /** Lead from now on, whoever does at present. */
  take() {
    if (this.isOver) return;
    if (this.channel) this.ask(true);
    else this.duties.onLead();
  }

  /** Let another tab lead. */
  leave() {
    this.turn += 1;
    this.leads = !this.channel;
    this.release();
  }

  /** There is nothing to follow any more: others may, and are left alone. */
  stop() {
    this.isOver = true;
    this.leave();
    this.channel?.close();
  }

  /** Say something to the tabs that follow. @param {News} news */
  tell(news) {
    if (this.leads) this.channel?.postMessage(news);
  }

  /** @param {boolean} steal */
  async ask(steal) {
    const turn = ++this.turn;
    this.release();
    try {
      await navigator.locks.request(this.name, { steal }, () => {
        // One that was asked for earlier came late: it is given back at once.
        if (turn !== this.turn) return undefined;
        this.leads = true;
        this.duties.onLead();
        return new Promise((resolve) => {
          this.release = () => resolve(undefined);
        });
      });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "AbortError") {
        // A browser that keeps its locks from this page: it follows for itself.
        this.channel = null;
        this.leads = true;
        this.duties.onLead();
        return;
      }
      // Taken away by the tab that is looked at now: follow, and stand in line for when it is closed.
      if (turn !== this.turn) return;
      this.leads = false;
      this.duties.onFollow();
      this.ask(false);
    }
  }
}
