"""The head of every page on a phone: whose links are few has them beside the mark."""

import pytest
from playwright.sync_api import Page, expect
from room_ui.viewer import LOCALES

from pages.measures import NARROWEST
from pages.site import PHONE, Walker
from pages.states import STATES, State

FINGER = {**PHONE, "viewport": {"width": NARROWEST, "height": 780}}
BRAND = {"ru": "Вебинары", "en": "Webinars"}
_ROWS = """() => {
  const parts = [...document.querySelectorAll(".brand-mark, .top-nav a, .languages, .top-name")];
  const boxes = parts.map((part) => part.getBoundingClientRect());
  const middles = boxes.map((box) => (box.top + box.bottom) / 2).sort((one, other) => one - other);
  return middles.filter((middle, at) => at === 0 || middle - middles[at - 1] > 8).length;
}"""
_HIDDEN = "() => { const nav = document.querySelector('.top-nav'); return nav.scrollWidth - nav.clientWidth; }"


def _state(name: str) -> State:
    return next(state for state in STATES if state.name == name)


def _links_are_whole(page: Page) -> bool:
    return bool(page.evaluate(_HIDDEN) <= 0)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", ["schedule-member", "desk-list", "report-candidates"])
def test_one_or_two_links_stand_in_the_first_row(walker: Walker, name: str, locale: str) -> None:
    with walker.visit(_state(name), locale, **FINGER) as page:
        assert page.evaluate(_ROWS) == 1
        assert _links_are_whole(page)
        expect(page.locator(".top").get_by_role("link", name=BRAND[locale], exact=True)).to_be_visible()
        person = page.locator(".top-words").inner_text()
        expect(page.locator(".top").get_by_role("link", name=person, exact=True)).to_be_visible()


@pytest.mark.parametrize("locale", LOCALES)
def test_those_of_an_admin_have_one_of_their_own(walker: Walker, locale: str) -> None:
    with walker.visit(_state("people"), locale, **FINGER) as page:
        assert page.evaluate(_ROWS) == 2
        assert _links_are_whole(page)
