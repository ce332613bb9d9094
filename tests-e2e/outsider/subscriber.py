"""Another team's subscriber, written from docs/events.md alone: plain aio-pika and JSON, nothing of ours.

    RABBITMQ_URL=amqp://team.crm:secret@host/vhost python subscriber.py

Prints one JSON object a line for each event that is news to it, `{"topic", "key", "message_id", "correlation_id",
"body"}`, and on standard error `ready` once its queue is bound, `again …` for what it knew already and `unread …` for
what it cannot read. QUEUE names its queue (default `team.crm.webinars`). Ends on SIGTERM and SIGINT; what is said
while it is away waits in the queue.
"""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

EXCHANGE = "webinars"
QUEUE = os.environ.get("QUEUE", "team.crm.webinars")
MAJOR_VERSION = 1

# Topic -> the fields of its key, from the section of each public fact.
KEYS = {
    "webinar_event": ("webinar_id",),
    "webinar_started": ("webinar_id",),
    "webinar_finished": ("webinar_id",),
    "client_webinar_entered": ("session_id",),
    "client_webinar_completed": ("session_id",),
    "webinar_completed": ("session_id",),
    "client_webinar_attendance_classified": ("lead_id", "webinar_id"),
    "user_attended": ("lead_id", "webinar_id"),
    "post_webinar_route": ("lead_id", "webinar_id"),
    "post_webinar_delivery": ("delivery_id",),
    "cta_shown": ("lead_id", "webinar_id"),
    "cta_clicked": ("lead_id", "webinar_id"),
}
SNAPSHOTS = {"webinar_event", "post_webinar_delivery"}


class Known:
    """What has been heard. In memory, to keep the example short; in earnest a table with the key as its unique key."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, ...], int] = {}

    def is_news(self, topic: str, key: tuple[str, ...], version: int) -> bool:
        """Remember a fact; return whether it was not known yet, or is a newer snapshot than the known one."""
        thing = (topic, *key)
        if version <= self._versions.get(thing, -1):
            return False
        self._versions[thing] = version
        return True


def take(message: AbstractIncomingMessage, known: Known) -> None:
    """Print a message that is news; say on standard error what became of any other."""
    topic = message.type or ""
    try:
        body = read(message, topic)
        key = tuple(str(body[name]) for name in KEYS[topic])
        version = int(body["version"]) if topic in SNAPSHOTS else 0
    except (ValueError, LookupError, TypeError) as error:
        note(f"unread {topic} {message.message_id}: {error!r}")
        return
    if not known.is_news(topic, key, version):
        note(f"again {topic} {' '.join(key)}")
        return
    line = {
        "topic": topic,
        "key": key,
        "message_id": message.message_id,
        "correlation_id": message.correlation_id,
        "body": body,
    }
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def read(message: AbstractIncomingMessage, topic: str) -> dict[str, Any]:
    """Return the body; raises `ValueError` for another major version and for what is no JSON object."""
    version = message.headers.get("schema_version")
    if version != MAJOR_VERSION:
        raise ValueError(f"{topic} of major version {version!r}")
    body = json.loads(message.body)
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004  # what matters is the message, not a type of ours
    return body


def note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


async def subscribe(url: str, stopped: asyncio.Event) -> None:
    """Declare the queue, bind it to every public topic, and take what comes until `stopped`."""
    known = Known()

    async def heard(message: AbstractIncomingMessage) -> None:
        take(message, known)
        await message.ack()

    connection = await aio_pika.connect_robust(url)
    async with connection:
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=100)
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": 1000}
        queue = await channel.declare_queue(QUEUE, durable=True, arguments=arguments)
        for topic in KEYS:
            await queue.bind(EXCHANGE, routing_key=topic)
        await queue.consume(heard)
        note("ready")
        await stopped.wait()


async def main() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await subscribe(os.environ["RABBITMQ_URL"], stopped)


if __name__ == "__main__":
    asyncio.run(main())
