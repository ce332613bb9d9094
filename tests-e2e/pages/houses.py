"""Houses: the whole web application with webinars and people in it, each kind the same whenever it is opened."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from contracts import (
    ChatLinkEvent,
    ClientWebinarAttendanceClassified,
    ClientWebinarEntered,
    CommandError,
    CommandReply,
    CompletedBy,
    CtaClicked,
    CtaShown,
    CtaVisibility,
    DeliveryState,
    ErrorCode,
    Message,
    MessageTemplateEvent,
    ParticipationEvent,
    PostWebinarDelivery,
    Recipient,
    Step,
    WatchedWindow,
    WebinarEvent,
    session_id_of,
)
from contracts.message_texts import DEFAULT_TEXTS
from room_ui.main import create_application
from room_ui.server import room_door
from room_ui.testing import NOON, Member, Web, later, open_web, webinar_event
from servicekit.testing import Harness

from pages.contents import BOT_LINK, CHAT, CONTENTS, PLAYER, PORTRAIT, POSTER, Contents

SITE = "http://webinars.example"
ROOM = "/account/webinar_room"
HOUR = timedelta(hours=1)
# Nobody is to be slowed down: many pages are looked at in one session.
SETTINGS: dict[str, Any] = {
    "base_url": SITE,
    "state_requests_per_second": 1000.0,
    "state_burst": 1000,
    "organiser_contact": "@webinars_help",
}
WATCHED = ((60, CompletedBy.PRESENT_AT_STOP), (48, CompletedBy.WATCHED_ENOUGH), (52, CompletedBy.FINISH), (14, None))
"""Minutes of who was there, and what completed them."""
ENTERED_MINUTES_AGO = (23, 22, 17, 9, 3)


def numbered(number: int) -> UUID:
    """Return the same id at every look; the number decides on the colour of what has no poster."""
    return UUID(f"00000000-0000-4000-8000-{number:012x}")


@dataclass
class House:
    """A served application. `ids` and `words` fill the addresses of states; `port` is where it listens."""

    web: Web
    locale: str
    port: int = 0
    members: dict[str, Member] = field(default_factory=dict)
    webinars: dict[str, WebinarEvent] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    present: dict[str, set[str]] = field(default_factory=dict)
    """Who is in the room of which webinar, beside whoever looks."""

    @property
    def contents(self) -> Contents:
        return CONTENTS[self.locale]

    def address(self, path: str) -> str:
        """Return a path with its `{names}` filled in: a webinar by its name here, or one of `words`."""
        ids = {name: str(webinar.webinar_id) for name, webinar in self.webinars.items()}
        accounts = {f"account_of_{login}": member.account_id for login, member in self.members.items()}
        return path.format(**ids, **accounts, **self.words)

    async def settle(self, *people: tuple[str, str, str]) -> None:
        """Make accounts: login, role, name. Who is a candidate was invited by the partner, if one is there."""
        for login, role, name in people:
            words = {"locale": self.locale}
            if role == "candidate" and "partner" in self.members:
                words["partner"] = "partner"
            if role == "partner":
                words |= {
                    "telegram": "polina_z",
                    "phone": "+7 900 000-00-00",
                    "link": "https://partner.example/about",
                    "photo_url": PORTRAIT,
                    "note": self.contents.partner_note,
                }
            self.members[login] = await self.web.member(role, login=login, name=name, **words)

    async def settle_everybody(self) -> None:
        """Make one account of each role."""
        said = self.contents
        await self.settle(
            ("speaker", "speaker", said.speaker),
            ("admin", "admin", said.admin),
            ("partner", "partner", said.partner),
            ("candidate", "candidate", said.candidate),
        )

    async def plan(self, name: str, number: int, status: str = "scheduled", **fields: Any) -> WebinarEvent:
        """Let everybody know of a webinar."""
        given: dict[str, Any] = {
            "webinar_id": numbered(number),
            "title": self.contents.titles[number % len(self.contents.titles)],
            "description": self.contents.description,
            "speaker_id": self.members["speaker"].account_id,
            "player_src": PLAYER,
            "chat_src": CHAT,
            "cta_text": self.contents.call,
        }
        self.webinars[name] = webinar_event(status, **given | fields)
        await self.web.know(self.webinars[name])
        return self.webinars[name]

    async def change(self, name: str, **changes: Any) -> None:
        """Let a webinar change, as Core would tell it."""
        self.webinars[name] = later(self.webinars[name], **changes)
        await self.web.know(self.webinars[name])

    async def fill(self, name: str, logins: tuple[str, ...]) -> None:
        """Let these people be in the room."""
        self.present[name] = set(logins)
        for login in logins:
            viewer = self.members[login].viewer
            room = await self.web.parts.rooms.room(self.webinars[name].webinar_id, viewer)
            room.presence.connect(self.members[login].account_id, self.web.parts.clock.now(), host=viewer.is_host)

    def names_in(self, path: str, who: str | None) -> int | None:
        """Return how many names a room's page shows to somebody; None: it is no page of a room."""
        name = path.removeprefix(f"{ROOM}/").strip("{}")
        if not path.startswith(ROOM) or name not in self.webinars:
            return None
        return len(self.present.get(name, set()) | {who})

    async def answer(self, *, refused: ErrorCode | None = None, where: str | None = None) -> None:
        """Choose what Core says to the next commands: done, or a refusal."""
        error = CommandError(code=refused, message="refused", field=where) if refused else None
        self.web.commands.answer = CommandReply(ok=error is None, error=error, address=None if error else BOT_LINK)


Furnish = Callable[[House], Awaitable[None]]


async def empty(house: House) -> None:
    """Nobody has planned anything yet."""
    await house.settle_everybody()


async def planned(house: House) -> None:
    """Webinars to come: with a poster and without, called off, far away, a draft."""
    await house.settle_everybody()
    await house.plan("first", 0, scheduled_at=NOON + HOUR, poster_url=POSTER)
    await house.plan("plain", 1, scheduled_at=NOON + timedelta(days=1, hours=3))
    await house.plan("cancelled", 2, scheduled_at=NOON + timedelta(days=2), cancelled=True)
    await house.plan("far", 3, scheduled_at=NOON + timedelta(days=9), time_zone="Asia/Tokyo", duration_minutes=90)
    await house.plan("draft", 4, "draft", scheduled_at=None, player_src=None, chat_src=None)
    await house.fill("first", ("speaker", "partner"))
    candidate = house.members["candidate"].account_id
    await house.web.under_test.receive(
        ChatLinkEvent(account_id=house.members["partner"].account_id, version=1, linked=True),
        *(
            MessageTemplateEvent(step=step, locale=locale, version=1, text=text)
            for (step, locale), text in DEFAULT_TEXTS.items()
        ),
    )
    await house.answer()
    house.words["link"] = await house.web.parts.accounts.new_link(candidate)
    house.words["soon"] = str(int((NOON + timedelta(minutes=9)).timestamp()))


async def live(house: House) -> None:
    """One webinar on air, with a full room."""
    await house.settle_everybody()
    others = [(f"guest{number}", "candidate", name) for number, name in enumerate(house.contents.others)]
    await house.settle(*others)
    await house.plan(
        "live",
        0,
        "live",
        poster_url=POSTER,
        started_at=NOON - timedelta(minutes=24),
        on_air=({"from": NOON - timedelta(minutes=24)},),
        scheduled_at=NOON - timedelta(minutes=25),
        automatic_stop_at=NOON + timedelta(minutes=95),
        cta_visibility=CtaVisibility.VISIBLE,
        cta_windows=({"from": NOON - timedelta(minutes=6)},),
    )
    await house.plan("next", 1, scheduled_at=NOON + timedelta(days=1))
    await house.fill("live", ("speaker", *(login for login, _, _ in others)))
    await house.web.under_test.receive(
        *(
            _entered(house.members[login].account_id, house.webinars["live"].webinar_id, NOON - timedelta(minutes=ago))
            for (login, _, _), ago in zip(others, ENTERED_MINUTES_AGO, strict=True)
        ),
        *(
            _watching(house.members[login].account_id, house.webinars["live"].webinar_id, ago)
            for (login, _, _), ago in zip(others, ENTERED_MINUTES_AGO, strict=True)
        ),
    )
    await house.answer()


async def odd(house: House) -> None:
    """On air without chat and call to action; paused; on another platform."""
    await house.settle_everybody()
    # Whoever is looked at when a session ends has none afterwards.
    await house.settle(
        ("leaver", "candidate", house.contents.others[0]), ("second", "speaker", house.contents.others[1])
    )
    await house.plan("bare", 1, "live", chat_src=None, cta_text="", automatic_stop_at=NOON + 2 * HOUR)
    await house.plan("paused", 2, "paused", automatic_stop_at=NOON - timedelta(minutes=5), scheduled_at=NOON - 2 * HOUR)
    await house.plan("elsewhere", 3, "live", stream_type="zoom", player_src="https://zoom.example/j/1")
    await house.plan("untitled", 4, "draft", title="", scheduled_at=None)


async def over(house: House) -> None:
    """A webinar that is over, with verdicts and messages; another to come."""
    await house.settle_everybody()
    await house.settle(*((f"guest{number}", "candidate", name) for number, name in enumerate(house.contents.others)))
    shown = [(NOON + timedelta(minutes=one), NOON + timedelta(minutes=other)) for one, other in ((20, 27), (38, 60))]
    await house.plan(
        "over",
        0,
        "finished",
        poster_url=POSTER,
        cta_visibility=CtaVisibility.VISIBLE,
        cta_windows=tuple({"from": one, "to": other} for one, other in shown),
    )
    await house.plan("next", 1, scheduled_at=NOON + timedelta(days=1))
    house.web.under_test.clock.advance(3600 + 120)
    await house.web.under_test.receive(*_what_was_told(house))
    await house.web.parts.rooms.refresh()
    await house.answer()


async def alone(house: House) -> None:
    """A webinar that is over and that nobody came to; none follows."""
    await house.settle_everybody()
    await house.plan("over", 2, "finished")
    house.web.under_test.clock.advance(3600 + 120)


def _what_was_told(house: House) -> list[Message]:
    webinar = house.webinars["over"]
    told: list[Message] = []
    logins = ("candidate", "guest0", "guest1", "guest2")
    states = (DeliveryState.PLANNED, DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.NOT_LINKED)
    for number, (login, (minutes, by), state) in enumerate(zip(logins, WATCHED, states, strict=True)):
        told += _participation(house.members[login].account_id, webinar.webinar_id, minutes, by)
        told.append(_delivery(number, webinar.webinar_id, house.members[login].account_id, state, attended=bool(by)))
    partner = house.members["candidate"].account_id
    notice = {"recipient": Recipient.PARTNER, "step": Step.PARTNER_NOTICE}
    told.append(_delivery(9, webinar.webinar_id, partner, DeliveryState.PLANNED, attended=True, **notice))
    # One class in a row is one batch.
    return sorted(told, key=lambda message: message.topic)


def _participation(lead_id: str, webinar_id: UUID, minutes: int, by: CompletedBy | None) -> list[Message]:
    about: dict[str, Any] = {"lead_id": lead_id, "webinar_id": webinar_id}
    begun = NOON + timedelta(minutes=2) if minutes < 60 else NOON
    told: list[Message] = [
        _entered(lead_id, webinar_id, begun),
        ParticipationEvent(
            **about,
            version=2,
            watched_seconds=minutes * 60,
            base_seconds=3600,
            windows=_windows(begun, minutes),
            completed_by=by,
            final=True,
        ),
        ClientWebinarAttendanceClassified(
            **about,
            attended=by is not None,
            timestamp=NOON + HOUR,
            reason=by or "not_completed",
            watched_seconds=minutes * 60,
            base_seconds=3600,
            watched_percent=minutes * 100 // 60,
            rule_version=1,
        ),
    ]
    if by is not None:
        told.append(CtaShown(**about, at=NOON + timedelta(minutes=40)))
    if by is CompletedBy.FINISH:
        told.append(CtaClicked(**about, at=NOON + timedelta(minutes=41)))
    return told


def _entered(lead_id: str, webinar_id: UUID, at: datetime) -> ClientWebinarEntered:
    session_id = session_id_of(lead_id, webinar_id)
    return ClientWebinarEntered(lead_id=lead_id, webinar_id=webinar_id, session_id=session_id, timestamp=at)


def _watching(lead_id: str, webinar_id: UUID, minutes: int) -> ParticipationEvent:
    windows = _windows(NOON - timedelta(minutes=minutes), minutes)
    return ParticipationEvent(
        lead_id=lead_id,
        webinar_id=webinar_id,
        version=int((NOON - timedelta(seconds=20)).timestamp() * 1000),
        watched_seconds=minutes * 60,
        base_seconds=minutes * 60,
        windows=windows,
        final=False,
    )


def _windows(begun: datetime, minutes: int) -> tuple[WatchedWindow, ...]:
    """Return one stretch of watching, or two with a break between them."""
    if minutes > 50:
        return (WatchedWindow.model_validate({"from": begun, "to": begun + timedelta(minutes=minutes)}),)
    half, pause = timedelta(minutes=minutes) / 2, timedelta(minutes=4)
    pairs = ((begun, begun + half), (begun + half + pause, begun + 2 * half + pause))
    return tuple(WatchedWindow.model_validate({"from": one, "to": other}) for one, other in pairs)


def _delivery(
    number: int, webinar_id: UUID, lead_id: str, state: DeliveryState, *, attended: bool, **fields: Any
) -> PostWebinarDelivery:
    given = {
        "delivery_id": numbered(0x100 + number),
        "version": 1,
        "webinar_id": webinar_id,
        "lead_id": lead_id,
        "recipient": Recipient.CANDIDATE,
        "step": Step.ATTENDED if attended else Step.NOT_ATTENDED,
        "state": state,
        "attempts": 1,
        "reason": "no_answer_in_time" if state is DeliveryState.UNCERTAIN else None,
        "due_at": NOON + HOUR + timedelta(minutes=5),
    }
    return PostWebinarDelivery.model_validate({**given, **fields})


HOUSES: dict[str, Furnish] = {one.__name__: one for one in (empty, planned, live, odd, over, alone)}


@asynccontextmanager
async def open_house(harness: Harness, name: str, locale: str) -> AsyncIterator[House]:
    """Serve a house while the block runs."""
    web = await open_web(harness, default_locale=locale, **SETTINGS)
    # No broker is behind a house; its pages are shown as they are with one.
    web.parts = replace(web.parts, is_broker_connected=lambda: True)
    web.application = create_application(web.parts)
    house = House(web, locale)
    await HOUSES[name](house)
    async with room_door(web.application, web.parts, web.broker) as port:
        house.port = port
        yield house
