"""What a service registers: only what is its own, each queue once, parts by their type."""

from collections.abc import Callable, Sequence

import pytest
from contracts import AccountEvent, Capability, CoreWebinarUpsert, RoomPresence, WebinarEvent
from contracts.topology import ATTENDANCE, CORE_WEBINAR, ROOM_UI
from servicekit import Heard, HouseClock, Router, Work
from servicekit.router import with_parts


class Big:
    """A part."""


class Bigger(Big):
    """A part that is another part, too."""


async def nothing(*_: object) -> None: ...


def test_a_service_hears_and_obeys_on_queues_of_its_own_alone() -> None:
    with pytest.raises(ValueError, match="no service"):
        Router("crm")
    attempts: tuple[Callable[[], object], ...] = (
        lambda: Router(ATTENDANCE).hears(AccountEvent),
        lambda: Router(ATTENDANCE).obeys(CoreWebinarUpsert, requires=Capability.WEBINAR_MANAGE),
        lambda: Router(ATTENDANCE).overhears(RoomPresence),
    )
    for refused in attempts:
        with pytest.raises(ValueError, match="attendance"):
            refused()
    Router(ROOM_UI).overhears(RoomPresence)(nothing)


def test_a_queue_has_one_handler() -> None:
    router = Router(ATTENDANCE)
    router.hears(WebinarEvent)(nothing)
    with pytest.raises(ValueError, match="already"):
        router.hears(WebinarEvent)
    core = Router(CORE_WEBINAR)
    core.obeys(CoreWebinarUpsert, requires=Capability.WEBINAR_MANAGE)(nothing)
    with pytest.raises(ValueError, match="already"):
        core.obeys(CoreWebinarUpsert, requires=Capability.WEBINAR_MANAGE)


async def test_parts_are_found_by_their_type() -> None:
    async def handler(heard: Sequence[Heard[WebinarEvent]], work: Work, *, clock: HouseClock, part: Big) -> object:
        return heard, work, clock, part

    clock, part = HouseClock(), Bigger()
    assert await with_parts(handler, [object(), part, clock])("heard", "work") == ("heard", "work", clock, part)
    with pytest.raises(TypeError, match="HouseClock"):
        with_parts(handler, [part])
