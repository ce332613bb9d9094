"""Somebody who speaks HTTP to the site without a browser: cookies, the origin and the token of its forms."""

import re
from typing import Any, Self
from uuid import uuid4

import httpx

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_CODE = re.compile(r'data-error-code="([^"]+)"')
_LINK = re.compile(r'https://t\.me/[^"<>\s]+')
PATIENCE_SECONDS = 30.0


class Caller:
    """One session on the site; a guest until it signs in. `connect_to`: another instance than the public address."""

    def __init__(self, base_url: str, *, connect_to: str | None = None) -> None:
        self.client = httpx.Client(
            base_url=connect_to or base_url, headers={"Origin": base_url}, timeout=PATIENCE_SECONDS
        )
        self._token: str | None = None

    def get(self, path: str, **options: Any) -> httpx.Response:
        """Get a page or JSON; redirects are not followed."""
        return self.client.get(path, **options)

    def post(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the site: with its token and an id of its own."""
        return self.client.post(path, data={"csrf_token": self.token, "message_id": str(uuid4()), **fields})

    def say(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Send JSON as the room's script does."""
        return self.client.post(path, json=body, headers={"X-CSRF-Token": self.token})

    @property
    def token(self) -> str:
        """Return the token that this session's forms carry."""
        if self._token is None:
            page = "/account/" if self.is_signed_in else "/account/login/"
            found = _TOKEN.search(self.get(page).text)
            assert found, f"{page} has no form"
            self._token = found[1]
        return self._token

    @property
    def is_signed_in(self) -> bool:
        return any(name.endswith("wh_session") for name in self.client.cookies)

    def cookies(self) -> dict[str, str]:
        """Return the cookies that this session has."""
        return {cookie.name: cookie.value or "" for cookie in self.client.cookies.jar}

    def sign_in(self, login: str, password: str) -> Self:
        """Sign in by the form."""
        answer = self.post("/account/login/", login=login, password=password)
        assert self.is_signed_in, f"{login} could not sign in: {answer.headers.get('location')}"
        self._token = None
        return self

    def use_link(self, address: str) -> Self:
        """Sign in by a one-time link."""
        found = _TOKEN.search(self.get(httpx.URL(address).path).text)
        assert found, f"{address} has no button"
        self.client.post(httpx.URL(address).path, data={"csrf_token": found[1]})
        assert self.is_signed_in, f"{address} does not sign in"
        return self

    def chat_link(self) -> str:
        """Ask on the account page for the address that links a Telegram chat."""
        answer = self.post("/account/telegram/")
        found = _LINK.search(answer.text)
        assert found, f"no t.me address: {answer.status_code} {error_code(answer)}"
        return found[0]

    def close(self) -> None:
        self.client.close()


def error_code(answer: httpx.Response) -> str | None:
    """Return the canonical code that an answer shows: of a page, or of JSON."""
    if answer.headers.get("content-type", "").startswith("application/json"):
        code = answer.json().get("error", {}).get("code")
        return None if code is None else str(code)
    found = _CODE.search(answer.text)
    return found[1] if found else None
