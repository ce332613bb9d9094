"""Repetition and disorder between a queue and its handling, and handlers that fail over some messages."""

import functools
import random
from collections import deque
from collections.abc import Sequence
from typing import Any

from servicekit import Heard
from servicekit.batches import Settle
from servicekit.receiving import Handling
from servicekit.router import Handler, Hearing, Router

REMEMBERED = 300
STRAGGLERS = 20
STUMBLES = 50
"""Of so many messages, one makes its handler fail the first time."""


class Disorder:
    """Hands everything on three times, shuffled, in pieces; and long afterwards some of it once more."""

    def __init__(self, handling: Handling, dice: random.Random) -> None:
        self.queue = handling.queue
        self._handling = handling
        self._dice = dice
        self._past: deque[Any] = deque(maxlen=REMEMBERED)

    @property
    def most(self) -> int:
        return self._handling.most

    async def handle(self, raws: Sequence[Any], settle: Settle) -> None:
        """Settle what came once all three copies of it are done with; what was left undone stays unsettled."""
        stragglers = self._dice.sample(list(self._past), min(STRAGGLERS, len(self._past)))
        crowd = [*raws, *raws, *raws, *stragglers]
        self._dice.shuffle(crowd)
        left = {id(raw): 3 for raw in raws}

        async def count(done: Sequence[Any]) -> None:
            for raw in done:
                if id(raw) in left:
                    left[id(raw)] -= 1

        middle = self._dice.randrange(len(crowd) + 1)
        for piece in (crowd[:middle], crowd[middle:]):
            if piece:
                await self._handling.handle(piece, count)
        done = [raw for raw in raws if left[id(raw)] <= 0]
        self._past.extend(done)
        if done:
            await settle(done)


class StumbleError(Exception):
    """What a handler fails with."""


def let_stumble(router: Router) -> None:
    """Let the handlers of facts fail over some messages, after they have done their work, before it is committed."""
    router.hearings[:] = [Hearing(one.message, _stumbling(one.handler), one.batch) for one in router.hearings]


def _stumbling(handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def stumble(heard: Sequence[Heard[Any]], *values: Any, **parts: Any) -> Any:
        outcome = await handler(heard, *values, **parts)
        for one in heard:
            if one.attempt == 0 and one.message_id.int % STUMBLES == 0:
                raise StumbleError(f"{handler.__qualname__} over {one.message_id}")
        return outcome

    return stumble
