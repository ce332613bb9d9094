"""What is done with accounts; each change and its `account_event` in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from contracts import ContactCard, Role
from servicekit import Database, HouseClock, Work

from room_ui.accounts import imports, passwords, repository, session_repository, tokens, writing
from room_ui.accounts.domain import (
    LOCALES,
    AccountRefused,
    NewAccount,
    checked_password,
    new_account,
    normal_login,
    partner_refusal,
)
from room_ui.accounts.importing import ImportPreview, words_of
from room_ui.accounts.repository import EVERYBODY, Account, Wanted
from room_ui.accounts.session_repository import AttemptLimits
from room_ui.accounts.sessions import Sessions
from room_ui.accounts.writing import Added
from room_ui.settings import RoomUiSettings
from room_ui.viewer import Viewer

ATTEMPTS_PER_ADDRESS = 20  # times those per login and address: a whole office may sit behind one address
ATTEMPTS_PER_LOGIN = 20  # times those: guessing from many addresses at once is slow, shutting somebody out takes 20


class SignInRefused(Exception):
    """No session: `reason` is `wrong` (login or password) or `too_many` (attempts; wait), or `link` (used, expired).

    `until`: from then on another attempt is let through.
    """

    def __init__(self, reason: str, until: datetime | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.until = until


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun: the `Set-Cookie` value that carries it, and where its owner's first page is."""

    cookie: bytes
    home: str


def home_of(role: Role) -> str:
    """Return the first page of who has just signed in."""
    return "/admin_webinar/" if role in {Role.ADMIN, Role.SPEAKER} else "/account/webinar_room/"


class Accounts:
    """The one way to change accounts; used by pages and the command line."""

    def __init__(self, settings: RoomUiSettings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        self._database: Database | None = None
        self._clock: HouseClock = HouseClock()

    def open(self, database: Database, clock: HouseClock) -> None:
        """Begin to work with an open database."""
        self._database = database
        self._clock = clock

    @property
    def database(self) -> Database:
        if self._database is None:
            raise ConnectionError("the database is not open yet")
        return self._database

    # --- making and changing ---------------------------------------------------------------------------------------

    async def add(self, account: NewAccount, *, password: str | None = None) -> Added:
        """Make one account; without a password it gets a one-time link. Raises `AccountRefused`."""
        password_hash = None if password is None else await passwords.hash_password(checked_password(password))
        async with self.database.work() as work:
            partners = await repository.active_partners(work.connection, _partner_logins([account]))
            if await repository.account_by_login(work.connection, account.login) is not None:
                raise AccountRefused("login", f"the login {account.login!r} exists already")
            if refusal := partner_refusal(account, partners):
                raise AccountRefused("partner", refusal)
            [added] = await writing.add(work, [account], partners, with_links=password_hash is None)
            if password_hash is not None:
                await repository.set_password_hash(work.connection, added.account_id, password_hash)
        return added

    async def preview_import(self, text: str) -> ImportPreview:
        """Return what a CSV text would do, row by row; changes nothing."""
        async with self.database.pool.acquire() as connection:
            return await imports.judged(connection, text)

    async def import_csv(self, text: str) -> tuple[ImportPreview, list[Added]]:
        """Do all that a CSV text asks for, or nothing: raises `AccountRefused` for the first row that will not do.

        Returns what was done, row by row, and the accounts that are new.
        """
        async with self.database.work() as work:
            return await imports.done(work, text)

    async def _change(self, account_id: str, **fields: Any) -> None:
        async with self.database.work() as work:
            account = await writing.locked(work, account_id)
            await writing.change(work, (account, account.model_copy(update=fields)))

    async def set_locale(self, account_id: str, locale: str) -> None:
        """Set the account's language; raises `AccountRefused` for one that we do not speak."""
        if locale not in LOCALES:
            raise AccountRefused("locale", f"one of {', '.join(LOCALES)}")
        await self._change(account_id, locale=locale)

    async def set_contact(self, account_id: str, contact: ContactCard) -> None:
        """Set what the account shows to its candidates (make the card with `accounts.domain.contact_card`)."""
        await self._change(account_id, contact=contact)

    async def edit(self, account_id: str, given: Mapping[str, str | None]) -> None:
        """Set name, role, partner, locale, country and contact card from words as `new_account` takes them.

        What is not among them stays. A partner that stays the same is not judged again: they may have been switched
        off since. Raises `AccountRefused`, also for the role of the last one who may manage accounts.
        """
        async with self.database.work() as work:
            account = await writing.locked(work, account_id)
            found = await repository.account_by_id(work.connection, account_id)
            known = words_of(found) if found else {}
            wanted = new_account({**known, **given, "login": known.get("login")})
            partners = await repository.active_partners(work.connection, _partner_logins([wanted]))
            if account.partner_id and found and found.partner_login:
                partners[found.partner_login] = account.partner_id
            if refusal := partner_refusal(wanted, partners):
                raise AccountRefused("partner", refusal)
            await writing.change(work, (account, writing.changed(account, wanted, partners)))

    async def set_active(self, account_id: str, *, active: bool) -> None:
        """Activate or deactivate; deactivating ends the account's sessions with their streams, and its links.

        Raises `AccountRefused` for an account that there is not, and for the last one who may manage accounts.
        """
        async with self.database.work() as work:
            account = await writing.locked(work, account_id)
            await writing.change(work, (account, account.model_copy(update={"active": active})))
            if not active:
                await self._end_all(work, account_id)

    async def set_password(self, account_id: str, password: str, *, keep_session: str | None = None) -> None:
        """Set a password; the account's other sessions end, and its links. Raises `AccountRefused` for a wrong one."""
        password_hash = await passwords.hash_password(checked_password(password))
        async with self.database.work() as work:
            await writing.locked(work, account_id)
            await repository.set_password_hash(work.connection, account_id, password_hash)
            await self._end_all(work, account_id, but=keep_session)

    async def change_password(self, viewer: Viewer, old: str, new: str, *, address: str) -> None:
        """Set the viewer's own password and end their other sessions; who has none yet gives no old one.

        Raises `AccountRefused` (`old`, `password`), or `SignInRefused` after too many wrong ones.
        """
        account = await self.get(viewer.account_id or "")
        if account is None:
            raise AccountRefused("account", "there is no such account")
        checked_password(new)
        if account.has_password:
            await self._attempt(account.login, address[:64])
            known = await repository.credentials(self.database.pool, account.login)
            if not await passwords.is_password(known.password_hash if known else None, old[:200]):
                raise AccountRefused("old", "this is not the present password")
            await session_repository.forgive_attempts(self.database.pool, account.login, address[:64])
        await self.set_password(account.account_id, new, keep_session=viewer.session_id)

    async def new_link(self, account_id: str) -> str:
        """Return the token of a new one-time link (its page is `/account/link/<token>`); older ones end."""
        added = Added("", account_id, tokens.new_link_token())
        async with self.database.work() as work:
            await writing.locked(work, account_id)
            await writing.add_links(work, [added])
        return added.link_token or ""

    async def count_newcomers(self, logins: Sequence[str]) -> int:
        """Return how many of these `new_links` would be for."""
        return len(await session_repository.newcomers(self.database.pool, logins))

    async def new_links(self, logins: Sequence[str]) -> Sequence[Added]:
        """Make new one-time links for those of `logins`, in their order, who have no password and never signed in."""
        async with self.database.work() as work:
            await repository.lock_logins(work.connection, logins)
            found = await session_repository.newcomers(work.connection, logins)
            added = [Added(login, found[login], tokens.new_link_token()) for login in logins if login in found]
            await writing.add_links(work, added)
        return added

    def link_address(self, token: str) -> str:
        """Return the absolute address of a one-time link's page."""
        return f"{self._settings.origin}/account/link/{token}"

    async def list(self, wanted: Wanted = EVERYBODY, *, after: str = "", limit: int = 100) -> list[Account]:
        """Return accounts in the order of their logins, those after the login `after`."""
        return await repository.accounts(self.database.pool, wanted, after=after, limit=limit)

    async def count(self, wanted: Wanted) -> int:
        return await repository.count_accounts(self.database.pool, wanted)

    async def find(self, login: str) -> Account | None:
        return await repository.account_by_login(self.database.pool, normal_login(login))

    async def get(self, account_id: str) -> Account | None:
        return await repository.account_by_id(self.database.pool, account_id)

    # --- signing in and out ----------------------------------------------------------------------------------------

    async def sign_in(self, login: str, password: str, *, address: str, replacing: Viewer) -> SignedIn:
        """Begin a session in place of `replacing`'s; raises `SignInRefused`."""
        login = normal_login(login)[:100]
        address = address[:64]
        await self._attempt(login, address)
        known = await repository.credentials(self.database.pool, login)
        is_right = await passwords.is_password(known.password_hash if known else None, password[:200])
        if known is None or not is_right:
            raise SignInRefused("wrong")
        async with self.database.work() as work:
            await session_repository.forgive_attempts(work.connection, login, address)
            return await self._begin(work, known.account_id, known.role, replacing)

    async def _attempt(self, login: str, address: str) -> None:
        """Count an attempt, whatever becomes of it; raises `SignInRefused` when there were too many before it."""
        limit = self._settings.sign_in_attempts
        limits = AttemptLimits(limit, limit * ATTEMPTS_PER_ADDRESS, limit * ATTEMPTS_PER_LOGIN)
        async with self.database.work() as work:
            until = await session_repository.attempt(work.connection, uuid4(), login, address, work.now, limits=limits)
        if until is not None:
            raise SignInRefused("too_many", until)

    async def link_owner(self, token: str) -> str | None:
        """Return whose link it is, by name, without using it up; None when it cannot be used."""
        return await session_repository.link_owner(self.database.pool, tokens.hash_of(token), self._clock.now())

    async def use_link(self, token: str, *, replacing: Viewer) -> SignedIn:
        """Use a one-time link up and begin a session; raises `SignInRefused`."""
        async with self.database.work() as work:
            found = await session_repository.use_link(work.connection, tokens.hash_of(token), work.now)
            if found is None:
                raise SignInRefused("link")
            return await self._begin(work, *found, replacing)

    async def _begin(self, work: Work, account_id: str, role: Role, replacing: Viewer) -> SignedIn:
        await self._end(work, replacing)
        return SignedIn(await self._sessions.begin(work.connection, account_id, work.now), home_of(role))

    async def sign_out(self, viewer: Viewer) -> bytes:
        """End the viewer's session; returns the `Set-Cookie` value that removes its cookie."""
        async with self.database.work() as work:
            await self._end(work, viewer)
        return self._sessions.removed_cookie()

    async def sign_out_everywhere(self, viewer: Viewer, *, but_here: bool) -> bytes | None:
        """End the viewer's sessions with their streams, and their links; with `but_here` this session goes on.

        Returns the `Set-Cookie` value that removes the cookie of this one, if it has ended.
        """
        kept = viewer.session_id if but_here else None
        async with self.database.work() as work:
            await self._end_all(work, viewer.account_id or "", but=kept)
        return None if but_here else self._sessions.removed_cookie()

    async def open_sessions(self, account_id: str) -> int:
        """Return on how many browsers the account is signed in."""
        return await session_repository.open_sessions(self.database.pool, account_id, self._clock.now())

    async def _end_all(self, work: Work, account_id: str, *, but: str | None = None) -> None:
        """End every way in that the account has been given: its sessions but `but`, its links that were not used."""
        ended = await session_repository.end_sessions_of(work.connection, account_id, work.now, but=but)
        await session_repository.end_links_of(work.connection, [account_id], work.now)
        work.after_commit(lambda: self._sessions.forget(ended))

    async def _end(self, work: Work, viewer: Viewer) -> None:
        if viewer.session_id is not None:
            session_id = viewer.session_id
            await session_repository.end_session(work.connection, session_id, work.now)
            work.after_commit(lambda: self._sessions.forget([session_id]))


def _partner_logins(accounts: Sequence[NewAccount]) -> list[str]:
    return [account.partner_login for account in accounts if account.partner_login]
