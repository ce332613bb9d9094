"""The one way out: whoever sends takes a slot here, so that the allowance is kept by all of them together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from post_webinar.domain.allowance import Allowance

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0


class Gate:
    """Hands out slots one after the other, in the order of asking."""

    def __init__(self, allowance: Allowance) -> None:
        self._clock = asyncio.get_running_loop().time
        self._allowance = allowance
        self._turn = asyncio.Lock()
        self._under_way: set[int] = set()
        self._misses = 0

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait until something may go, and keep everybody else waiting while it is chosen and `take`n."""
        async with self._turn:
            while (seconds := self._allowance.wait(self._clock())) > 0:
                await asyncio.sleep(seconds)
            yield

    @asynccontextmanager
    async def slot_for(self, chat_id: int) -> AsyncIterator[None]:
        """Wait until something may go to this chat, and take the slot."""
        while True:
            async with self.slot():
                seconds = self._allowance.wait_for(chat_id, self._clock())
                if seconds <= 0:
                    self.take(chat_id)
                    break
            await asyncio.sleep(seconds)
        try:
            yield
        finally:
            self.give_back(chat_id)

    def busy(self) -> list[int]:
        """Return the chats to which nothing may go now: written to a moment ago, or a request is under way."""
        return [chat for chat in self._allowance.busy(self._clock()) if isinstance(chat, int)] + list(self._under_way)

    def take(self, chat_id: int) -> None:
        """A message goes to this chat now."""
        self._allowance.take(chat_id, self._clock())
        self._under_way.add(chat_id)

    def give_back(self, chat_id: int) -> None:
        """The request to this chat has ended."""
        self._under_way.discard(chat_id)

    def pause(self, seconds: float) -> None:
        """Nothing goes out for so long."""
        self._allowance.pause(seconds, self._clock())

    def missed(self) -> float:
        """Telegram was not reached: pause, longer each time; returns for how long."""
        seconds: float = min(FIRST_PAUSE_SECONDS * 2**self._misses, LONGEST_PAUSE_SECONDS)
        self._misses = min(self._misses + 1, 10)
        self.pause(seconds)
        return seconds

    def reached(self) -> None:
        """Telegram has answered."""
        self._misses = 0
