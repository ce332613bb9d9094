"""Sends what is due: claim and commit, then the request, then its outcome into the ledger."""

import asyncio

from aiogram import Bot
from aiogram.enums import ParseMode
from contracts import DeliveryState
from servicekit import Database, tracing
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import get_logger

from post_webinar.domain.planning import Reason
from post_webinar.measures import OUTCOMES
from post_webinar.repository.claims import Claim, claim_next, record_outcome
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.bot import TokenRefusedError
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.outcomes import Ending, Failure, failure_of

log = get_logger(__name__)

IDLE_SECONDS = 0.3
RETRY_SECONDS = 1.0
FAREWELL_SECONDS = 5.0
MOST_UNDER_WAY = 50


class Sender:
    """The only one that sends what is in the ledger."""

    def __init__(self, bot: Bot, database: Database, settings: PostWebinarSettings, gate: Gate) -> None:
        self._bot = bot
        self._database = database
        self._settings = settings
        self._gate = gate
        self._places = asyncio.Semaphore(MOST_UNDER_WAY)
        self._claiming: asyncio.Task[Claim | None] | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._refused: str | None = None

    async def run(self) -> None:
        """Send until cancelled; raises `TokenRefusedError` when Telegram does not know our token."""
        try:
            while self._refused is None:
                if not await self._send_next():
                    await asyncio.sleep(IDLE_SECONDS)
            raise TokenRefusedError(self._refused)
        finally:
            await self._finish()

    async def _send_next(self) -> bool:
        """Send one message; False when there is none to be sent."""
        await self._places.acquire()
        claim = None
        try:
            async with self._gate.slot():
                if self._refused is None:
                    # Cancelled in the middle, nobody would know whether it was committed and what it holds.
                    self._claiming = asyncio.create_task(self._claim())
                    claim = await asyncio.shield(self._claiming)
        finally:
            if claim is None:
                self._places.release()
        self._claiming = None
        if claim is None:
            return False
        task = asyncio.create_task(self._deliver(claim))
        self._under_way.add(task)
        task.add_done_callback(self._arrived)
        return True

    async def _claim(self) -> Claim | None:
        async with self._database.work() as work:
            claim = await claim_next(work, self._gate.busy(), self._settings)
        if claim is not None:
            self._gate.take(claim.chat_id)
        return claim

    def _arrived(self, task: asyncio.Task[None]) -> None:
        self._places.release()
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("telegram.outcome_lost", error=repr(task.exception()))

    async def _deliver(self, claim: Claim) -> None:
        with tracing.continuing("deliver message", claim.traceparents):
            await self._deliver_claimed(claim)

    async def _deliver_claimed(self, claim: Claim) -> None:
        try:
            checkpoint(Checkpoint.CLAIMED)
            message = await self._bot.send_message(claim.chat_id, claim.text, parse_mode=ParseMode.HTML)
        except Exception as error:  # noqa: BLE001 - whatever it is, the ledger must say what is known
            await self._failed(claim, failure_of(error))
        else:
            checkpoint(Checkpoint.ANSWERED)
            self._gate.reached()
            OUTCOMES.labels("sent").inc()
            await self._record(claim, DeliveryState.SENT, message_id=message.message_id)
        finally:
            self._gate.give_back(claim.chat_id)

    async def _failed(self, claim: Claim, failure: Failure) -> None:
        ending = failure.ending
        OUTCOMES.labels(ending.name.lower()).inc()
        log.warning("telegram.not_sent", ending=ending.name.lower(), words=failure.words, claim_id=str(claim.claim_id))
        if ending is Ending.NOT_REACHED:
            self._gate.missed()
            await self._record(claim, DeliveryState.PLANNED, Reason.CONNECTION)
            return
        self._gate.reached()
        if ending is Ending.TOO_MANY:
            self._gate.pause(failure.retry_after)
            await self._record(claim, DeliveryState.PLANNED, Reason.TOO_MANY)
        elif ending is Ending.NO_TOKEN:
            self._refused = failure.words
            await self._record(claim, DeliveryState.PLANNED, not_counted=True)
        elif ending is Ending.BLOCKED:
            await self._record(claim, DeliveryState.BLOCKED, failure.words)
        elif ending is Ending.REFUSED:
            await self._record(claim, DeliveryState.FAILED, failure.words)
        else:
            await self._record(claim, DeliveryState.UNCERTAIN, failure.words)

    async def _record(
        self,
        claim: Claim,
        state: DeliveryState,
        reason: str | None = None,
        *,
        message_id: int | None = None,
        not_counted: bool = False,
    ) -> None:
        """Write the outcome down, however long the database is away: nobody else knows it."""
        while True:
            try:
                async with self._database.work() as work:
                    await record_outcome(work, claim, state, reason, message_id=message_id, not_counted=not_counted)
            except DATABASE_TROUBLE as error:
                log.warning("telegram.outcome_waits", error=repr(error), claim_id=str(claim.claim_id))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _hand_back(self, claiming: asyncio.Task[Claim | None]) -> None:
        """Plan again what was claimed when we were stopped, before any of it was sent."""
        try:
            claim = await claiming
        except DATABASE_TROUBLE as error:
            # Nothing was claimed; or it was, and nobody knows: then it becomes uncertain.
            log.warning("telegram.claim_lost", error=repr(error))
            return
        if claim is not None:
            self._gate.give_back(claim.chat_id)
            await self._record(claim, DeliveryState.PLANNED, not_counted=True)

    async def _finish(self) -> None:
        """Give the requests under way a little time; what stays unanswered becomes uncertain."""
        under_way = set(self._under_way)
        if self._claiming is not None:
            under_way.add(asyncio.create_task(self._hand_back(self._claiming)))
        if under_way:
            _, left = await asyncio.wait(under_way, timeout=FAREWELL_SECONDS)
            for task in left:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)
