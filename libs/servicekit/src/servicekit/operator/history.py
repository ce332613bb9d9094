"""`webinarctl history`: what was said in public, from any moment on, a line each in plain words."""

import asyncio
import json
import re
import sys
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from contracts.topology import public_topics

from servicekit.errors import BROKER_AWAY
from servicekit.history import HistoryError, Incoming, Start, moment_before, offset_of, read_history
from servicekit.operator.broker import connected
from servicekit.operator.follow import COLOURS, ECHOES, Names, known_names
from servicekit.operator.places import words_of
from servicekit.operator.settings import OperatorSettings
from servicekit.operator.showing import AsJson, fail, plain, printable, readable, say, warn
from servicekit.operator.story import Story

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"(\d{1,6})([smhdw])")
_OFFSET = re.compile(r"\d{1,18}")
FORMS = "a length (30m, 2h, 7d), a time (2026-11-26, 2026-11-26T16:00)"


@dataclass(frozen=True)
class Choice:
    """Which messages are told: those of these topics, said in this time."""

    topics: frozenset[str]
    since: datetime | None
    until: datetime | None

    def holds(self, message: Incoming) -> bool:
        """Whether a message is one of them; one that does not say its time is told."""
        if self.topics and message.routing_key not in self.topics:
            return False
        said_at = message.timestamp
        if said_at is None:
            return True
        # On the wire a time is a whole second.
        after = self.since is None or said_at >= self.since.replace(microsecond=0)
        return after and (self.until is None or said_at < self.until)


def moment_of(word: str, now: datetime) -> datetime:
    """Read a length before now, or a time; without an offset it is one of this machine's zone. Raises `ValueError`."""
    if found := _LENGTH.fullmatch(word):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    if "-" not in word[1:]:
        raise ValueError(word)
    return datetime.fromisoformat(word).astimezone(UTC)


def start_of(word: str, now: datetime) -> tuple[Start, datetime | None]:
    """Return where to begin to read, and since when what is told was said; raises `ValueError`."""
    if word == "first":
        return word, None
    if _OFFSET.fullmatch(word):
        return int(word), None
    moment = moment_of(word, now)
    return moment_before(moment), moment


def history(
    since: Annotated[
        str, typer.Option("--since", help=f"From when: {FORMS}, `first`, or the number of a message.")
    ] = "1h",
    until: Annotated[str | None, typer.Option("--until", help=f"Up to when: {FORMS}.")] = None,
    topic: Annotated[list[str] | None, typer.Option("--topic", help="This topic alone; may be repeated.")] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with what is said from now on; Ctrl-C ends it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the public facts that were said, in the order in which the broker got them.

    Reads RABBITMQ_URL (an administrator's or a team's); with DATABASE_URL people and webinars have their names. On a
    terminal, what only repeats for other teams is left out; ask for it by --topic. With --json everything is a line.
    """
    url = OperatorSettings().rabbitmq_url
    if not url:
        fail("RABBITMQ_URL (an administrator's or a team's) is not set.")
    public = sorted(one.name for one in public_topics())
    if unknown := sorted(set(topic or ()) - set(public)):
        fail(f"{unknown[0]} is no public topic; there are {', '.join(public)}", 2)
    now = datetime.now(UTC)
    try:
        start, from_when = start_of(since, now)
        to_when = None if until is None else moment_of(until, now)
    except (ValueError, OverflowError):
        fail("--since and --until take " + FORMS + "; --since also `first` or the number of a message.", 2)
    teller = Past(Choice(frozenset(topic or ()), from_when, to_when), as_json=as_json)
    try:
        asyncio.run(_tell(url, start, teller, follow=follow))
    except KeyboardInterrupt:
        return
    except HistoryError as error:
        fail(str(error))
    except BROKER_AWAY as trouble:
        fail(f"The broker cannot be used: {words_of(trouble)}")


async def _tell(url: str, start: Start, teller: "Past", *, follow: bool) -> None:
    teller.begin(await known_names())
    async with connected(url) as connection, aclosing(read_history(connection, start, follow=follow)) as messages:
        async for message in messages:
            teller.heard(message)
    if not teller.told:
        warn("Nothing was said in that time.")


class Past:
    """Tells what was said, a line each; to a program with the number of the message, from which to go on."""

    def __init__(self, choice: Choice, *, as_json: bool) -> None:
        self._choice = choice
        self._as_json = as_json
        self._story = Story()
        self.told = 0

    def begin(self, names: Names) -> None:
        """Take in what everybody is called today."""
        self._story.accounts |= names.accounts
        self._story.titles |= {one: str(body["title"]) for one, body in names.webinars.items() if body.get("title")}

    def heard(self, message: Incoming) -> None:
        """Tell one message, if it is one of those that are asked for."""
        topic, body = message.routing_key or "", _read(message.body)
        try:
            # Also of what is not told: it may bring the title of a webinar.
            words = self._story.tell(topic, body)
        except (KeyError, TypeError, ValueError, AttributeError) as problem:
            words = f"not understood ({problem!r})"
        if not self._choice.holds(message):
            return
        if self._as_json:
            self._say_json(message, topic, words, body)
        elif words is not None:
            self._say(message, topic, words)

    def _say_json(self, message: Incoming, topic: str, words: str | None, body: Any) -> None:
        self.told += 1
        line = {
            "offset": offset_of(message),
            "at": plain(message.timestamp),
            "service": message.app_id,
            "topic": topic,
            "message_id": message.message_id,
            "correlation_id": message.correlation_id,
            "words": words,
            "body": body,
        }
        say(json.dumps(line, ensure_ascii=False))

    def _say(self, message: Incoming, topic: str, words: str) -> None:
        service = printable(message.app_id or "?")
        if not sys.stdout.isatty():
            columns = [str(offset_of(message)), plain(message.timestamp), service, printable(topic), printable(words)]
            say("\t".join(columns))
        elif topic in ECHOES and not self._choice.topics:
            return
        else:
            colour = typer.style(f"{service:<12}", COLOURS.get(service))
            say(f"{readable(message.timestamp):<15}  {colour}  {printable(words)}")
        self.told += 1


def _read(body: bytes) -> Any:
    """Return a body as JSON; whatever somebody else has published, as text."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
