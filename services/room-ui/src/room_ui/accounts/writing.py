"""Accounts as they are written and announced, within the transaction of who asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from contracts import AccountEvent
from servicekit import Work

from room_ui.accounts import repository, session_repository, tokens
from room_ui.accounts.domain import AccountRefused, LastManagerRefused, NewAccount, manages_accounts
from room_ui.domain import newer_version

LINK_LASTS = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Added:
    """An account that was made; `link_token` is its one-time way in, for who has no password."""

    login: str
    account_id: str
    link_token: str | None


async def add(work: Work, accounts: Sequence[NewAccount], partners: dict[str, str], *, with_links: bool) -> list[Added]:
    """Make accounts; their partners are in `partners` (ids by login) or among them.

    Raises `AccountRefused` for a login that is taken.
    """
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
    await add_links(work, [one for one in added if one.link_token])
    return added


async def add_links(work: Work, added: Sequence[Added]) -> None:
    """Keep the hashes of the one-time links, good for `LINK_LASTS` from now; older ones of their accounts are not."""
    if added:
        await session_repository.end_links_of(work.connection, [one.account_id for one in added], work.now)
        await session_repository.add_links(
            work.connection,
            [tokens.hash_of(one.link_token or "") for one in added],
            [one.account_id for one in added],
            work.now,
            work.now + LINK_LASTS,
        )


async def locked(work: Work, account_id: str) -> AccountEvent:
    """Return the account as it is, locked until the end of the transaction; `AccountRefused` when there is none."""
    account = (await repository.lock_accounts(work, [account_id])).get(account_id)
    if account is None:
        raise AccountRefused("account", "there is no such account")
    return account


async def change(work: Work, *changes: tuple[AccountEvent, AccountEvent]) -> None:
    """Write and announce what accounts are from now on, given each as it was and as it is to be; some stay the same.

    Raises `LastManagerRefused` when nobody is left by that who may manage accounts: the transaction has to end.
    """
    changes = tuple((before, after) for before, after in changes if after != before)
    if not changes:
        return
    for account in await repository.change_accounts(work, [after for _, after in changes]):
        work.announce(account)
    loses_rights = any(manages_accounts(before) and not manages_accounts(after) for before, after in changes)
    if loses_rights and not await repository.manager_left(work.connection):
        raise LastManagerRefused


def changed(account: AccountEvent, wanted: NewAccount, partners: dict[str, str]) -> AccountEvent:
    """Return the account with everything as `wanted` has it, its partner found by login in `partners`."""
    return account.model_copy(
        update={
            "display_name": wanted.display_name,
            "role": wanted.role,
            "partner_id": partners[wanted.partner_login] if wanted.partner_login else None,
            "locale": wanted.locale,
            "country": wanted.country,
            "contact": wanted.contact,
        }
    )
