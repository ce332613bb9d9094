"""A crowd on event streams: tabs that connect anew when they are thrown out, as the room's page does."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import aiohttp
from world.background import Background

from chaos.parts import Member, Part

FIRST_ANSWER_SECONDS = 5.0
SILENT_SECONDS = 45.0
"""The page's own limits (`push.js`)."""
RECONNECT_SECONDS = (0.5, 2.0)
AGAIN_SECONDS = 0.5
POST_SECONDS = 10.0
TAB_LASTS = (12.0, 60.0)
CLICK_AT = 0.93
LOBBY_SECONDS = 8.0
"""How long before the start those come who come early."""


@dataclass
class Door:
    """The addresses of the instances behind the public one: whoever is thrown out of one tries the next."""

    addresses: Sequence[str]
    public: str

    def pick(self, dice: random.Random) -> str:
        """Return an instance's address."""
        return dice.choice(self.addresses)


@dataclass
class Access:
    """What a person's browser has: cookies, and the token of the site's forms."""

    cookies: str
    token: str


@dataclass
class Watch:
    """What one member's tabs saw; `gaps` are seconds between two streams of one tab."""

    states: int = 0
    reconnects: int = 0
    gaps: list[float] = field(default_factory=list)


class Crowd:
    """All members of one webinar."""

    def __init__(
        self, background: Background, door: Door, webinar_id: UUID, access: Mapping[str, Access], dice: random.Random
    ) -> None:
        self._background = background
        self._door = door
        self._webinar_id = webinar_id
        self._access = access
        self._dice = dice
        self._started: asyncio.Future[float] = background.run(_future())
        self._tasks: list[Future[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession = background.run(_client())
        self.watches: dict[str, Watch] = {}
        self.complaints: list[str] = []

    def come(self, members: Sequence[Member], seconds: float) -> None:
        """Let them come; whoever comes later waits for `started`. `seconds`: the time on air."""
        self._tasks = [
            asyncio.run_coroutine_threadsafe(self._attend(member, seconds), self._background.loop) for member in members
        ]

    def started(self) -> None:
        """The webinar is on air from now on."""
        self._background.loop.call_soon_threadsafe(lambda: self._started.set_result(self._background.loop.time()))

    def end(self) -> None:
        """Send everybody home."""
        for task in self._tasks:
            task.cancel()
        self._background.run(self._leave())

    async def _leave(self) -> None:
        for task in self._telling:
            task.cancel()
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self._client.close()

    async def _attend(self, member: Member, seconds: float) -> None:
        watch = self.watches.setdefault(member.person.account_id, Watch())
        loop = asyncio.get_running_loop()
        began = None
        if member.comes >= 0:
            began = await asyncio.shield(self._started)
            await asyncio.sleep(max(0.0, began + member.comes * seconds - loop.time()))
        tabs = [asyncio.create_task(self._tab(member, watch)) for _ in range(member.tabs)]
        try:
            if member.part is Part.LOBBY:
                await asyncio.sleep(self._dice.uniform(1.0, LOBBY_SECONDS / 2))
                return
            if began is None:
                began = await asyncio.shield(self._started)
            await asyncio.sleep(max(0.0, began + min(member.goes, CLICK_AT) * seconds - loop.time()))
            if member.part is Part.FINISHES:
                await self._insist(member, "finish", accept=(200,))
                member.pressed = True
            elif member.goes > 1.0:
                if member.clicks:
                    await self._insist(member, "cta_clicked", accept=(200,))
                # Until `end`: who stays is there when it stops, however late that is.
                await asyncio.Event().wait()
        except Exception as error:  # noqa: BLE001 - a broken crowd must not look like a broken system
            self.complaints.append(f"{member.person.login}: {error!r}")
        finally:
            for tab in tabs:
                tab.cancel()
            for outcome in await asyncio.gather(*tabs, return_exceptions=True):
                if isinstance(outcome, Exception):
                    self.complaints.append(f"{member.person.login}: a tab broke: {outcome!r}")

    async def _tab(self, member: Member, watch: Watch) -> None:
        loop = asyncio.get_running_loop()
        is_visible = member.part is not Part.HIDDEN
        lost_at = None
        while True:
            try:
                async with asyncio.timeout(self._dice.uniform(*TAB_LASTS)) as lasts:
                    async for state in self._stream(member, is_visible):
                        if lost_at is not None:
                            watch.gaps.append(loop.time() - lost_at)
                            lost_at = None
                        watch.states += 1
                        del state
            except TimeoutError:
                if not lasts.expired():
                    lost_at = lost_at or loop.time()
                # Else the visitor has loaded the page anew.
            except OSError:
                lost_at = lost_at or loop.time()
            watch.reconnects += 1
            await asyncio.sleep(self._dice.uniform(*RECONNECT_SECONDS))

    async def _stream(self, member: Member, is_visible: bool) -> AsyncIterator[dict[str, Any]]:
        instance = self._door.pick(self._dice)
        address = urlsplit(instance)
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1 << 20)
        status = ""
        try:
            writer.write(
                f"GET /webinar/v1/state/stream?webinar_id={self._webinar_id}{'&visible=1' if is_visible else ''} "
                f"HTTP/1.1\r\nHost: {urlsplit(self._door.public).netloc}\r\n"
                f"Cookie: {self._access[member.person.account_id].cookies}\r\n\r\n".encode()
            )
            limit = FIRST_ANSWER_SECONDS
            while True:
                # Not wait_for: up to Python 3.11 it may swallow a cancellation, and a tab would never close.
                async with asyncio.timeout(limit):
                    line = await reader.readline()
                if not line.endswith(b"\n"):
                    # What was cut off in the middle of a line tells nothing, as in a browser.
                    raise ConnectionError("the stream has ended")
                if line.startswith(b"HTTP/1.1 ") and b" 200 " not in line:
                    raise ConnectionError(line.decode().strip())
                if line.startswith(b"data: "):
                    limit = SILENT_SECONDS
                    state = json.loads(line[6:])
                    if is_visible and state["status"] == "live" != status:
                        # The page says so when it connects and when the webinar goes live.
                        self._tell_seen(member, instance)
                    status = state["status"]
                    yield state
        finally:
            writer.close()

    def _tell_seen(self, member: Member, instance: str) -> None:
        task = asyncio.create_task(self._insist(member, "seen", accept=(200, 404), first=instance))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _insist(self, member: Member, path: str, *, accept: Sequence[int], first: str | None = None) -> None:
        """Say something to the site until it is taken: to the instance `first`, then to whatever other."""
        access = self._access[member.person.account_id]
        headers = {"Origin": self._door.public, "X-CSRF-Token": access.token, "Cookie": access.cookies}
        body = {"webinar_id": str(self._webinar_id)}
        while True:
            address = f"{first or self._door.pick(self._dice)}/webinar/v1/{path}"
            first = None
            try:
                async with self._client.post(address, json=body, headers=headers) as answer:
                    if answer.status in accept:
                        return
            except (aiohttp.ClientError, TimeoutError):
                # It may have been taken all the same: said again, it is the same.
                pass
            await asyncio.sleep(AGAIN_SECONDS)


async def _future() -> "asyncio.Future[float]":
    return asyncio.get_running_loop().create_future()


async def _client() -> aiohttp.ClientSession:
    # Each person has cookies of their own, so the client keeps none.
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=aiohttp.ClientTimeout(total=POST_SECONDS), trust_env=False
    )
