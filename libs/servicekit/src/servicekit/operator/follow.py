"""`webinarctl follow`: what is said on the exchange, as it is said, a line each in plain words."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from typing import Annotated, Any
from uuid import UUID

import aio_pika
import typer
from contracts.topology import EXCHANGE

from servicekit.errors import BROKER_AWAY, DATABASE_TROUBLE
from servicekit.operator.broker import CONNECT_SECONDS, connected
from servicekit.operator.places import NoPlaceError, at, place_of, words_of
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, fail, plain, printable, say, warn
from servicekit.operator.story import Story, local_time
from servicekit.publisher import open_channel

NAMES = "webinarctl.names"
"""Entry points of services that know people and webinars by name: `async (Database) -> Names`."""
ECHOES = frozenset({"webinar_started", "webinar_finished", "client_webinar_completed", "user_attended"})
"""Said for other teams beside a message that tells the same: a person reads it once, a program gets both."""
RETRY_SECONDS = 2.0
COLOURS = {
    "core-webinar": typer.colors.BLUE,
    "room-ui": typer.colors.CYAN,
    "tracker": typer.colors.YELLOW,
    "attendance": typer.colors.MAGENTA,
    "post-webinar": typer.colors.GREEN,
}


@dataclass(frozen=True)
class Names:
    """People by their ids, and webinars as they were last announced by theirs."""

    accounts: Mapping[str, str]
    webinars: Mapping[str, Mapping[str, Any]]


def follow(
    webinar: Annotated[UUID | None, typer.Argument(help="Of this webinar alone.")] = None, as_json: AsJson = False
) -> None:
    """Show what is said about a webinar, or about all, as it is said; Ctrl-C ends it.

    Reads RABBITMQ_URL (an administrator's); with DATABASE_URL people and webinars have their names from the start.
    Presence, which comes every few seconds, is left out; so is, on a terminal, what only repeats for other teams.
    """
    url = OperatorSettings().rabbitmq_url
    if not url:
        fail("RABBITMQ_URL (the administrators') is not set: nobody else may hear everything.")
    teller = Teller(None if webinar is None else str(webinar), as_json=as_json)
    try:
        asyncio.run(tell_for_ever(url, teller))
    except KeyboardInterrupt:
        return


class Teller:
    """Tells messages by line: of one webinar, or of all."""

    def __init__(self, webinar: str | None, *, as_json: bool) -> None:
        self._webinar = webinar
        self._as_json = as_json
        self._story = Story()

    def begin(self, names: Names) -> None:
        """Take in what everybody is called; older snapshots are no news."""
        self._story.accounts |= names.accounts
        self._story.webinars |= names.webinars
        self._story.news_from = int(datetime.now(UTC).timestamp() * 1000)

    def heard(self, message: aio_pika.abc.AbstractIncomingMessage) -> None:
        """Tell one message, if it is about what is followed."""
        try:
            body = json.loads(message.body)
            topic = message.routing_key or ""
            words = self._story.tell(topic, body)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            # Whatever somebody publishes: the next line is told all the same.
            body, words = {}, f"not understood ({problem!r})"
        if words is None or not self._is_about(message, body):
            return
        is_terminal = sys.stdout.isatty()
        if is_terminal and not self._as_json and message.routing_key in ECHOES:
            return
        moment = message.timestamp or datetime.now(UTC)
        service, topic = printable(message.app_id or "?"), printable(message.routing_key or "")
        if self._as_json:
            line = {"at": plain(moment), "service": service, "topic": topic, "words": words, "body": body}
            say(json.dumps(line, ensure_ascii=False))
        elif is_terminal:
            say(f"{local_time(moment)}  {typer.style(f'{service:<12}', COLOURS.get(service))}  {printable(words)}")
        else:
            say("\t".join([plain(moment), service, topic, printable(words)]))

    def _is_about(self, message: aio_pika.abc.AbstractIncomingMessage, body: Mapping[str, Any]) -> bool:
        return self._webinar is None or self._webinar in {str(body.get("webinar_id")), message.correlation_id}


async def tell_for_ever(url: str, teller: Teller, *, retry_seconds: float = RETRY_SECONDS) -> None:
    """Tell what is said until cancelled; a broker that goes away is waited for."""
    teller.begin(await known_names())
    while True:
        try:
            await listen(url, teller.heard, lambda: warn("Listening. Ctrl-C ends it."))
        except BROKER_AWAY as trouble:
            warn(f"The broker is away ({words_of(trouble)}). Trying again; what is said meanwhile is not shown.")
        await asyncio.sleep(retry_seconds)


async def listen(
    url: str, heard: Callable[[aio_pika.abc.AbstractIncomingMessage], None], begun: Callable[[], None]
) -> None:
    """Hear everything on the exchange until the connection is lost; raises one of `BROKER_AWAY`."""

    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        heard(message)

    async with connected(url) as connection:
        lost = asyncio.Event()
        connection.close_callbacks.add(lambda *_: lost.set())
        channel = await open_channel(connection)
        queue = await channel.declare_queue(exclusive=True, auto_delete=True)
        await queue.bind(EXCHANGE, "#")
        await queue.consume(take, no_ack=True)
        begun()
        await lost.wait()
    raise ConnectionError("it has closed the connection")


async def known_names() -> Names:
    """Ask the services that are installed here for names; without them ids do."""
    nameless: tuple[type[BaseException], ...] = (NoPlaceError, *DATABASE_TROUBLE)
    found = Names({}, {})
    for entry in entry_points(group=NAMES):
        names: Callable[..., Awaitable[Names]] = entry.load()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                known = await at(place_of(entry.name), names)
        except nameless:
            continue
        found = Names({**found.accounts, **known.accounts}, {**found.webinars, **known.webinars})
    return found
