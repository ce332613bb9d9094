"""The doctor's look at the broker: reached, without alarms, every queue there, each with somebody who reads it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import aio_pika
import aiohttp
import aiormq.exceptions
from contracts.topology import DELAY_SECONDS, HISTORY, delay_exchange, queues_of

from servicekit.errors import BROKER_AWAY
from servicekit.operator.broker import CONNECT_SECONDS, connected
from servicekit.operator.findings import Finding, Report, State
from servicekit.operator.places import words_of
from servicekit.operator.showing import counted
from servicekit.publisher import open_channel

Check = Callable[[Report], Awaitable[None]]

MANY = 10_000
"""A queue that holds more is not being kept up with."""


@dataclass
class Seen:
    """What was seen of a service's queues."""

    there: int = 0
    missing: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)


def queues(url: str, services: Sequence[str], *, with_delays: bool) -> Check:
    """Look at the queues of these services, and at the delays and the history that all share."""

    async def check(report: Report) -> None:
        reached = False
        try:
            async with connected(url) as connection:
                reached = True
                report.add(Finding("broker", State.OK, "reached"))
                history = await _seen(connection, [HISTORY] if with_delays else [])
                for service in services:
                    names = [
                        name
                        for queue in queues_of(service)
                        for name in (queue.name, queue.dead_letter_queue)
                        if name is not None
                    ]
                    _tell(service, await _seen(connection, names), report, has_history=bool(history.there))
                if with_delays:
                    delays = [delay_exchange(level) for level in range(1, len(DELAY_SECONDS) + 1)]
                    _tell_of_delays(await _seen(connection, delays), report)
                    _tell_of_history(history, report)
        except BROKER_AWAY as trouble:
            if reached:
                words, advice = f"does not answer any more: {words_of(trouble)}", "See its log, and restart it."
                report.add(Finding("broker: queues", State.BROKEN, words, advice))
            else:
                words = f"cannot be reached: {words_of(trouble)}"
                advice = "Start the broker, or correct its address, user and password."
                report.add(Finding("broker", State.BROKEN, words, advice))

    return check


async def _seen(connection: aio_pika.abc.AbstractConnection, names: Sequence[str]) -> Seen:
    seen = Seen()
    channel = await open_channel(connection)
    for name in names:
        try:
            found = (await channel.declare_queue(name, passive=True)).declaration_result
        except aiormq.exceptions.ChannelNotFoundEntity:
            # The broker answers by closing the channel.
            seen.missing.append(name)
            channel = await open_channel(connection)
            continue
        seen.there += 1
        if not found.consumer_count:
            seen.unread.append(name)
        if found.message_count:
            seen.waiting[name] = found.message_count
    return seen


def _tell(service: str, seen: Seen, report: Report, *, has_history: bool) -> None:
    what = f"{service}: queues"
    if seen.missing:
        words = f"{len(seen.missing)} are missing: {_some(seen.missing)}"
        advice = "Run `webinarctl provision`"
        kept = [queue.name for queue in queues_of(service) if queue.topic.public and queue.name in seen.missing]
        if has_history and kept:
            advice += f", then `webinarctl catch-up {' '.join(kept)} --since <when it was there last>`"
        report.add(Finding(what, State.BROKEN, words, f"{advice}."))
    if seen.unread:
        all_ = len(seen.unread) == seen.there
        words = "nobody reads any of them" if all_ else f"nobody reads {_some(seen.unread)}"
        advice = f"Start {service}." if all_ else f"See the log of {service}, and restart it."
        waiting = sum(seen.waiting.values())
        words += f"; {counted(waiting, 'message')} waiting" if waiting else ""
        report.add(Finding(what, State.BROKEN, words, advice))
    elif many := {name: count for name, count in seen.waiting.items() if count > MANY}:
        words = f"{max(many.values()):,} messages waiting in {_some(list(many))}"
        report.add(Finding(what, State.ATTENTION, words, f"If it grows: run more processes of {service}."))
    elif not seen.missing:
        waiting = sum(seen.waiting.values())
        words = f"all {seen.there} are there and read" + (f"; {counted(waiting, 'message')} waiting" if waiting else "")
        report.add(Finding(what, State.OK, words))


def _tell_of_delays(seen: Seen, report: Report) -> None:
    waiting = sum(seen.waiting.values())
    if seen.missing:
        report.add(
            Finding("broker: delays", State.BROKEN, f"missing: {_some(seen.missing)}", "Run `webinarctl provision`.")
        )
    elif waiting:
        report.add(Finding("broker: delays", State.OK, f"{counted(waiting, 'message')} waiting to be tried again"))
    else:
        report.add(Finding("broker: delays", State.OK, "nothing waits to be tried again"))


def _tell_of_history(seen: Seen, report: Report) -> None:
    """Nobody has to read it, and it only grows until the broker forgets the oldest: neither is a fault."""
    what = "broker: history"
    if seen.missing:
        words = f"{HISTORY} is missing: what is said now is not kept for who comes late"
        report.add(Finding(what, State.ATTENTION, words, "Run `webinarctl provision`."))
    else:
        report.add(Finding(what, State.OK, f"{counted(seen.waiting.get(HISTORY, 0), 'fact')} kept"))


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def alarms(management_url: str) -> Check:
    """Ask the broker whether it is short of memory or disk: it takes nothing in then."""

    async def check(report: Report) -> None:
        parts = urlsplit(management_url)
        login = aiohttp.encode_basic_auth(unquote(parts.username or "guest"), unquote(parts.password or "guest"))
        base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
        limit = aiohttp.ClientTimeout(total=CONNECT_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(headers={"Authorization": login}, timeout=limit) as session,
                session.get(f"{base}/api/health/checks/alarms") as response,
            ):
                answer = await response.json(content_type=None) if response.status in {200, 503} else {}
                status = response.status
        except (aiohttp.ClientError, TimeoutError, ValueError) as trouble:
            words = f"its management address does not answer: {words_of(trouble)}"
            advice = "Switch the management plugin on, or correct RABBITMQ_MANAGEMENT_URL."
            report.add(Finding("broker: alarms", State.ATTENTION, words, advice))
            return
        if status == 200:
            report.add(Finding("broker: alarms", State.OK, "none"))
        elif status == 503:
            words = f"takes nothing in: {answer.get('reason', 'an alarm')}"
            for alarm in answer.get("alarms", []):
                words += f"; {alarm.get('resource', 'a limit')} on {alarm.get('node', 'a node')}"
            advice = "Give it disk or memory; nothing is lost, all waits in the services' outboxes."
            report.add(Finding("broker: alarms", State.BROKEN, words, advice))
        else:
            words = f"its management address answers {status}"
            advice = "Name a user who may monitor in RABBITMQ_MANAGEMENT_URL."
            report.add(Finding("broker: alarms", State.ATTENTION, words, advice))

    return check
