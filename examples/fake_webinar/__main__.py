"""Play a whole webinar to a broker, so that a consumer can be tried without the platform.

Publishing needs an administrator's address: use a broker of your own, or one for tests. A team's user may not publish.
"""

import argparse
import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID, uuid4

import aio_pika
from aiormq.exceptions import ChannelAccessRefused
from contracts import CONTENT_TYPE
from contracts.topology import EXCHANGE, HISTORY, public_topics
from story import Said, Webinar

IN_FLIGHT = 200


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="fake_webinar", description="Play a whole webinar's public facts.")
    parser.add_argument("--url", default=os.environ.get("RABBITMQ_URL"), help="the broker; else RABBITMQ_URL")
    parser.add_argument("--leads", type=int, default=6, help="how many take part; every third leaves early (6)")
    parser.add_argument("--days-ago", type=float, default=0.1, help="when it began: all times are of then (0.1)")
    parser.add_argument("--title", default="A fake webinar")
    parser.add_argument("--webinar", type=UUID, default=None, help="its id (a new one)")
    parser.add_argument("--twice", action="store_true", help="say everything twice: delivery is at least once")
    parser.add_argument("--shuffle", action="store_true", help="in any order: there is none across topics")
    parser.add_argument("--prepare", action="store_true", help="first make the exchange and the history: a bare broker")
    parser.add_argument("--quiet", action="store_true", help="no line for each fact")
    return parser.parse_args()


async def prepare(channel: aio_pika.abc.AbstractChannel) -> None:
    """Make what `webinarctl provision` makes for other teams: the public exchange and the history."""
    await channel.declare_exchange(EXCHANGE, "topic", durable=True)
    arguments: dict[str, Any] = {"x-queue-type": "stream", "x-stream-max-segment-size-bytes": 20_000_000}
    history = await channel.declare_queue(HISTORY, durable=True, arguments=arguments)
    for topic in public_topics():
        await history.bind(EXCHANGE, topic.name)


def message_of(said: Said, webinar_id: UUID) -> aio_pika.Message:
    """Return a fact as it goes over the wire."""
    return aio_pika.Message(
        said.fact.to_json(),
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=str(said.message_id(webinar_id)),
        type=said.fact.topic,
        app_id=said.service,
        timestamp=said.at,
        correlation_id=str(webinar_id),
        headers={"schema_version": said.fact.schema_version},
    )


async def play(url: str, webinar: Webinar, told: Sequence[Said], *, prepared: bool, quiet: bool) -> None:
    """Publish everything in its order, with confirms."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        if prepared:
            await prepare(channel)
        exchange = await channel.get_exchange(EXCHANGE)
        # The first alone: who may not publish is told so once.
        for begin, end in pairwise([0, *range(1, len(told), IN_FLIGHT), len(told)]):
            some = told[begin:end]
            messages = (exchange.publish(message_of(one, webinar.webinar_id), one.fact.topic) for one in some)
            await asyncio.gather(*messages)
            if not quiet:
                for one in some:
                    print(f"{one.at:%Y-%m-%d %H:%M:%S}  {one.service:<12}  {one.fact.topic}")


def main() -> None:
    """Play it, and say what was said."""
    asked = options()
    if not asked.url:
        raise SystemExit("Name a broker: --url amqp://…, or RABBITMQ_URL.")
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=asked.days_ago)
    webinar = Webinar(asked.webinar or uuid4(), asked.title, began, asked.leads)
    told = list(webinar.told())
    if asked.twice:
        told = [one for one in told for _ in range(2)]
    if asked.shuffle:
        random.shuffle(told)
    try:
        asyncio.run(play(asked.url, webinar, told, prepared=asked.prepare, quiet=asked.quiet))
    except ChannelAccessRefused:
        raise SystemExit("This user may not publish. Use an administrator's, at a broker for tests.") from None
    except (aio_pika.exceptions.AMQPError, OSError) as trouble:
        raise SystemExit(f"The broker cannot be used: {trouble}") from None
    counts = Counter(one.fact.topic for one in told)
    print(f"Played webinar {webinar.webinar_id}: {len(told)} messages")
    for topic, count in sorted(counts.items()):
        print(f"  {count:>6}  {topic}")


if __name__ == "__main__":
    main()
