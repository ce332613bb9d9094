"""Updates handed to a webhook instead of `getUpdates`; only to this machine."""

import asyncio
import ipaddress
import logging
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp

from telegram_sandbox.markup import BadRequestError
from telegram_sandbox.messenger import Messenger

log = logging.getLogger("telegram_sandbox")
RETRY_SECONDS = 1.0


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


class Webhook:
    """The address that the bot set, and the task that brings the updates there, in order and until accepted."""

    def __init__(self, messenger: Messenger) -> None:
        self.url = ""
        self._messenger = messenger
        self._secret = ""
        self._task: asyncio.Task[None] | None = None

    async def set(self, url: str, secret: str) -> None:
        """Start bringing the updates to `url`; an empty one ends it.

        Raises:
            BadRequestError: the address is not one of this machine.
        """
        if url and not _is_here(url):
            raise BadRequestError("bad webhook: the sandbox delivers to this machine only")
        await self.close()
        self.url, self._secret = url, secret
        if url:
            self._task = asyncio.create_task(self._deliver())

    async def close(self) -> None:
        """Stop delivering."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _deliver(self) -> None:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret} if self._secret else {}
        async with aiohttp.ClientSession(headers=headers) as session:
            while True:
                if not self._messenger.updates:
                    await self._messenger.changed(60)
                    continue
                update = self._messenger.updates[0]
                if await self._accepted(session, update):
                    self._messenger.confirm(update["update_id"] + 1)
                else:
                    await asyncio.sleep(RETRY_SECONDS)

    async def _accepted(self, session: aiohttp.ClientSession, update: dict[str, object]) -> bool:
        try:
            async with session.post(self.url, json=update, timeout=aiohttp.ClientTimeout(total=30)) as response:
                return response.ok
        except (aiohttp.ClientError, TimeoutError) as error:
            log.warning("webhook %s: %s", self.url, error)
            return False
