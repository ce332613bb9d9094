// What is measured on a page as it stands. Put into the page by measures.py, in one piece, as `bars`.

// @ts-check
/** @typedef {HTMLElement & { type?: string, name?: string, checked?: boolean, value?: string }} Control */

(() => {
  const FINGER = 24;
  const FOCUSABLE =
    'a[href], button, input:not([type="hidden"]), select, textarea, summary, [tabindex]:not([tabindex="-1"])';
  /** How often Tab stops within one field. @type {Record<string, number>} */
  const STOPS = { date: 4, "datetime-local": 7, time: 4, month: 3 };

  /** Of a group of radio buttons the keyboard stops at one. @param {Control} element */
  const isChosen = (element) =>
    element.type !== "radio" || element.checked || !document.querySelector(`[name="${element.name}"]:checked`);

  /** What a person can go to; what is hidden, closed, off or behind a question is left out. */
  const reachable = () =>
    /** @type {Control[]} */ ([...(document.querySelector("dialog:modal") ?? document).querySelectorAll(FOCUSABLE)]).filter(
      (element) =>
        element.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true }) &&
        !element.matches(":disabled") &&
        !element.closest("[inert]") &&
        isChosen(element),
    );

  /** @param {Control} element */
  const named = (element) => {
    const name = element.id ? `#${element.id}` : element.name ? `[name="${element.name}"]` : "";
    const words = element.textContent?.trim() || element.getAttribute("aria-label") || element.value || "";
    return `<${element.localName}${name}> ${words.replace(/\s+/g, " ").slice(0, 40)}`;
  };

  /** Too small for a finger. A link in a sentence is as high as its line; the skip link is outside until it is reached. */
  const tooSmall = () =>
    reachable()
      .filter((element) => !(element.localName === "a" && getComputedStyle(element).display === "inline"))
      .filter((element) => !element.matches(".skip"))
      .map((element) => ({ element, box: element.getBoundingClientRect() }))
      .filter(({ box }) => Math.min(box.width, box.height) < FINGER)
      .map(({ element, box }) => `${named(element)} is ${box.width.toFixed(1)} × ${box.height.toFixed(1)} px`);

  /** Whether a box between the element and the page keeps it from widening the page. @param {Element} element @param {number} width */
  const isKept = (element, width) => {
    for (let box = element.parentElement; box && box !== document.body; box = box.parentElement) {
      if (getComputedStyle(box).overflowX !== "visible" && box.getBoundingClientRect().right <= width + 0.5) return true;
    }
    return false;
  };

  /** What makes the page wider than its window. */
  const stickingOut = () => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const out = [...document.body.querySelectorAll("*")]
      .filter((element) => element.checkVisibility() && element.getBoundingClientRect().right > clientWidth + 0.5)
      .filter((element) => !isKept(element, clientWidth))
      .map((element) => `<${element.localName} class="${element.className}"> at ${element.getBoundingClientRect().right} px`);
    return [`${scrollWidth} px instead of ${clientWidth}`, ...out.slice(0, 5)];
  };

  /** What a ring can be made of. @param {Element} element */
  const look = (element) => {
    const { outlineStyle, outlineWidth, outlineColor, boxShadow, borderColor } = getComputedStyle(element);
    const outline = outlineStyle === "none" || outlineWidth === "0px" ? "" : `${outlineWidth} ${outlineColor}`;
    return JSON.stringify([outline, boxShadow, borderColor]);
  };

  /** @type {Set<EventTarget | null>} */
  const met = new Set();
  /** @type {Set<Control>} */
  const ringless = new Set();
  /** @type {Control[]} */
  let expected = [];

  /** Begin to note where the focus goes; returns how often Tab has to be pressed to have been everywhere. */
  const watchFocus = () => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    expected = reachable();
    const atRest = new Map(expected.map((element) => [element, look(element)]));
    document.addEventListener("focusin", ({ target }) => {
      const element = /** @type {Control} */ (target);
      met.add(element);
      if (atRest.get(element) === look(element)) ringless.add(element);
    });
    // From the very top, wherever the page has put the focus.
    document.body.tabIndex = -1;
    document.body.focus({ preventScroll: true });
    document.body.removeAttribute("tabindex");
    const frames = document.querySelectorAll("iframe").length;
    return expected.reduce((sum, element) => sum + (STOPS[element.type ?? ""] ?? 1), frames * 2 + 1);
  };

  /** What was not reached, and what did not show that it has the focus. */
  const focusFaults = () => [
    ...expected.filter((element) => element.isConnected && !met.has(element)).map((one) => `not reached: ${named(one)}`),
    ...[...ringless].map((one) => `no ring: ${named(one)}`),
  ];

  /** What moves by itself for longer than anybody sees. */
  const moving = () =>
    document
      .getAnimations()
      .filter((one) => one.playState === "running" && Number(one.effect?.getComputedTiming().endTime) > 50)
      .map((one) => {
        const target = one.effect instanceof KeyframeEffect ? one.effect.target : null;
        return `<${target?.localName} class="${target?.className}">`;
      });

  /** How much has moved by itself since the page was opened: the sum, which is never less than the worst window of it. */
  const layoutShift = () =>
    new Promise((resolve) => {
      let sum = 0;
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const shift = /** @type {PerformanceEntry & { hadRecentInput: boolean, value: number }} */ (entry);
          if (!shift.hadRecentInput) sum += shift.value;
        }
      });
      observer.observe({ type: "layout-shift", buffered: true });
      setTimeout(() => resolve(sum), 100);
    });

  /** How many bytes of our own CSS and JavaScript the page has asked for: as they are sent, and as they are then. */
  const weight = () => {
    const ours = /** @type {PerformanceResourceTiming[]} */ (performance.getEntriesByType("resource")).filter(
      ({ name }) => /^\/static\/[^?]*\.(css|js)$/.test(new URL(name).pathname),
    );
    return [
      ours.reduce((sum, one) => sum + one.encodedBodySize, 0),
      ours.reduce((sum, one) => sum + one.decodedBodySize, 0),
    ];
  };

  const firstPaint = () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? null;

  /**
   * What axe-core, which has to be there, finds by these rules; without any, by all with one of the tags.
   * @param {string[]} tags @param {string[]} rules
   */
  const axeViolations = async (tags, rules) => {
    const axe = /** @type {any} */ (window).axe;
    const { violations } = await axe.run(document, {
      runOnly: rules.length ? { type: "rule", values: rules } : { type: "tag", values: tags },
      rules: rules.length ? {} : { "target-size": { enabled: true } },
      resultTypes: ["violations"],
      iframes: false, // those of outside hosts: nothing else is in ours
    });
    return violations.flatMap((/** @type {any} */ { id, impact, help, nodes }) =>
      nodes.map((/** @type {any} */ { target, html, failureSummary }) => {
        return { rule: id, impact, help, element: target.flat().join(" "), html, why: failureSummary };
      }),
    );
  };

  Object.assign(window, {
    bars: { tooSmall, stickingOut, watchFocus, focusFaults, moving, layoutShift, weight, firstPaint, axeViolations },
  });
})();
