"""What is done with accounts; each change and its `account_event` in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from contracts import AccountEvent, ContactCard, Role
from servicekit import Database, HouseClock, Work

from room_ui.accounts import importing, passwords, repository, session_repository, tokens
from room_ui.accounts.domain import (
    LOCALES,
    AccountRefused,
    NewAccount,
    checked_password,
    new_account,
    normal_login,
    partner_refusal,
)
from room_ui.accounts.importing import ImportPreview
from room_ui.accounts.repository import Account
from room_ui.accounts.sessions import Sessions
from room_ui.domain import newer_version
from room_ui.settings import RoomUiSettings
from room_ui.viewer import Viewer

LINK_LASTS = timedelta(hours=72)
ATTEMPTS_PER_ADDRESS = 20  # times those per login and address: a whole office may sit behind one address


class SignInRefused(Exception):
    """No session: `reason` is `wrong` (login or password) or `too_many` (attempts; wait), or `link` (used, expired)."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has begun: the `Set-Cookie` value that carries it, and where its owner's first page is."""

    cookie: bytes
    home: str


@dataclass(frozen=True, slots=True)
class Added:
    """An account that was made; `link_token` is its one-time way in, for who has no password."""

    login: str
    account_id: str
    link_token: str | None


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
            taken, partners = await self._known(work.connection, [account])
            if account.login in taken:
                raise AccountRefused("login", f"the login {account.login!r} exists already")
            if refusal := partner_refusal(account, partners):
                raise AccountRefused("partner", refusal)
            [added] = await self._insert(work, [account], partners, with_links=password_hash is None)
            if password_hash is not None:
                await repository.set_password_hash(work.connection, added.account_id, password_hash)
        return added

    async def preview_import(self, text: str) -> ImportPreview:
        """Return what a CSV text would do, row by row; changes nothing."""
        async with self.database.pool.acquire() as connection:
            return await self._preview(connection, text)

    async def import_csv(self, text: str) -> list[Added]:
        """Make every account of a CSV text, or none: raises `AccountRefused` for the first row that will not do."""
        async with self.database.work() as work:
            preview = await self._preview(work.connection, text)
            if not preview.is_good:
                wrong = next((row for row in preview.rows if row.problem), None)
                where = f"line {wrong.line}, {wrong.field or 'row'}" if wrong else "file"
                raise AccountRefused(where, preview.problem or (wrong.problem if wrong else None) or "no rows")
            partners = await repository.active_partners(work.connection, _partner_logins(preview.accounts))
            return await self._insert(work, preview.accounts, partners, with_links=True)

    async def _preview(self, connection: Any, text: str) -> ImportPreview:
        preview = importing.read_rows(text)
        taken, partners = await self._known(connection, preview.accounts)
        return importing.judge(preview, taken, partners)

    async def _known(self, connection: Any, accounts: Sequence[NewAccount]) -> tuple[set[str], dict[str, str]]:
        taken = await repository.existing_logins(connection, [account.login for account in accounts])
        return taken, await repository.active_partners(connection, _partner_logins(accounts))

    async def _insert(
        self, work: Work, accounts: Sequence[NewAccount], partners: dict[str, str], *, with_links: bool
    ) -> list[Added]:
        ids = {account.login: str(uuid4()) for account in accounts}
        partner_ids = {**ids, **partners}
        events = [
            AccountEvent(
                account_id=ids[account.login],
                version=newer_version(0, work.now),
                display_name=account.display_name,
                role=account.role,
                partner_id=partner_ids[account.partner_login] if account.partner_login else None,
                locale=account.locale,
                country=account.country,
                contact=account.contact,
            )
            for account in accounts
        ]
        if await repository.add_accounts(work, events, [account.login for account in accounts]) < len(accounts):
            raise AccountRefused("login", "a login was taken at this very moment; try again")
        for event in events:
            work.announce(event)
        added = [
            Added(account.login, ids[account.login], tokens.new_link_token() if with_links else None)
            for account in accounts
        ]
        await self._add_links(work, [one for one in added if one.link_token])
        return added

    async def _add_links(self, work: Work, added: Sequence[Added]) -> None:
        if added:
            await session_repository.add_links(
                work.connection,
                [tokens.hash_of(one.link_token or "") for one in added],
                [one.account_id for one in added],
                work.now,
                work.now + LINK_LASTS,
            )

    async def _change(self, account_id: str, **fields: Any) -> None:
        async with self.database.work() as work:
            account = await self._locked(work, account_id)
            changed = account.model_copy(update=fields)
            if changed != account:
                work.announce(await repository.change_account(work, changed))

    async def _locked(self, work: Work, account_id: str) -> AccountEvent:
        account = await repository.lock_account(work, account_id)
        if account is None:
            raise AccountRefused("account", "there is no such account")
        return account

    async def set_locale(self, account_id: str, locale: str) -> None:
        """Set the account's language; raises `AccountRefused` for one that we do not speak."""
        if locale not in LOCALES:
            raise AccountRefused("locale", f"one of {', '.join(LOCALES)}")
        await self._change(account_id, locale=locale)

    async def set_contact(self, account_id: str, contact: ContactCard) -> None:
        """Set what the account shows to its candidates (make the card with `accounts.domain.contact_card`)."""
        await self._change(account_id, contact=contact)

    async def edit(self, account_id: str, given: dict[str, str | None]) -> None:
        """Set name, role, partner, locale, country and contact card from words as `new_account` takes them.

        A partner that stays the same is not judged again: they may have been switched off since.
        """
        async with self.database.work() as work:
            account = await self._locked(work, account_id)
            found = await repository.account_by_id(work.connection, account_id)
            wanted = new_account({**given, "login": found.login if found else ""})
            partners = await repository.active_partners(work.connection, _partner_logins([wanted]))
            if account.partner_id and (partner := await repository.account_by_id(work.connection, account.partner_id)):
                partners[partner.login] = partner.account_id
            if refusal := partner_refusal(wanted, partners):
                raise AccountRefused("partner", refusal)
            fields = {
                "display_name": wanted.display_name,
                "role": wanted.role,
                "partner_id": partners[wanted.partner_login] if wanted.partner_login else None,
                "locale": wanted.locale,
                "country": wanted.country,
                "contact": wanted.contact,
            }
            changed = account.model_copy(update=fields)
            if changed != account:
                work.announce(await repository.change_account(work, changed))

    async def set_active(self, account_id: str, *, active: bool) -> None:
        """Activate or deactivate; deactivating ends the account's sessions, and with them its streams."""
        async with self.database.work() as work:
            account = await self._locked(work, account_id)
            if account.active is not active:
                work.announce(await repository.change_account(work, account.model_copy(update={"active": active})))
            ended = [] if active else await session_repository.end_sessions_of(work.connection, account_id, work.now)
            work.after_commit(lambda: self._sessions.forget(ended))

    async def set_password(self, account_id: str, password: str, *, keep_session: str | None = None) -> None:
        """Set a password and end the account's other sessions. Raises `AccountRefused` for one that will not do."""
        password_hash = await passwords.hash_password(checked_password(password))
        async with self.database.work() as work:
            await self._locked(work, account_id)
            await repository.set_password_hash(work.connection, account_id, password_hash)
            ended = await session_repository.end_sessions_of(work.connection, account_id, work.now, but=keep_session)
            work.after_commit(lambda: self._sessions.forget(ended))

    async def new_link(self, account_id: str) -> str:
        """Return the token of a new one-time link (its page is `/account/link/<token>`)."""
        added = Added("", account_id, tokens.new_link_token())
        async with self.database.work() as work:
            await self._locked(work, account_id)
            await self._add_links(work, [added])
        return added.link_token or ""

    def link_address(self, token: str) -> str:
        """Return the absolute address of a one-time link's page."""
        return f"{self._settings.origin}/account/link/{token}"

    async def list(self, *, search: str = "", after: str = "", limit: int = 100) -> list[Account]:
        """Return accounts in the order of their logins, those after the login `after`."""
        return await repository.accounts(self.database.pool, search=search, after=after, limit=limit)

    async def find(self, login: str) -> Account | None:
        return await repository.account_by_login(self.database.pool, normal_login(login))

    async def get(self, account_id: str) -> Account | None:
        return await repository.account_by_id(self.database.pool, account_id)

    # --- signing in and out ----------------------------------------------------------------------------------------

    async def sign_in(self, login: str, password: str, *, address: str, replacing: Viewer) -> SignedIn:
        """Begin a session in place of `replacing`'s; raises `SignInRefused`."""
        login = normal_login(login)[:100]
        address = address[:64]
        limit = self._settings.sign_in_attempts
        async with self.database.work() as work:
            both_same, address_same = await session_repository.record_attempt(
                work.connection, uuid4(), login, address, work.now
            )
        if both_same >= limit or address_same >= limit * ATTEMPTS_PER_ADDRESS:
            raise SignInRefused("too_many")
        known = await repository.credentials(self.database.pool, login)
        is_right = await passwords.is_password(known.password_hash if known else None, password[:200])
        if known is None or not is_right:
            raise SignInRefused("wrong")
        async with self.database.work() as work:
            await session_repository.forgive_attempts(work.connection, login, address)
            return await self._begin(work, known.account_id, known.role, replacing)

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

    async def _end(self, work: Work, viewer: Viewer) -> None:
        if viewer.session_id is not None:
            session_id = viewer.session_id
            await session_repository.end_session(work.connection, session_id, work.now)
            work.after_commit(lambda: self._sessions.forget([session_id]))


def _partner_logins(accounts: Sequence[NewAccount]) -> list[str]:
    return [account.partner_login for account in accounts if account.partner_login]
