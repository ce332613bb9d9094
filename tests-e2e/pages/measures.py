"""What is measured on a page as it stands: axe-core, what sticks out, what is too small, where the focus goes.

The measuring itself is in measures.js. It and axe-core come into a page through the debugger, which no policy of a page
forbids: that stays as strict as it is.
"""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules that can judge the dark theme otherwise than the light one: it changes colours and nothing else."""
NARROWEST = 360
LAYOUT_SHIFT_LIMIT = 0.05
WEIGHT_LIMIT_BYTES = 100_000
"""For our own CSS and JavaScript together: of every page as they are sent; of schedule and room even unpacked."""


@dataclass(frozen=True)
class Violation:
    """One thing that axe-core found: by which rule, at which element, and what would mend it."""

    rule: str
    impact: str
    help: str
    element: str
    html: str
    why: str

    def __str__(self) -> str:
        why = " ".join(self.why.split())
        return f"{self.rule} ({self.impact}): {self.help}\n    {self.element}\n    {self.html[:240]}\n    {why[:400]}"


@cache
def axe_core() -> str:
    """Return the script of axe-core, as the package that ships it has it."""
    package = importlib.util.find_spec("axe_playwright_python")
    assert package is not None
    assert package.submodule_search_locations
    [script] = Path(package.submodule_search_locations[0]).rglob("axe.min.js")
    return script.read_text(encoding="utf-8")


@cache
def _our_own() -> str:
    return Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


def _measure(page: Page, what: str, *given: Any) -> Any:
    if not page.evaluate("() => 'bars' in window"):
        page.evaluate(_our_own())
    return page.evaluate("([what, given]) => bars[what](...given)", [what, list(given)])


def violations(page: Page, rules: Sequence[str] | None = None) -> list[Violation]:
    """Return what axe-core finds by these rules; None: by all rules with one of `TAGS`."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(axe_core())
    return [Violation(**one) for one in _measure(page, "axeViolations", list(TAGS), list(rules or ()))]


def sticking_out(page: Page) -> list[str]:
    """Return what makes the page wider than its window; nothing when it does not scroll sideways."""
    found: list[str] = _measure(page, "stickingOut")
    return found


def too_small(page: Page) -> list[str]:
    """Return what is too small for a finger: under 24 CSS pixels in either direction."""
    found: list[str] = _measure(page, "tooSmall")
    return found


def keyboard(page: Page) -> list[str]:
    """Walk through the page by Tab; return what was not reached, and what did not show that it has the focus."""
    for _ in range(_measure(page, "watchFocus")):
        page.keyboard.press("Tab")
    found: list[str] = _measure(page, "focusFaults")
    return found


def moving(page: Page) -> list[str]:
    """Return what moves by itself at this moment."""
    found: list[str] = _measure(page, "moving")
    return found


def layout_shift(page: Page) -> float:
    """Return how much of the page has moved by itself since it was opened: a sum, never less than the usual score."""
    return float(_measure(page, "layoutShift"))


def weight_bytes(page: Page) -> tuple[int, int]:
    """Return how much of our own CSS and JavaScript the page has asked for: as it is sent, and unpacked."""
    sent, unpacked = _measure(page, "weight")
    return int(sent), int(unpacked)


def first_paint_ms(page: Page) -> float | None:
    """Return when the page first showed something of its own, milliseconds; None: not yet."""
    found: float | None = _measure(page, "firstPaint")
    return found
