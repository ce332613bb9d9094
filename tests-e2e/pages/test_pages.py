"""Every page in every state, in both languages: nothing for axe-core to find, and usable on a phone and by keyboard.

A state is opened once in each language, and everything is measured on it then; each bar is a test of its own. What
another language cannot change, the wide screen's structure and the way of the keyboard, is measured in the first alone.
"""

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from room_ui.viewer import LOCALES

from pages import measures
from pages.measures import COLOURS, NARROWEST, Violation
from pages.site import WIDE, Walker
from pages.states import STATES, State

# By house, so that each is opened once.
VISITS = sorted(((locale, state) for locale in LOCALES for state in STATES), key=lambda one: (one[0], one[1].house))
every_visit = pytest.mark.parametrize(
    ("locale", "state"), [pytest.param(locale, state, id=f"{state.name}-{locale}") for locale, state in VISITS]
)
SHELLS = ("schedule", "room")
"""The pages that a whole crowd opens at once begin so."""
FINGER: Mapping[str, Any] = {"viewport": {"width": NARROWEST, "height": 780}, "has_touch": True, "is_mobile": True}

Findings = dict[str, list[str]]


class Visitor:
    """Measures a state when it is first asked for, and remembers."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._known: dict[tuple[str, str], Findings] = {}

    def findings(self, locale: str, state: State) -> Findings:
        """Return what was found in a state in one language, by bar; a bar without anything is held."""
        key = (locale, state.name)
        if key not in self._known:
            self._known[key] = self._measure(locale, state)
        return self._known[key]

    def _measure(self, locale: str, state: State) -> Findings:
        found: Findings = defaultdict(list)
        with self._walker.visit(state, locale, **FINGER) as page:
            told = partial(_told, locale, state)
            found["axe"] += told("light, phone", measures.violations(page))
            found["size"] += measures.too_small(page)
            found["width"] += measures.sticking_out(page)
            found["motion"] += measures.moving(page)
            sent, unpacked = measures.weight_bytes(page)
            counted = unpacked if state.name.startswith(SHELLS) else sent
            if not 0 < counted < measures.WEIGHT_LIMIT_BYTES:
                found["weight"].append(f"{counted} bytes")
            if not 0 < sent < unpacked / 2:
                found["weight"].append(f"{sent} bytes are sent for {unpacked}: not packed")
            page.set_viewport_size(WIDE["viewport"])
            if locale == LOCALES[0]:
                found["axe"] += told("light, wide", measures.violations(page))
            found["width"] += measures.sticking_out(page)
            page.emulate_media(color_scheme="dark")
            found["axe"] += told("dark, wide", measures.violations(page, COLOURS))
            if locale == LOCALES[0]:
                found["keyboard"] += measures.keyboard(page)
        return found


def _told(locale: str, state: State, where: str, violations: list[Violation]) -> list[str]:
    return [f"{state.name} ({locale}, {where}): {one}" for one in violations]


@pytest.fixture(scope="session")
def visitor(walker: Walker) -> Visitor:
    """Who opens every state once."""
    return Visitor(walker)


@every_visit
def test_axe_finds_nothing(visitor: Visitor, locale: str, state: State) -> None:
    found = visitor.findings(locale, state)["axe"]

    assert not found, "\n" + "\n".join(found)


@every_visit
def test_nothing_sticks_out_of_a_narrow_screen(visitor: Visitor, locale: str, state: State) -> None:
    assert visitor.findings(locale, state)["width"] == []


@every_visit
def test_a_finger_hits_everything(visitor: Visitor, locale: str, state: State) -> None:
    assert visitor.findings(locale, state)["size"] == []


@every_visit
def test_its_css_and_javascript_are_light(visitor: Visitor, locale: str, state: State) -> None:
    assert visitor.findings(locale, state)["weight"] == []


@every_visit
def test_who_wants_less_motion_gets_none(visitor: Visitor, locale: str, state: State) -> None:
    assert visitor.findings(locale, state)["motion"] == []


@every_visit
def test_the_keyboard_reaches_everything_and_shows_where_it_is(visitor: Visitor, locale: str, state: State) -> None:
    assert visitor.findings(locale, state)["keyboard"] == []
