"""Sessions: who a request is from, checked without the database on the paths that a crowd takes."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from contracts import CAPABILITIES
from servicekit import Database, HouseClock
from servicekit.errors import DATABASE_TROUBLE
from starlette.types import Scope

from room_ui.accounts import repository, session_repository, tokens
from room_ui.cookies import cookie_header, cookie_value
from room_ui.settings import RoomUiSettings
from room_ui.viewer import LOCALE_COOKIE, LOCALES, Viewer

SESSION_LASTS = timedelta(hours=12)
RENEWED_AFTER = timedelta(hours=1)
REFRESH_SECONDS = 5.0
_REMEMBERED_VIEWERS = 50_000


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Who a request is from, and the cookies that go back with the answer."""

    viewer: Viewer
    expires_at: datetime | None = None
    cookies: tuple[bytes, ...] = ()
    guest_cookie: bytes | None = None
    """For pages alone: the token cookie of a guest who has none yet."""


class Sessions:
    """The one place that turns a cookie into a viewer.

    Holds the viewers seen lately and the sessions that ended; both are brought up to date by `refresh`, every
    `REFRESH_SECONDS`, so that an end anywhere is an end here within that time.
    """

    def __init__(self, settings: RoomUiSettings) -> None:
        self._keys = settings.signing_keys
        self._https = settings.is_https
        self._default_locale = settings.default_locale
        self._database: Database | None = None
        self._clock: HouseClock = HouseClock()
        self._viewers: OrderedDict[str, Viewer] = OrderedDict()
        self._ended: dict[str, datetime] = {}
        self._refreshed_at: datetime | None = None
        self._listeners: list[Callable[[Collection[str]], None]] = []
        prefix = "__Host-" if self._https else ""
        self.cookie_name = f"{prefix}wh_session"
        self.guest_cookie_name = f"{prefix}wh_guest"

    def open(self, database: Database, clock: HouseClock) -> None:
        """Begin to work with an open database."""
        self._database = database
        self._clock = clock

    def on_end(self, listener: Callable[[Collection[str]], None]) -> None:
        """Call `listener` with the ids of sessions that have ended, or whose account's rights have changed."""
        self._listeners.append(listener)

    @property
    def _pool(self) -> Any:
        if self._database is None:
            raise ConnectionError("the database is not open yet")
        return self._database.pool

    async def authenticate(self, scope: Scope) -> Authenticated:
        """Return who the request is from: a guest for a missing, forged, expired or ended session.

        Asks the database once for a session that this process has not seen; raises when it is needed and away.
        """
        text = cookie_value(scope, self.cookie_name)
        now = self._clock.now()
        cookie = tokens.read_session_cookie(text, self._keys, now) if text else None
        viewer = await self._viewer(cookie.session_id, now) if cookie else None
        if cookie is None or viewer is None:
            return self._guest(scope, forget=text is not None)
        if cookie.expires_at - now > SESSION_LASTS - RENEWED_AFTER:
            return Authenticated(viewer, cookie.expires_at)
        expires_at = now + SESSION_LASTS
        try:
            await session_repository.renew_session(self._pool, cookie.session_id, expires_at)
        except DATABASE_TROUBLE:
            return Authenticated(viewer, cookie.expires_at)  # Good until it expires; renewed when the database is back.
        return Authenticated(viewer, expires_at, (self.cookie_for(cookie.session_id, expires_at),))

    async def _viewer(self, session_id: str, now: datetime) -> Viewer | None:
        if session_id in self._ended:
            return None
        if (viewer := self._viewers.get(session_id)) is not None:
            self._viewers.move_to_end(session_id)
            return viewer
        found = await session_repository.session_account(self._pool, session_id, now)
        if found is None or session_id in self._ended:
            return None
        viewer = Viewer(
            account_id=found.account_id,
            display_name=found.display_name,
            role=found.role,
            capabilities=CAPABILITIES[found.role],
            locale=found.locale,
            partner_id=found.partner_id,
            session_id=session_id,
            csrf_token=tokens.session_csrf_tokens(session_id, self._keys)[0],
        )
        self._viewers[session_id] = viewer
        if len(self._viewers) > _REMEMBERED_VIEWERS:
            self._viewers.popitem(last=False)
        return viewer

    def visitor(self, scope: Scope) -> Viewer:
        """Return who anybody is before their session is known: a guest with the language of their choice."""
        chosen = cookie_value(scope, LOCALE_COOKIE)
        return Viewer.guest(chosen if chosen in LOCALES else self._default_locale)

    def _guest(self, scope: Scope, *, forget: bool) -> Authenticated:
        viewer = self.visitor(scope)
        cookies = (cookie_header(self.cookie_name, "", https=self._https, seconds=0),) if forget else ()
        token = cookie_value(scope, self.guest_cookie_name)
        if token is not None and tokens.is_guest_token(token, self._keys):
            return Authenticated(replace(viewer, csrf_token=token), cookies=cookies)
        token = tokens.new_guest_token(self._keys)
        header = cookie_header(self.guest_cookie_name, token, https=self._https, seconds=None)
        return Authenticated(replace(viewer, csrf_token=token), cookies=cookies, guest_cookie=header)

    def csrf_tokens(self, viewer: Viewer) -> list[str]:
        """Return the tokens that a request of this viewer may carry; after a change of keys the older one too."""
        if viewer.session_id is None:
            return [viewer.csrf_token]
        return tokens.session_csrf_tokens(viewer.session_id, self._keys)

    async def begin(self, connection: Any, account_id: str, now: datetime) -> bytes:
        """Begin a session within a transaction; returns the `Set-Cookie` value that carries it."""
        session_id = tokens.new_session_id()
        expires_at = now + SESSION_LASTS
        await session_repository.add_session(connection, session_id, account_id, now, expires_at)
        return self.cookie_for(session_id, expires_at)

    def cookie_for(self, session_id: str, expires_at: datetime) -> bytes:
        value = tokens.write_session_cookie(tokens.SessionCookie(session_id, expires_at), self._keys)
        return cookie_header(self.cookie_name, value, https=self._https, seconds=int(SESSION_LASTS.total_seconds()))

    def removed_cookie(self) -> bytes:
        """Return the `Set-Cookie` value that makes a browser forget its session."""
        return cookie_header(self.cookie_name, "", https=self._https, seconds=0)

    def forget(self, session_ids: Collection[str]) -> None:
        """Treat the sessions as ended from now on, in this process; `refresh` tells the others."""
        new = set(session_ids) - self._ended.keys()
        now = self._clock.now()
        for session_id in new:
            self._ended[session_id] = now
            self._viewers.pop(session_id, None)
        self._tell(new)

    def _tell(self, session_ids: Collection[str]) -> None:
        if session_ids:
            for listener in self._listeners:
                listener(session_ids)

    async def refresh(self) -> None:
        """Read again which sessions have ended and which accounts have changed."""
        now = self._clock.now()
        ended = await session_repository.ended_sessions(
            self._pool, since=(self._refreshed_at or now - SESSION_LASTS) - timedelta(minutes=1)
        )
        self.forget(ended)
        # Rows are stamped when their transaction begins and seen when it commits: look back a little further.
        since = (self._refreshed_at or now) - timedelta(minutes=1)
        changed = await repository.accounts_changed(self._pool, since=since)
        other_rights = []
        for session_id, viewer in list(self._viewers.items()):
            if viewer.account_id in changed:
                del self._viewers[session_id]
                if viewer.role is not changed[viewer.account_id]:
                    other_rights.append(session_id)
        self._tell(other_rights)
        # No cookie of a session outlives its end by more than its own length.
        longest = SESSION_LASTS + timedelta(hours=1)
        self._ended = {one: noted for one, noted in self._ended.items() if now - noted < longest}
        self._refreshed_at = now
