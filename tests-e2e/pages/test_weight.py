"""How heavy all scripts are together, and how still pages stand while they come."""

import gzip
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.sync_api import Route
from room_ui.assets import STATIC

from pages import measures
from pages.site import PHONE, WIDE, Walker
from pages.states import STATES, State

SLOW_MS = 150
SHELLS = [state for state in STATES if state.name in {"schedule-live", "schedule-planned", "room-lobby", "room-live"}]


def test_all_our_css_and_javascript_together_is_a_small_picture_on_the_wire() -> None:
    """What one page asks for is held, uncompressed, by `test_pages`."""
    ours = sorted([*STATIC.rglob("*.css"), *STATIC.rglob("*.js")])

    assert len(ours) > 5
    assert len(gzip.compress(b"".join(file.read_bytes() for file in ours))) < measures.WEIGHT_LIMIT_BYTES / 2


def _slowly(route: Route) -> None:
    """Let pictures and fonts come when the page has long been shown."""
    route.request.frame.page.wait_for_timeout(SLOW_MS)
    route.fallback()


@pytest.mark.parametrize("device", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("state", SHELLS, ids=lambda state: state.name)
def test_nothing_jumps_when_fonts_and_pictures_come_late(
    walker: Walker, state: State, device: Mapping[str, Any]
) -> None:
    with walker.visit(state, "ru", **device, slow=_slowly) as page:
        page.wait_for_load_state("load")

        assert measures.layout_shift(page) < measures.LAYOUT_SHIFT_LIMIT
