"""People from a CSV file: what it would do, and doing it."""

import codecs
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response

from room_ui.accounts.domain import AccountRefused
from room_ui.accounts.importing import COLUMNS, NEEDED_COLUMNS, ImportPreview, ImportRow, Kind, Problem
from room_ui.accounts.writing import Added
from room_ui.i18n import Texts
from room_ui.i18n import mark as _
from room_ui.pages.people import Managing, Way
from room_ui.pages.rendering import language_of, page
from room_ui.pages.words import Notice, field_words
from room_ui.web import form_of, parts_of

router = APIRouter()
LARGEST_FILE = 1024 * 1024
SHOWN_UNCHANGED = 20
SHOWN_ROWS = 200
"""Of each kind; what many more are makes a page that no browser likes."""
WINDOWS = {"ru": "cp1251"}
"""What spreadsheets on Windows save a CSV file in, by the reader's language; cp1252 for others."""
WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How a workbook of a spreadsheet begins: .xlsx and .ods, .xls."""
COLUMN_WORDS = {
    "login": _("what they sign in with: a-z, 0-9 and . _ @ + -"),
    "name": _("how others see them"),
    "role": _("admin, speaker, partner or candidate"),
    "partner": _("login of the partner who invited them, in the same file or made before"),
    "locale": _("ru or en"),
    "country": _("two letters, for example RU"),
    "telegram": _("contact card: Telegram name"),
    "phone": _("contact card: phone"),
    "link": _("contact card: address that begins with https://"),
    "photo_url": _("contact card: address of a photo"),
    "note": _("contact card: a few words"),
}

IMPORT_PROBLEMS: Mapping[Problem, str] = {
    Problem.NOT_TEXT: _("This is not a text file."),
    Problem.NOT_CSV: _("This cannot be read as a CSV file. Check the quotation marks."),
    Problem.COLUMN_UNKNOWN: _("A column “%(detail)s” is not known. Those that may be there are listed below."),
    Problem.COLUMN_MISSING: _("The column “%(detail)s” is missing."),
    Problem.COLUMN_TWICE: _("A column is there twice."),
    Problem.TOO_MANY_ROWS: _("There are more than %(detail)s rows. Import them in parts."),
    Problem.NO_ROWS: _("There are no rows."),
    Problem.TOO_MANY_VALUES: _("This row has more values than there are columns."),
    Problem.LOGIN_TWICE: _("This login stands in the file twice."),
    Problem.LAST_MANAGER: _("Nobody would be left who may manage accounts."),
}


@dataclass(frozen=True)
class CsvText:
    """The text of a file. guessed: it says nowhere in which letters it is written; problem: why there is no text."""

    text: str = ""
    guessed: bool = False
    problem: str | None = None


@router.get("/admin_webinar/people-import/")
async def import_form(request: Request, viewer: Managing) -> Response:
    """The form that takes a CSV file."""
    return _page(request)


@router.get("/admin_webinar/people-import/template.csv")
async def template(request: Request, viewer: Managing) -> Response:
    """A file with the names of the columns; as the spreadsheets of the reader's language like it."""
    delimiter = ";" if language_of(request).locale == "ru" else ","
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerow(COLUMNS)
    headers = {"content-disposition": 'attachment; filename="people.csv"'}
    return Response("\ufeff" + text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _page(request: Request, *, status: int = 200, notice: str | None = None, **context: Any) -> Response:
    language = language_of(request)
    shown = {"preview": None, "text": ""} | context
    if notice is not None:
        shown["notice"] = Notice("bad", language.gettext(notice), "invalid_field")
    columns = [(name, language.gettext(COLUMN_WORDS[name]), name in NEEDED_COLUMNS) for name in COLUMNS]
    return page(request, "desk/import.html", status=status, columns=columns, kinds=Kind, **shown)


@router.post("/admin_webinar/people-import/")
async def import_people(request: Request, viewer: Managing) -> Response:
    """Show what a file would do; do it after a second press, all of it or nothing.

    The second press brings the fingerprint of what was shown (`shown`): where the file would do something else by then,
    that is shown first. Of a file that does nothing any more, `links` makes the one-time links anew.
    """
    form = await form_of(request)
    file = await _csv_text(form, language_of(request).locale)
    accounts, text = parts_of(request).accounts, file.text
    if file.problem is not None:
        return _page(request, status=422, notice=file.problem)
    preview = await accounts.preview_import(text)
    if form.get("links") == "links" and preview.does_nothing:
        links = await accounts.new_links([row.login for row in preview.rows])
        if links:
            return _made_page(request, links)
    if form.get("confirm") != "confirm" or not preview.does_something:
        return await _preview_page(request, preview, text, guessed=file.guessed)
    if form.get("shown", preview.fingerprint) != preview.fingerprint:
        notice = _("Meanwhile something has changed, and the file would do something else. Look at it again.")
        return await _preview_page(request, preview, text, notice=notice, status=409)
    try:
        done, added = await accounts.import_csv(text)
    except AccountRefused:
        return await _preview_page(request, await accounts.preview_import(text), text)
    return _made_page(request, added, made=len(added), changed=done.count(Kind.CHANGED))


def _made_page(request: Request, links: Sequence[Added], *, made: int = 0, changed: int = 0) -> Response:
    address = parts_of(request).accounts.link_address
    ways = [Way(one.login, address(one.link_token)) for one in links if one.link_token]
    return page(request, "desk/people_made.html", made=made, changed=changed, ways=ways)


async def _preview_page(
    request: Request,
    preview: ImportPreview,
    text: str,
    *,
    notice: str | None = None,
    status: int = 200,
    guessed: bool = False,
) -> Response:
    language = language_of(request)
    newcomers = 0
    if preview.does_nothing:
        newcomers = await parts_of(request).accounts.count_newcomers([row.login for row in preview.rows])
    of_kind = {kind: [row for row in preview.rows if row.kind is kind] for kind in Kind}
    if not preview.is_good:
        status, notice = 422, _("Nothing was made: every row has to be right first.")
    return _page(
        request,
        status=status,
        notice=notice,
        preview=preview,
        text=text,
        problem=_import_words(language, preview.code, preview.detail) if preview.code else None,
        shown={kind: rows[:SHOWN_ROWS] for kind, rows in of_kind.items()},
        row_words=partial(_row_words, language),
        unchanged=of_kind[Kind.UNCHANGED][:SHOWN_UNCHANGED],
        guessed=guessed,
        newcomers=newcomers,
    )


def _row_words(language: Texts, row: ImportRow) -> str:
    return _import_words(language, row.code) if row.code else field_words(language, row.field or "")


def _import_words(texts: Texts, problem: Problem, detail: str = "") -> str:
    """Return what is wrong with a file of accounts or a row of it."""
    return texts.gettext(IMPORT_PROBLEMS[problem]) % {"detail": detail}


async def _csv_text(form: FormData, locale: str) -> CsvText:
    """Return the text of the uploaded file, or the one that the preview carried.

    What the preview carried is not measured again: browsers make two characters of each end of a line.
    """
    file, text = form.get("file"), form.get("text")
    if isinstance(file, UploadFile) and file.filename:
        content = await file.read(LARGEST_FILE + 1)
        if len(content) > LARGEST_FILE:
            return CsvText(problem=_("This file is larger than 1 MB. Divide it into several."))
        if content:
            return _decoded(content, locale)
    elif isinstance(text, str) and text:
        return CsvText(text)
    return CsvText(problem=_("No file was chosen, or it is empty."))


def _decoded(content: bytes, locale: str) -> CsvText:
    """Read a file in UTF-8, in UTF-16 where it says so, or else as Windows saves it in the reader's language."""
    if content.startswith(WORKBOOKS):
        return CsvText(
            problem=_("This is a workbook of a spreadsheet. Open it there, choose “Save as” and the kind “CSV UTF-8”.")
        )
    is_marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if is_marked else ("utf-8-sig", WINDOWS.get(locale, "cp1252")):
        try:
            return CsvText(content.decode(encoding), guessed=encoding.startswith("cp"))
        except UnicodeDecodeError:
            continue
    return CsvText(problem=_("This is no text file that can be read. Save it as a CSV file in UTF-8."))
