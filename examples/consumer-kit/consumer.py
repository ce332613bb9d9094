"""Keep every public fact once, in SQLite, with FastStream and our contracts: the history is what comes now, too."""

import asyncio
import json
import logging
import os
import sqlite3
import sys
from datetime import UTC, datetime

from contracts.topology import HISTORY, public_topics
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitMessage, RabbitQueue

KINDS = {topic.name: topic.message for topic in public_topics()}
database = sqlite3.connect(os.environ.get("DATABASE", "facts.db"))
# What a power cut takes is read again: where to begin is asked of the database itself.
database.executescript("pragma journal_mode = wal; pragma synchronous = normal")
database.execute("create table if not exists fact (topic, key, version, said_at, body, primary key (topic, key))")
KEEP = """
insert into fact values (?, ?, ?, ?, ?) on conflict (topic, key) do update
set version = excluded.version, said_at = excluded.said_at, body = excluded.body where excluded.version > fact.version
"""
# Nothing arrives before it was said; an hour for clocks that differ, and what comes again is no news.
last = database.execute("select max(said_at) from fact").fetchone()[0]
start = "first" if last is None else datetime.fromtimestamp(last - 3600, UTC)
broker = RabbitBroker(os.environ["RABBITMQ_URL"], default_channel=Channel(prefetch_count=100), log_level=logging.DEBUG)
history = RabbitQueue(HISTORY, queue_type=QueueType.STREAM, durable=True, declare=False)
app = FastStream(broker)


@broker.subscriber(history, consume_args={"x-stream-offset": start}, ack_policy=AckPolicy.MANUAL, no_reply=True)
async def keep(message: RabbitMessage) -> None:
    """Keep a fact by topic and key; of a snapshot the newest."""
    raw = message.raw_message
    said_at = raw.timestamp.timestamp() if raw.timestamp else None
    try:
        fact = KINDS[raw.type or ""].from_json(raw.body)
        row = (fact.topic, json.dumps(fact.meaning_key), fact.order, said_at, raw.body.decode())
        with database:
            is_news = database.execute(KEEP, row).rowcount
        if is_news:
            print(*row[:2], flush=True)
    except (LookupError, ValueError) as error:
        # Nobody can ever read it; it stays in the history.
        print(f"unread: {raw.message_id}: {error}", file=sys.stderr)
    except sqlite3.Error:
        # Not to be passed over: end, and read it again after the restart.
        app.exit()
        raise
    await message.ack()


if __name__ == "__main__":
    asyncio.run(app.run())
