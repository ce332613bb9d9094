"""What docs/events.md tells an outsider is enough: its rights, its program, its rules, on a real broker."""

import asyncio
import json
import os
import re
import secrets
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aio_pika
import aiormq
import pytest
from contracts.examples import example
from contracts.topology import EXCHANGE, OWN_TOPICS

HERE = Path(__file__).parent
PAGE = (HERE.parents[1] / "docs/events.md").read_text(encoding="utf-8")
STORY = [
    "webinar_event",
    "webinar_started",
    "client_webinar_entered",
    "cta_shown",
    "cta_clicked",
    "client_webinar_completed",
    "webinar_completed",
    "client_webinar_attendance_classified",
    "user_attended",
    "webinar_finished",
    "post_webinar_route",
    "post_webinar_delivery",
]


@asynccontextmanager
async def running(script: Path, url: str) -> AsyncIterator[Process]:
    """Run a subscriber as a process of its own; asks it to end, and waits for that."""
    environment = {"PATH": os.environ["PATH"], "RABBITMQ_URL": url, "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdout=PIPE, stderr=PIPE, env=environment
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.communicate(), 10)


async def line_of(stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    line = await asyncio.wait_for(stream.readline(), 20)
    return line.decode().rstrip("\n")


async def lines_of(stream: asyncio.StreamReader | None, count: int) -> list[str]:
    return [await line_of(stream) for _ in range(count)]


Say = Callable[..., Any]


@asynccontextmanager
async def said_by_the_platform(url: str) -> AsyncIterator[Say]:
    """Hand out a way to publish a message as the platform does."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(EXCHANGE)

        async def say(topic: str, body: bytes, *, version: int = 1) -> None:
            message = aio_pika.Message(
                body,
                type=topic,
                message_id=secrets.token_hex(4),
                correlation_id="a-webinar",
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
                headers={"schema_version": version},
            )
            await exchange.publish(message, topic, mandatory=False)

        yield say


def changed(topic: str, **changes: object) -> bytes:
    return json.dumps(json.loads(example(topic)) | changes).encode()


async def test_an_outsider_hears_the_whole_story_once(outsider: str, fresh_vhost: str) -> None:
    async with said_by_the_platform(fresh_vhost) as say, running(HERE / "subscriber.py", outsider) as subscriber:
        assert await line_of(subscriber.stderr) == "ready"
        for topic in STORY:
            await say(topic, example(topic))
            await say(topic, example(topic))
        heard = [json.loads(line) for line in await lines_of(subscriber.stdout, len(STORY))]
        again = await lines_of(subscriber.stderr, len(STORY))

    assert [line["topic"] for line in heard] == STORY
    assert [line["body"] for line in heard] == [json.loads(example(topic)) for topic in STORY]
    assert [line.split()[:2] for line in again] == [["again", topic] for topic in STORY]


async def test_an_outsider_keeps_the_newest_snapshot(outsider: str, fresh_vhost: str) -> None:
    async with said_by_the_platform(fresh_vhost) as say, running(HERE / "subscriber.py", outsider) as subscriber:
        await line_of(subscriber.stderr)
        for version in (5, 4, 7, 7, 6):
            await say("webinar_event", changed("webinar_event", version=version))
        heard = [json.loads(line)["body"]["version"] for line in await lines_of(subscriber.stdout, 2)]
        again = await lines_of(subscriber.stderr, 3)

    assert heard == [5, 7]
    assert all(line.startswith("again webinar_event") for line in again)


async def test_an_outsider_survives_what_it_cannot_read(outsider: str, fresh_vhost: str) -> None:
    async with said_by_the_platform(fresh_vhost) as say, running(HERE / "subscriber.py", outsider) as subscriber:
        await line_of(subscriber.stderr)
        await say("user_attended", b"not json")
        await say("user_attended", b"[]")
        await say("user_attended", b"{}")
        await say("user_attended", example("user_attended"), version=2)
        await say("user_attended", changed("user_attended", of_a_later_version={"deep": []}))
        unread = await lines_of(subscriber.stderr, 4)
        heard = json.loads(await line_of(subscriber.stdout))

    assert all(line.startswith("unread user_attended") for line in unread)
    assert heard["body"]["of_a_later_version"] == {"deep": []}


async def test_what_is_said_while_an_outsider_is_away_waits_for_it(outsider: str, fresh_vhost: str) -> None:
    async with said_by_the_platform(fresh_vhost) as say:
        async with running(HERE / "subscriber.py", outsider) as subscriber:
            await line_of(subscriber.stderr)
            await say("cta_shown", example("cta_shown"))
            assert json.loads(await line_of(subscriber.stdout))["topic"] == "cta_shown"
        assert subscriber.returncode == 0
        await say("user_attended", example("user_attended"))
        async with running(HERE / "subscriber.py", outsider) as subscriber:
            heard = json.loads(await line_of(subscriber.stdout))

    assert heard["topic"] == "user_attended"


async def test_the_program_on_the_page_works(outsider: str, fresh_vhost: str, tmp_path: Path) -> None:
    [program] = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    script = tmp_path / "subscriber.py"
    script.write_text(program, encoding="utf-8")
    async with said_by_the_platform(fresh_vhost) as say, running(script, outsider) as subscriber:
        await until_consumed("team.crm.webinars", fresh_vhost)
        for topic in ("webinar_event", "webinar_event", "webinar_started", "user_attended", "user_attended"):
            await say(topic, example(topic))
        heard = await lines_of(subscriber.stdout, 2)

    assert [line.split()[0] for line in heard] == ["webinar_event", "user_attended"]


async def until_consumed(queue: str, url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection, asyncio.timeout(20):
        while True:
            channel = await connection.channel()
            try:
                found = await channel.declare_queue(queue, passive=True)
            except aio_pika.exceptions.ChannelNotFoundEntity:
                await asyncio.sleep(0.05)
                continue
            if found.declaration_result.consumer_count:
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("topic", [topic.name for topic in OWN_TOPICS if not topic.public] + ["#", "*"])
async def test_an_outsider_cannot_hear_what_is_internal(outsider: str, topic: str) -> None:
    connection = await aio_pika.connect(outsider)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("team.crm.curious", durable=True, arguments={"x-queue-type": "quorum"})
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await queue.bind(EXCHANGE, routing_key=topic)


async def test_an_outsider_cannot_say_anything(outsider: str) -> None:
    connection = await aio_pika.connect(outsider)
    async with connection:
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.get_exchange(EXCHANGE, ensure=False)
        with pytest.raises(aiormq.exceptions.ChannelAccessRefused):
            await exchange.publish(aio_pika.Message(example("user_attended")), "user_attended")


def test_the_subscriber_imports_nothing_of_ours() -> None:
    source = (HERE / "subscriber.py").read_text(encoding="utf-8")
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))

    assert imported == {"asyncio", "json", "os", "signal", "sys", "typing", "aio_pika"}


def test_the_story_has_every_public_fact() -> None:
    assert set(STORY) == {topic.name for topic in OWN_TOPICS if topic.public}
