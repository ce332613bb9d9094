"""Receiving without a broker: what a consumer does whose cancellation crosses something else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from servicekit.errors import DatabaseAwayError
from servicekit.receiving import Handling, Subscription
from servicekit.testing import eventually

TAG = "consumer"


class Channel:
    """A channel that stays open."""

    is_closed = False


class Queue:
    """A broker with one queue and one message, which goes to whoever consumes and comes again when it is given back."""

    def __init__(self) -> None:
        self.consumers: set[str] = set()
        self.answers_cancels = asyncio.Event()
        self.answers_cancels.set()
        self.cancels = 0
        self.given_back = 0
        self.acknowledged = 0
        self.channel = Channel()
        self.delivery_tag = 0
        self.take: Any = None
        self.consume_callback = object()
        self._tasks: set[asyncio.Task[None]] = set()

    def subscriber(self, *_: object, **__: object) -> Any:
        def register(take: Any) -> None:
            self.take = take

        register._consumer_tag = TAG  # type: ignore[attr-defined]
        register.consume = self.consume_callback  # type: ignore[attr-defined]
        return register

    async def declare_queue(self, _: object) -> "Queue":
        return self

    async def consume(self, _: object, *, consumer_tag: str) -> None:
        self.consumers.add(consumer_tag)

    async def cancel(self, consumer_tag: str) -> None:
        self.cancels += 1
        await self.answers_cancels.wait()
        self.consumers.discard(consumer_tag)

    def deliver(self) -> None:
        self.delivery_tag += 1
        raw = SimpleNamespace(
            channel=self.channel, delivery_tag=self.delivery_tag, reject=self.reject, ack=self.acknowledge
        )
        task = asyncio.create_task(self.take(SimpleNamespace(raw_message=raw)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def acknowledge(self, *, multiple: bool = False) -> None:
        self.acknowledged += 1

    async def reject(self, *, requeue: bool) -> None:
        assert requeue
        self.given_back += 1
        await asyncio.sleep(0)
        if self.consumers:
            self.deliver()


class Away:
    """A handling that finds the database away."""

    queue = "attendance.some_topic"
    most = 10

    async def handle(self, raws: Sequence[Any], settle: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
        raise DatabaseAwayError("away")


class OutOfTime(Away):
    """A handling that has no time for anything the first time."""

    def __init__(self) -> None:
        self.handled = asyncio.Event()
        self.times = 0

    async def handle(self, raws: Sequence[Any], settle: Callable[[Sequence[Any]], Awaitable[None]]) -> None:
        self.times += 1
        if self.times > 1:
            await settle(raws)
            self.handled.set()


@asynccontextmanager
async def receiving(
    queue: Queue, answers: Callable[[], Awaitable[bool]], handling: Handling | None = None
) -> AsyncIterator[Subscription]:
    subscription = Subscription(queue, handling or Away(), answers)  # type: ignore[arg-type]
    queue.consumers.add(TAG)
    subscription.begin()
    task = asyncio.create_task(subscription.run())
    try:
        yield subscription
        assert not task.done() or not task.exception(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stop_while_the_infrastructure_comes_back_leaves_no_consumer() -> None:
    queue, asked, go_on = Queue(), asyncio.Event(), asyncio.Event()

    async def answers() -> bool:
        asked.set()
        await go_on.wait()
        return True

    async with receiving(queue, answers) as subscription:
        queue.deliver()
        await asked.wait()
        stopping = asyncio.create_task(subscription.stop())
        await eventually(lambda: reached(queue, 2), what="the cancellation of the stop")
        go_on.set()
        await stopping
        assert queue.consumers == set()


async def test_a_stop_while_it_begins_to_consume_again_leaves_no_consumer() -> None:
    queue, began, go_on = Queue(), asyncio.Event(), asyncio.Event()
    consume = queue.consume

    async def consume_slowly(callback: object, *, consumer_tag: str) -> None:
        began.set()
        await go_on.wait()
        await consume(callback, consumer_tag=consumer_tag)

    async def answers() -> bool:
        return True

    queue.consume = consume_slowly  # type: ignore[method-assign, assignment]
    async with receiving(queue, answers) as subscription:
        queue.deliver()
        await began.wait()
        stopping = asyncio.create_task(subscription.stop())
        await eventually(lambda: reached(queue, 2), what="the cancellation of the stop")
        go_on.set()
        await stopping
        assert queue.consumers == set()


async def test_while_a_cancellation_is_not_answered_what_comes_is_held_and_not_given_back_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("servicekit.receiving._BROKER_LIMIT_SECONDS", 0.05)
    monkeypatch.setattr("servicekit.receiving._FIRST_PAUSE_SECONDS", 0.01)
    queue = Queue()
    queue.answers_cancels.clear()

    async def answers() -> bool:
        return not queue.consumers

    async with receiving(queue, answers):
        queue.deliver()
        await eventually(lambda: reached(queue, 4), what="further attempts to cancel")
        assert queue.given_back == 1
        queue.answers_cancels.set()

        async def consumes_again() -> bool:
            return queue.given_back == 2

        await eventually(consumes_again, what="the held one given back")


async def test_what_the_time_did_not_suffice_for_comes_again() -> None:
    queue, handling = Queue(), OutOfTime()

    async def answers() -> bool:
        raise AssertionError("nothing is away")

    async with receiving(queue, answers, handling):
        queue.deliver()
        await asyncio.wait_for(handling.handled.wait(), 5)
        assert (queue.given_back, queue.acknowledged) == (1, 1)


async def reached(queue: Queue, cancels: int) -> bool:
    return queue.cancels >= cancels
