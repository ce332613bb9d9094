"""A CSV file of accounts on the accounts that exist: judged, and done.

A long file takes its time to read: that is done in a thread, beside the loop that streams the rooms.
"""

import asyncio
from typing import Any

from servicekit import Work

from room_ui.accounts import importing, repository, writing
from room_ui.accounts.domain import AccountRefused
from room_ui.accounts.importing import ImportPreview, Kind
from room_ui.accounts.writing import Added


async def judged(connection: Any, text: str, *, lock: bool = False) -> ImportPreview:
    """Return what a CSV text would do to the accounts as they are now; with `lock` they stay so in this transaction."""
    preview = await asyncio.to_thread(importing.read_rows, text)
    logins = [row.login for row in preview.rows]
    if lock:
        await repository.lock_logins(connection, logins)
    present = {account.login: account for account in await repository.accounts_by_login(connection, logins)}
    named = {row.account.partner_login for row in preview.rows if row.account and row.account.partner_login}
    kept = {account.partner_login for account in present.values() if account.partner_login}
    partners = await repository.active_partners(connection, sorted(named | kept))
    has_manager = await repository.manager_outside(connection, logins)
    return await asyncio.to_thread(importing.judge, preview, present, partners, has_other_manager=has_manager)


async def done(work: Work, text: str) -> tuple[ImportPreview, list[Added]]:
    """Make and change every account of a CSV text, or none: raises `AccountRefused` for the first wrong row."""
    preview = await judged(work.connection, text, lock=True)
    if not preview.is_good:
        wrong = next((row for row in preview.rows if row.problem), None)
        where = f"line {wrong.line}, {wrong.field or 'row'}" if wrong else "file"
        raise AccountRefused(where, preview.problem or (wrong.problem if wrong else None) or "no rows")
    new = [row.account for row in preview.rows if row.account and row.kind is Kind.NEW]
    named = {row.account.partner_login for row in preview.rows if row.account and row.account.partner_login}
    partners = await repository.partner_ids(work.connection, sorted(named))
    added = await writing.add(work, new, partners, with_links=True)
    partners |= {one.login: one.account_id for one in added}
    changed = {row.account_id: row.account for row in preview.rows if row.kind is Kind.CHANGED and row.account_id}
    known = await repository.lock_accounts(work, list(changed))
    pairs = [
        (known[account_id], writing.changed(known[account_id], account, partners))
        for account_id, account in changed.items()
        if account
    ]
    await writing.change(work, *pairs)
    return preview, added
