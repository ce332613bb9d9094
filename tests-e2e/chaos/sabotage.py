"""The protections, each with a way to remove it: a run without one of them must fail, or it shows nothing."""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from importlib import import_module
from typing import Any

from contracts.topology import EXCHANGE
from servicekit import Service, Work
from servicekit.batches import Settle
from servicekit.checkpoints import Checkpoint, checkpoint
from servicekit.errors import BrokerAwayError
from servicekit.receiving import Handling

Wrap = Callable[[Handling], Handling]


class Sabotage(StrEnum):
    """What is removed."""

    NO_OUTBOX = "no-outbox"
    """Facts are published after the commit, without a row that outlives the process."""
    NO_KEYS = "no-keys"
    """A fact is announced each time that its handler runs, not once per meaning."""
    EARLY_ACKNOWLEDGEMENT = "early-acknowledgement"
    """The broker is told that a message is done with before it is."""
    LATE_LEDGER = "late-ledger"
    """A delivery is written down as on its way only after Telegram has answered."""


def sabotage(removed: Sabotage, service: Service) -> Wrap:
    """Remove a protection from a service; returns what its handlings are to be wrapped in."""
    if removed is Sabotage.NO_OUTBOX:
        _publish_after_commit(service)
    elif removed is Sabotage.NO_KEYS:
        _announce_every_time(service.name)
    elif removed is Sabotage.LATE_LEDGER:
        _claim_afterwards(service.name)
    elif removed is Sabotage.EARLY_ACKNOWLEDGEMENT:
        return EarlyAcknowledgement
    return lambda handling: handling


class EarlyAcknowledgement:
    """Acknowledges first, and handles then."""

    def __init__(self, handling: Handling) -> None:
        self.queue = handling.queue
        self._handling = handling

    @property
    def most(self) -> int:
        return self._handling.most

    async def handle(self, raws: Sequence[Any], settle: Settle) -> None:
        await settle(raws)
        # The point between the two steps, which have changed places.
        checkpoint(Checkpoint.COMMITTED)

        async def nothing_left(_: Sequence[Any]) -> None:
            """It is acknowledged already."""

        await self._handling.handle(raws, nothing_left)


def _publish_after_commit(service: Service) -> None:
    publishing: set[asyncio.Task[None]] = set()

    async def publish(work: Work) -> None:
        for said in work.announced:
            envelope = service.publisher.envelope(
                said.event.topic, message_id=said.message_id, correlation_id=said.correlation_id
            )
            try:
                await service.publisher.send(
                    EXCHANGE, said.event.topic, said.event.to_json(), envelope, mandatory=False
                )
            except BrokerAwayError:
                # Just what the outbox is for.
                return

    async def write_nothing(work: Work) -> None:
        def begin() -> None:
            # The point between the two steps, which have changed places; a commit that announces nothing has none.
            checkpoint(Checkpoint.PUBLISHED)
            task = asyncio.create_task(publish(work))
            publishing.add(task)
            task.add_done_callback(publishing.discard)

        if work.announced:
            work.after_commit(begin)

    Work.write_outbox = write_nothing  # type: ignore[method-assign, assignment]


def _announce_every_time(service_name: str) -> None:
    if service_name != "attendance":
        return
    repository: Any = import_module("attendance.repository")

    add_classifications = repository.add_classifications

    async def add_and_call_all_new(work: Work, verdicts: Any) -> Any:
        await add_classifications(work, verdicts)
        return sorted(verdicts)

    repository.add_classifications = add_and_call_all_new


def _claim_afterwards(service_name: str) -> None:
    if service_name != "post-webinar":
        return
    claims: Any = import_module("post_webinar.repository.claims")
    sender: Any = import_module("post_webinar.telegram.sender")

    claim_next, record_outcome = claims.claim_next, claims.record_outcome

    async def claim_without_a_word(work: Work, *values: Any) -> Any:
        claim = await claim_next(work, *values)
        if claim is not None:
            await work.connection.execute(
                "update delivery set state = 'planned' where claim_id = $1 and state = 'sending'", claim.claim_id
            )
        return claim

    async def claim_and_record(work: Work, claim: Any, *values: Any, **options: Any) -> None:
        await work.connection.execute(
            "update delivery set state = 'sending' where claim_id = $1 and state = 'planned'", claim.claim_id
        )
        await record_outcome(work, claim, *values, **options)

    sender.claim_next = claim_without_a_word
    sender.record_outcome = claim_and_record
