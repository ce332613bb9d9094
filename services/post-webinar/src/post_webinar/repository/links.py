"""Chat links, their one-time tokens, and the bot that people write to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from contracts import ChatLinkEvent
from servicekit import Work
from servicekit.retention import SLICE, delete_slice

from post_webinar.repository.deliveries import version_at

_LINK = """
insert into chat_link as l (account_id, chat_id, blocked, version, linked_at) values ($1, $2, false, $3, $4)
on conflict (account_id) do update set
    chat_id = excluded.chat_id, blocked = false, version = greatest(l.version + 1, excluded.version),
    linked_at = excluded.linked_at
returning account_id, chat_id, blocked, version
"""
_END = """
update chat_link set chat_id = null, blocked = false, version = greatest(version + 1, $2) where chat_id = $1
returning account_id, chat_id, blocked, version
"""
_BLOCK = """
update chat_link set blocked = $2, version = greatest(version + 1, $3) where chat_id = $1 and blocked <> $2
returning account_id, chat_id, blocked, version
"""
_ONE_TIME = """
select t.token_id, t.account_id, t.chat_id, t.used_at is not null as used, t.expires_at <= $2 as expired,
       a.display_name, a.locale, coalesce(a.active, false) as active
from link_token t left join account a on a.account_id = t.account_id
"""


@dataclass(frozen=True, slots=True)
class LinkToken:
    """A one-time token with the account that it is for; `chat_id` is the chat that brought it first."""

    token_id: UUID
    account_id: str
    chat_id: int | None
    usable: bool
    """Neither used nor expired, and the account may still link."""
    display_name: str
    locale: str | None


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """The account that a chat is linked to."""

    account_id: str
    display_name: str
    locale: str


def _token(row: Any) -> LinkToken | None:
    if row is None:
        return None
    usable = row["active"] and not row["used"] and not row["expired"]
    return LinkToken(
        row["token_id"], row["account_id"], row["chat_id"], usable, row["display_name"] or "", row["locale"]
    )


async def add_token(work: Work, token_id: UUID, token_hash: bytes, account_id: str, expires_at: datetime) -> None:
    """Write down a one-time token by its hash."""
    await work.connection.execute(
        "insert into link_token (token_id, token_hash, account_id, expires_at) values ($1, $2, $3, $4)",
        token_id,
        token_hash,
        account_id,
        expires_at,
    )


async def token_by_hash(work: Work, token_hash: bytes) -> LinkToken | None:
    """Return a token, locked."""
    return _token(
        await work.connection.fetchrow(_ONE_TIME + "where t.token_hash = $1 for update of t", token_hash, work.now)
    )


async def token_by_id(work: Work, token_id: UUID) -> LinkToken | None:
    """Return a token, locked."""
    return _token(
        await work.connection.fetchrow(_ONE_TIME + "where t.token_id = $1 for update of t", token_id, work.now)
    )


async def give_token_to(work: Work, token_id: UUID, chat_id: int) -> None:
    """From now on the token is for this chat alone."""
    await work.connection.execute("update link_token set chat_id = $2 where token_id = $1", token_id, chat_id)


async def use_token(work: Work, token_id: UUID) -> None:
    """Use the token up."""
    await work.connection.execute("update link_token set used_at = $2 where token_id = $1", token_id, work.now)


async def forget_tokens(work: Work, before: datetime) -> bool:
    """Delete a slice of the tokens that expired before then; returns whether there may be more."""
    return len(await delete_slice(work, "link_token", "expires_at < $1", before)) == SLICE


async def account_of_chat(work: Work, chat_id: int) -> LinkedAccount | None:
    """Return the account that this chat is linked to."""
    row = await work.connection.fetchrow(
        "select a.account_id, a.display_name, a.locale from chat_link l "
        "join account a on a.account_id = l.account_id where l.chat_id = $1",
        chat_id,
    )
    return LinkedAccount(**row) if row else None


async def chat_of_account(work: Work, account_id: str) -> int | None:
    """Return the chat that this account is linked to."""
    chat_id: int | None = await work.connection.fetchval(
        "select chat_id from chat_link where account_id = $1", account_id
    )
    return chat_id


async def link(work: Work, account_id: str, chat_id: int) -> None:
    """Link the two, ending the links that either has, and announce it."""
    connection, version = work.connection, version_at(work.now)
    # Locked in the order of the key before anything is written.
    await connection.execute(
        "select 1 from chat_link where account_id = $1 or chat_id = $2 order by account_id for update",
        account_id,
        chat_id,
    )
    for row in await connection.fetch(_END, chat_id, version):
        if row["account_id"] != account_id:
            work.announce(_event(row))
    work.announce(_event(await connection.fetchrow(_LINK, account_id, chat_id, version, work.now)))


async def unlink(work: Work, chat_id: int) -> bool:
    """End the link of this chat and announce it; False when it has none."""
    rows = await work.connection.fetch(_END, chat_id, version_at(work.now))
    for row in rows:
        work.announce(_event(row))
    return bool(rows)


async def set_blocked(work: Work, chat_id: int, blocked: bool) -> None:
    """Remember whether the person lets the bot write, and announce a change."""
    for row in await work.connection.fetch(_BLOCK, chat_id, blocked, version_at(work.now)):
        work.announce(_event(row))


async def present_links(work: Work, after: str, limit: int) -> list[tuple[str, ChatLinkEvent]]:
    """Return the next snapshots in the order of their accounts."""
    rows = await work.connection.fetch(
        "select account_id, chat_id, blocked, version from chat_link "
        "where account_id > $1 order by account_id limit $2",
        after,
        limit,
    )
    return [(row["account_id"], _event(row)) for row in rows]


def _event(row: Any) -> ChatLinkEvent:
    return ChatLinkEvent(
        account_id=row["account_id"],
        version=row["version"],
        linked=row["chat_id"] is not None,
        blocked=row["blocked"],
    )


async def set_bot(work: Work, username: str | None) -> None:
    """Remember the bot that answers to our token; None: there is none."""
    await work.connection.execute(
        "insert into bot (single, username, checked_at) values (true, $1, $2) "
        "on conflict (single) do update set username = excluded.username, checked_at = excluded.checked_at",
        username,
        work.now,
    )


async def bot_username(work: Work) -> str | None:
    """Return the name of the bot that people write to, if there is one."""
    username: str | None = await work.connection.fetchval("select username from bot")
    return username
