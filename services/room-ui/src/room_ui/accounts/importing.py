"""Accounts from a CSV file: read and judged as a whole before anything is made or changed. Pure."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Protocol

from contracts import ContactCard, Role

from room_ui.accounts.domain import (
    AccountRefused,
    NewAccount,
    manages,
    new_account,
    normal_login,
    partner_refusal,
)

COLUMNS = ("login", "name", "role", "partner", "locale", "country", "telegram", "phone", "link", "photo_url", "note")
NEEDED_COLUMNS = ("login", "name", "role")
MOST_ROWS = 5_000


class Problem(StrEnum):
    """What can be wrong beside an account's field; the words for it are the page's."""

    NOT_TEXT = "not_text"
    NOT_CSV = "not_csv"
    COLUMN_UNKNOWN = "column_unknown"
    COLUMN_MISSING = "column_missing"
    COLUMN_TWICE = "column_twice"
    TOO_MANY_ROWS = "too_many_rows"
    NO_ROWS = "no_rows"
    TOO_MANY_VALUES = "too_many_values"
    LOGIN_TWICE = "login_twice"
    LAST_MANAGER = "last_manager"


class Kind(StrEnum):
    """What a row does."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    WRONG = "wrong"


class Described(Protocol):
    """An account, there or to be, as the columns of a file describe it."""

    @property
    def login(self) -> str: ...
    @property
    def display_name(self) -> str: ...
    @property
    def role(self) -> Role: ...
    @property
    def partner_login(self) -> str | None: ...
    @property
    def locale(self) -> str: ...
    @property
    def country(self) -> str | None: ...
    @property
    def contact(self) -> ContactCard: ...


class Present(Described, Protocol):
    """An account that exists already."""

    @property
    def account_id(self) -> str: ...
    @property
    def active(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class Change:
    """One field of an account that exists: what it is, and what it would be; empty for nothing."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One row of the file, counted from 2 (the first line names the columns): an account to be, or what is wrong.

    `problem` is in English, for a terminal; `code` says it where the field alone does not.
    """

    line: int
    login: str
    name: str
    role: str
    account: NewAccount | None
    words: Mapping[str, str]
    """What stands in the row, by column."""
    field: str | None = None
    problem: str | None = None
    code: Problem | None = None
    kind: Kind = Kind.NEW
    account_id: str | None = None
    """Of the account that exists already."""
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class ImportPreview:
    """What a file would do. Nothing is made as long as `problem` or a row's problem is there.

    `problem` is in English, for a terminal; `code` with `detail` (a column, a number) is the same for a page.
    """

    rows: tuple[ImportRow, ...] = ()
    problem: str | None = None
    code: Problem | None = None
    detail: str = ""

    @property
    def is_good(self) -> bool:
        return self.problem is None and bool(self.rows) and all(row.account for row in self.rows)

    def count(self, kind: Kind) -> int:
        """Return how many rows do that."""
        return sum(row.kind is kind for row in self.rows)

    @property
    def does_something(self) -> bool:
        return self.is_good and self.count(Kind.UNCHANGED) < len(self.rows)

    @property
    def does_nothing(self) -> bool:
        """All of it is so already."""
        return self.is_good and not self.does_something

    @property
    def fingerprint(self) -> str:
        """The same as long as the file would do the very same to the accounts as they are."""
        told = "\n".join(f"{row.line} {row.kind} {row.login} {row.changes} {row.problem}" for row in self.rows)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def read_rows(text: str) -> ImportPreview:
    """Read a CSV text with a line of column names, separated by comma or semicolon."""
    text = text.removeprefix("\ufeff")
    if "\x00" in text:
        return ImportPreview(problem="this is not a text file", code=Problem.NOT_TEXT)
    first_line = text.split("\n", 1)[0]
    delimiter = ";" if first_line.count(";") > first_line.count(",") else ","
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = [(column or "").strip().lower() for column in reader.fieldnames or ()]
        if (wrong := _wrong_columns(columns)) is not None:
            return wrong
        reader.fieldnames = columns
        rows = [_row(reader.line_num, given) for given in islice(reader, MOST_ROWS + 1)]
    except csv.Error as error:
        return ImportPreview(problem=f"this is not a CSV file: {error}", code=Problem.NOT_CSV)
    if len(rows) > MOST_ROWS:
        problem = f"more than {MOST_ROWS} rows; import them in parts"
        return ImportPreview(problem=problem, code=Problem.TOO_MANY_ROWS, detail=str(MOST_ROWS))
    return ImportPreview(tuple(rows)) if rows else ImportPreview(problem="there are no rows", code=Problem.NO_ROWS)


def _wrong_columns(columns: list[str]) -> ImportPreview | None:
    if unknown := [column[:40] for column in columns if column not in COLUMNS]:
        problem = f"unknown column {unknown[0]!r}; known are {', '.join(COLUMNS)}"
        return ImportPreview(problem=problem, code=Problem.COLUMN_UNKNOWN, detail=unknown[0])
    if missing := [column for column in NEEDED_COLUMNS if column not in columns]:
        problem = f"the column {missing[0]!r} is missing"
        return ImportPreview(problem=problem, code=Problem.COLUMN_MISSING, detail=missing[0])
    if len(set(columns)) < len(columns):
        return ImportPreview(problem="a column is there twice", code=Problem.COLUMN_TWICE)
    return None


def _row(line: int, given: dict[str | None, str | list[str] | None]) -> ImportRow:
    words = {key: value or "" for key, value in given.items() if isinstance(key, str) and not isinstance(value, list)}
    login = normal_login(words.get("login") or "")
    row = ImportRow(line, login, words.get("name") or "", words.get("role") or "", account=None, words=words)
    if None in given:
        return _wrong(row, None, "more values than columns", Problem.TOO_MANY_VALUES)
    try:
        return replace(row, account=new_account(words))
    except AccountRefused as refused:
        return _wrong(row, refused.field, refused.message)


def _wrong(row: ImportRow, field_name: str | None, problem: str, code: Problem | None = None) -> ImportRow:
    return replace(row, account=None, kind=Kind.WRONG, field=field_name, problem=problem, code=code, changes=())


def judge(
    preview: ImportPreview,
    present: Mapping[str, Present],
    partners: Collection[str],
    *,
    has_other_manager: bool = True,
) -> ImportPreview:
    """Return the preview with what only the accounts that exist can tell: what would change, which partners there are.

    `present`: the accounts that exist, by login; `partners`: logins of active partners (one may stand in the same file
    too); `has_other_manager`: somebody who is not in the file may manage accounts.
    """
    times = Counter(row.login for row in preview.rows)
    rows = [_compared(row, present.get(row.login), times[row.login]) for row in preview.rows]
    to_be = {*partners, *(row.login for row in rows if _will_be_partner(row, present.get(row.login)))}
    rows = [_with_partner_judged(row, present.get(row.login), to_be) for row in rows]
    if not has_other_manager and not any(_will_manage(row, present.get(row.login)) for row in rows):
        rows = [_with_manager_kept(row, present.get(row.login)) for row in rows]
    return replace(preview, rows=tuple(rows))


def _compared(row: ImportRow, known: Present | None, times: int) -> ImportRow:
    if row.account is None:
        return row
    if times > 1:
        return _wrong(row, "login", "this login stands in the file twice", Problem.LOGIN_TWICE)
    if known is None:
        return row
    before = words_of(known)
    given = {name: word for name, word in row.words.items() if name != "locale" or word.strip()}
    try:
        account = new_account({**before, **given})
    except AccountRefused as refused:
        return _wrong(row, refused.field, refused.message)
    after = words_of(account)
    changes = tuple(Change(name, before[name], after[name]) for name in COLUMNS if before[name] != after[name])
    kind = Kind.CHANGED if changes else Kind.UNCHANGED
    return replace(row, account=account, kind=kind, account_id=known.account_id, changes=changes)


def _will_be_partner(row: ImportRow, known: Present | None) -> bool:
    return row.account is not None and row.account.role is Role.PARTNER and (known is None or known.active)


def _with_partner_judged(row: ImportRow, known: Present | None, partners: Collection[str]) -> ImportRow:
    if row.account is None or (known is not None and row.account.partner_login == known.partner_login):
        return row  # A partner that stays may have been switched off since.
    refusal = partner_refusal(row.account, partners)
    return row if refusal is None else _wrong(row, "partner", refusal)


def _will_manage(row: ImportRow, known: Present | None) -> bool:
    if row.account is None:
        return known is not None and known.active and manages(known.role)
    return (known is None or known.active) and manages(row.account.role)


def _with_manager_kept(row: ImportRow, known: Present | None) -> ImportRow:
    if known is None or not known.active or not manages(known.role) or row.account is None:
        return row
    return _wrong(row, "role", "nobody would be left who may manage accounts", Problem.LAST_MANAGER)


def words_of(account: Described) -> dict[str, str]:
    """Return an account as the words of a row."""
    words = {
        "login": account.login,
        "name": account.display_name,
        "role": account.role.value,
        "partner": account.partner_login or "",
        "locale": account.locale,
        "country": account.country or "",
    }
    return words | {name: value or "" for name, value in account.contact.model_dump().items()}
