"""Accounts from a CSV file: read and judged as a whole before anything is made. Pure."""

import csv
import io
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice

from room_ui.accounts.domain import AccountRefused, NewAccount, new_account, normal_login, partner_refusal

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
    LOGIN_TAKEN = "login_taken"
    LOGIN_TWICE = "login_twice"


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
    field: str | None = None
    problem: str | None = None
    code: Problem | None = None


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

    @property
    def accounts(self) -> list[NewAccount]:
        return [row.account for row in self.rows if row.account]


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
    words = {key: value for key, value in given.items() if isinstance(key, str) and not isinstance(value, list)}
    shown = (line, normal_login(words.get("login") or ""), words.get("name") or "", words.get("role") or "")
    if None in given:
        return ImportRow(*shown, account=None, problem="more values than columns", code=Problem.TOO_MANY_VALUES)
    try:
        return ImportRow(*shown, account=new_account(words))
    except AccountRefused as refused:
        return ImportRow(*shown, account=None, field=refused.field, problem=refused.message)


def judge(preview: ImportPreview, taken: Collection[str], partners: Collection[str]) -> ImportPreview:
    """Return the preview with what only the accounts that exist can tell: logins taken, partners unknown.

    `taken`: logins that exist; `partners`: logins of active partners. A partner may stand in the same file.
    """
    new_partners = {account.login for account in preview.accounts if account.role.value == "partner"}
    times = Counter(row.login for row in preview.rows)

    def judged() -> Iterable[ImportRow]:
        for row in preview.rows:
            account = row.account
            if account is None:
                yield row
                continue
            wrong: tuple[str, str, Problem | None] | None = None
            if account.login in taken:
                wrong = "login", "this login exists already", Problem.LOGIN_TAKEN
            elif times[account.login] > 1:
                wrong = "login", "this login stands in the file twice", Problem.LOGIN_TWICE
            elif refusal := partner_refusal(account, {*partners, *new_partners}):
                wrong = "partner", refusal, None
            yield ImportRow(row.line, row.login, row.name, row.role, None, *wrong) if wrong else row

    return replace(preview, rows=tuple(judged()))
