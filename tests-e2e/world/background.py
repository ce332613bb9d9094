"""An event loop in a thread of its own: stories are synchronous, the clients of broker and database are not."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_SECONDS = 30.0


class Background:
    """Runs coroutines in its thread until `close()`."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="background", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], patience_seconds: float = PATIENCE_SECONDS) -> T:
        """Run to the end and return the outcome; raises what it raises, and `TimeoutError`."""
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, patience_seconds), self.loop).result()

    def close(self) -> None:
        """End the thread; what still runs is cancelled."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(_cancel_all(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()


async def _cancel_all() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
