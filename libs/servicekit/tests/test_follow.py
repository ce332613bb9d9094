"""`webinarctl follow`: what is said, as it is said, whatever is said, and however often the broker goes away."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from uuid import uuid4

import pytest
from contracts import ClientWebinarEntered, UserAttended, session_id_of
from servicekit.live_testing import Delivery, Door, Outside
from servicekit.operator.follow import Names, Teller, tell_for_ever
from servicekit.testing import NOON, eventually

Read = Callable[[], tuple[list[str], str]]


@pytest.fixture
def read(capsys: pytest.CaptureFixture[str]) -> Read:
    """Return every line told so far, and everything beside them."""
    lines: list[str] = []
    beside: list[str] = []

    def so_far() -> tuple[list[str], str]:
        out, err = capsys.readouterr()
        lines.extend(out.splitlines())
        beside.append(err)
        return lines, "".join(beside)

    return so_far


@asynccontextmanager
async def following(url: str, teller: Teller) -> AsyncIterator[None]:
    task = asyncio.create_task(tell_for_ever(url, teller, retry_seconds=0.05))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(read: Read, is_so: Callable[[list[str], str], bool], what: str) -> None:
    async def holds() -> bool:
        return is_so(*read())

    await eventually(holds, seconds=20, what=what)


def entered(lead: str, webinar: object) -> ClientWebinarEntered:
    session = session_id_of(lead, webinar)  # type: ignore[arg-type]
    return ClientWebinarEntered(lead_id=lead, webinar_id=webinar, session_id=session, timestamp=NOON)


async def test_one_webinar_is_followed_and_no_other(outside: Outside, read: Read) -> None:
    followed, other = uuid4(), uuid4()
    teller = Teller(str(followed), as_json=False)
    teller.begin(Names({"anna-1": "Anna"}, {str(followed): {"title": "How to begin", "version": 1}}))
    async with following(outside.url, teller):
        await until(read, lambda _, beside: "Listening" in beside, "listening")
        await outside.say(entered("boris-1", other))
        await outside.say(entered("anna-1", followed), timestamp=NOON)
        await until(read, lambda lines, _: bool(lines), "a line")

    assert read()[0] == [
        "\t".join(["2026-03-02T12:00:00+00:00", "tracker", "client_webinar_entered", "Anna entered “How to begin”"])
    ]


async def test_a_broker_that_goes_away_is_told_and_waited_for(outside: Outside, broker_door: Door, read: Read) -> None:
    webinar = uuid4()
    async with following(broker_door.url, Teller(None, as_json=True)):
        await until(read, lambda _, beside: "Listening" in beside, "listening")
        await broker_door.shut()
        await until(read, lambda _, beside: "The broker is away" in beside, "the word that it is away")
        await broker_door.open()
        await until(read, lambda _, beside: beside.count("Listening") == 2, "listening again")
        await outside.say(UserAttended(lead_id="anna-1", webinar_id=webinar, timestamp=NOON))
        await until(read, lambda lines, _: bool(lines), "a line")

    [line] = read()[0]
    told = json.loads(line)
    assert (told["topic"], told["body"]["webinar_id"]) == ("user_attended", str(webinar))


def test_whatever_is_said_is_one_line_that_moves_no_cursor(read: Read) -> None:
    teller = Teller(None, as_json=False)
    nasty = [b"\xff\x00", b"not json", b"[]", b"3", b'{"lead_id": {}}', b'{"title": "\\u001b[2J\\n", "version": "x"}']
    for body in nasty:
        for topic in ("webinar_event", "client_webinar_entered", "post_webinar_delivery", "nobody_knows"):
            message = Delivery(body, type=topic, app_id="x\x1b[2J\x07\n")
            message.routing_key = topic  # type: ignore[attr-defined]
            teller.heard(message)  # type: ignore[arg-type]

    lines, _ = read()
    assert len(lines) >= 2 * len(nasty)
    assert all(line.replace("\t", "").isprintable() for line in lines)
