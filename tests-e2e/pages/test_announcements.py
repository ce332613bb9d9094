"""What changes by itself is said to those who do not see it, and stands still for those who want it so."""

import pytest
from contracts import WebinarStatus
from playwright.sync_api import expect
from room_ui.testing import NOON

from pages.site import Street, Walker
from pages.states import STATES, State

BY_NAME = {state.name: state for state in STATES}


@pytest.mark.parametrize(
    ("state", "words"),
    [(BY_NAME["room-lobby"], "Вебинар в эфире"), (BY_NAME["schedule-planned"], "Сейчас в эфире")],
    ids=lambda one: one.name if isinstance(one, State) else "",
)
def test_going_live_is_said_to_who_does_not_see_it(walker: Walker, street: Street, state: State, words: str) -> None:
    street.leave()
    with walker.visit(state, "ru") as page:
        status = page.locator('[role="status"][data-announce]')
        expect(status).to_have_text("")
        opened = street.house(state.house, "ru")
        opened.do(opened.house.change("first", status=WebinarStatus.LIVE, started_at=NOON))
        expect(status).to_contain_text(words)
    street.leave()


def test_something_moves_for_who_has_not_asked_for_less(walker: Walker) -> None:
    """Without this, that nothing moves for the others (`test_pages`) would say little."""
    with walker.visit(BY_NAME["room-live"], "ru", reduced_motion="no-preference") as page:
        assert page.evaluate("() => document.getAnimations().length") > 0
