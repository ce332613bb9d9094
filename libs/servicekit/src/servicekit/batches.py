"""Batches of facts: one transaction for what is in hand, and what happens when it fails."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Any

from contracts import Signal

from servicekit import metrics, traced_messages
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.database import Database
from servicekit.errors import AWAY, DATABASE_AWAY, DATABASE_TROUBLE, DATABASE_UNABLE, TRY_AGAIN, DatabaseAwayError
from servicekit.logs import bound_fields, get_logger
from servicekit.messages import Heard, InvalidMessageError, deliveries_of, hear
from servicekit.router import Handler, Hearing
from servicekit.setting_aside import SettingAside
from servicekit.suspects import MOST_DEATHS, Suspects

log = get_logger(__name__)

Settle = Callable[[Sequence[Any]], Awaitable[None]]
"""Tells the broker that these deliveries are done with; called as soon as each is committed, delayed or buried."""

_TRIES = 5
# Nothing is held unacknowledged for longer than a minute; the rest of it is for setting aside what failed.
_LONGEST_BATCH_SECONDS = 50.0
_ALONE_AFTER_DELIVERIES = 2
_MOST_IDS_IN_A_LINE = 5


def newest_per_meaning(heard: Sequence[Heard[Any]]) -> list[Heard[Any]]:
    """Return one message per meaning key, the newest, sorted by key, so that rows are locked in one order."""
    newest: dict[tuple[str, ...], Heard[Any]] = {}
    for one in heard:
        key = one.event.meaning_key or (str(one.message_id),)
        known = newest.get(key)
        if known is None or one.event.order > known.event.order:
            newest[key] = one
    return [newest[key] for key in sorted(newest)]


def _goes_alone(heard: Heard[Any], raw: Any) -> bool:
    """Whether it may be the one that failed, hung or killed a process, and must not take its neighbours along again."""
    return heard.attempt > 0 or _comes_again_and_again(raw)


def _comes_again_and_again(raw: Any) -> bool:
    return deliveries_of(raw) >= _ALONE_AFTER_DELIVERIES


def _some(ids: Mapping[str, None]) -> list[str]:
    return list(islice(ids, _MOST_IDS_IN_A_LINE))


class BatchHandling:
    """Handles batches of one queue, whoever received them."""

    def __init__(self, queue: str, hearing: Hearing, handler: Handler, database: Database, aside: SettingAside) -> None:
        self.queue = queue
        self.hearing = hearing
        self._handler = handler
        self._database = database
        self._aside = aside
        self._suspects = Suspects(database)
        metrics.begin_queue(queue)

    @property
    def most(self) -> int:
        """How many messages a batch has at most."""
        return self.hearing.batch

    async def handle(self, raws: Sequence[Any], settle: Settle) -> None:
        """Handle what was received: each is committed, delayed or buried, and settled, when this returns.

        What was not begun in good time is not settled, and no attempt of it: it is to be given back. Raises one of
        `AWAY`; what was not settled until then is still the broker's.
        """
        time = asyncio.get_running_loop().time
        ends_at = time() + _LONGEST_BATCH_SECONDS
        begins_until = ends_at - _LONGEST_BATCH_SECONDS / 2
        metrics.RECEIVED.labels(self.queue).inc(len(raws))
        decoded: list[tuple[Heard[Any], Any]] = []
        for raw in raws:
            try:
                decoded.append((hear(raw, self.hearing.message), raw))
            except InvalidMessageError as error:
                await self._aside.failed(self.queue, raw, error)
                await settle([raw])
        alone = [pair for pair in decoded if _goes_alone(*pair)]
        together = [pair for pair in decoded if not _goes_alone(*pair)]
        left = [batch for batch in (together, *([pair] for pair in alone)) if batch]
        while left and time() < begins_until:
            pairs = left.pop(0)
            if _comes_again_and_again(pairs[0][1]):
                await self._handle_suspect(pairs[0], settle, ends_at)
            else:
                await self._handle_or_halve(pairs, settle, ends_at)
        if left:
            log.info("batch.out_of_time", queue=self.queue, given_back=sum(map(len, left)))

    async def _handle_suspect(self, pair: tuple[Heard[Any], Any], settle: Settle, ends_at: float) -> None:
        """Handle alone what may be the one that kills processes; bury what several did not outlive."""
        heard, raw = pair
        try:
            deaths = await self._suspects.hold(self.queue, heard.message_id)
        except DATABASE_TROUBLE as error:
            raise DatabaseAwayError(repr(error)) from error
        if deaths < MOST_DEATHS:
            await self._handle_or_halve([pair], settle, ends_at)
        else:
            why = f"{deaths} processes ended while they had this message in hand, and nothing else of its queue"
            await self._aside.bury(self.queue, raw, reason="deadly", error=why)
            await settle([raw])
        await self._suspects.let_go(self.queue, heard.message_id)

    async def _handle_or_halve(self, pairs: list[tuple[Heard[Any], Any]], settle: Settle, ends_at: float) -> None:
        try:
            await self._commit([heard for heard, _ in pairs], ends_at)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the bad message is found and set aside
            if len(pairs) > 1 and asyncio.get_running_loop().time() < ends_at:
                middle = len(pairs) // 2
                await self._handle_or_halve(pairs[:middle], settle, ends_at)
                await self._handle_or_halve(pairs[middle:], settle, ends_at)
                return
            # Several, where there was no time to find the bad one: each comes again alone.
            for _, raw in pairs:
                await self._aside.failed(self.queue, raw, error)
                await settle([raw])
        else:
            checkpoint(Checkpoint.COMMITTED)
            await settle([raw for _, raw in pairs])

    async def _commit(self, heard: Sequence[Heard[Any]], ends_at: float) -> None:
        started = time.monotonic()
        first = heard[0]
        with traced_messages.processing(self.queue, heard) as placed:
            with bound_fields(
                queue=self.queue,
                message_id=str(first.message_id),
                correlation_id=first.correlation_id,
                batch=len(heard),
            ):
                await self._run_as_long_as_it_may_pass(placed, ends_at)
            self._say_committed(heard)
        metrics.BATCH_SECONDS.labels(self.queue).observe(time.monotonic() - started)
        metrics.HANDLED.labels(self.queue).inc(len(heard))
        age = self._database.clock.now() - first.timestamp
        metrics.CRITICAL_SECONDS.labels(self.queue).observe(max(0.0, age.total_seconds()))

    def _say_committed(self, heard: Sequence[Heard[Any]]) -> None:
        """By these lines a webinar's id tells its story across all services."""
        if issubclass(self.hearing.message, Signal):
            # Presence comes every few seconds from every instance, and says nothing that a fact does not tell later.
            log.debug("batch.committed", queue=self.queue, count=len(heard))
            return
        log.info(
            "batch.committed",
            queue=self.queue,
            count=len(heard),
            correlation_ids=_some({one.correlation_id: None for one in heard}),
            message_ids=_some({str(one.message_id): None for one in heard}),
        )

    async def _run_as_long_as_it_may_pass(self, heard: Sequence[Heard[Any]], ends_at: float) -> None:
        """Run the batch again when neighbours or a lost connection were to blame and the database is there."""
        for tries_left in reversed(range(_TRIES)):
            try:
                async with asyncio.timeout_at(ends_at):
                    await run_batch(self._database, self._handler, heard)
            except TRY_AGAIN as error:
                if not tries_left:
                    raise
                log.info("batch.again", error=repr(error))
            except DATABASE_TROUBLE as error:
                # A slow statement and a wrong argument raise the same errors as a dead server: only asking tells.
                if isinstance(error, DATABASE_UNABLE) or not await self._database.answers():
                    raise DatabaseAwayError(repr(error)) from error
                # What took too long is not repeated but halved.
                if not tries_left or isinstance(error, TimeoutError) or not isinstance(error, DATABASE_AWAY):
                    raise
                log.info("batch.again", error=repr(error))
            else:
                return
            await asyncio.sleep(0.01 * 2 ** (_TRIES - tries_left))


async def run_batch(database: Database, handler: Handler, heard: Sequence[Heard[Any]]) -> None:
    """Run a handler over a batch in one transaction."""
    async with database.work() as work:
        work.occasion = f"handle {heard[0].event.topic}"
        await handler(newest_per_meaning(heard), work)
