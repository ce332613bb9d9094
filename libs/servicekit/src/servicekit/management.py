"""The broker's management API: users, rights and policies, by administrators alone."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, unquote, urlsplit

import aiohttp
from yarl import URL

_LIMIT_SECONDS = 20


class ProvisioningError(Exception):
    """The broker or the database refused what provisioning asked for."""


class Management(AbstractAsyncContextManager["Management"]):
    """The management API at an address that names its user: `http://admin:secret@rabbitmq:15672`.

    Words that are put into a path are quoted here, so that any name can be asked for.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        login = aiohttp.encode_basic_auth(unquote(parts.username or "guest"), unquote(parts.password or "guest"))
        address = parts.netloc.rpartition("@")[2]
        self._base = f"{parts.scheme}://{address}{'' if parts.port else ':15672'}{parts.path.rstrip('/')}/api"
        self._session = aiohttp.ClientSession(
            headers={"Authorization": login}, timeout=aiohttp.ClientTimeout(total=_LIMIT_SECONDS)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def put(self, *path: str, body: dict[str, Any]) -> None:
        """Make or correct something; raises `ProvisioningError` when the broker refuses it."""
        await self._ask("PUT", path, body)

    async def delete(self, *path: str) -> bool:
        """Delete something; returns whether it was there."""
        return await self._ask("DELETE", path) is not None

    async def get(self, *path: str) -> Any:
        """Return what the broker knows of something; None where it is not there."""
        return await self._ask("GET", path)

    async def _ask(self, method: str, path: tuple[str, ...], body: dict[str, Any] | None = None) -> Any:
        where = "/".join(quote(word, safe="") for word in path)
        # Else aiohttp would take `%2F`, which is the name of the first virtual host, for a slash.
        address = URL(f"{self._base}/{where}", encoded=True)
        async with self._session.request(method, address, json=body) as answer:
            if answer.status == 404 and method != "PUT":
                return None
            if answer.status >= 300:
                raise ProvisioningError(f"The broker answered {answer.status} to {where}: {await answer.text()}")
            return await answer.json() if method == "GET" else True
