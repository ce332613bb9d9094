"""The report of a webinar as a file that spreadsheets open as it is meant."""

import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts import Capability, WebinarEvent
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response, StreamingResponse

from room_ui import refusals
from room_ui.i18n import Texts, zone_of
from room_ui.i18n import mark as _
from room_ui.pages import queries, report_queries, verdicts, words
from room_ui.pages.known import known_room
from room_ui.pages.queries import ReportRow
from room_ui.pages.rendering import language_of
from room_ui.pages.reports import listing_of
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()
ROWS_AT_ONCE = 500
LONGEST_NAME = 60

_BYTE_ORDER_MARK = "\ufeff"
# A spreadsheet whose language writes a decimal comma parts cells at the semicolon.
_DELIMITERS = {"ru": ";", "en": ","}
_DECIMAL_POINTS = {"ru": ",", "en": "."}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What no file system takes in a name, and what would end the header.
_NOT_IN_A_NAME = re.compile(r'[\\/:*?"<>|\x00-\x1f\x7f]+')

COLUMNS = (
    _("Name"),
    _("Invited by"),
    _("Entered"),
    _("Watched, minutes"),
    _("Watched, percent"),
    _("When they watched"),
    _("Verdict"),
    _("Reason"),
    _("Button"),
    _("Messages"),
)


def defused(text: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def lines(rows: Sequence[Sequence[str]], locale: str) -> str:
    """Return rows as lines of a file in the dialect of a language."""
    file = io.StringIO()
    csv.writer(file, delimiter=_DELIMITERS[locale], lineterminator="\r\n").writerows(
        [[defused(cell) for cell in row] for row in rows]
    )
    return file.getvalue()


def head(language: Texts, webinar: WebinarEvent) -> list[str]:
    """Return the names of the columns; that of the times names their zone."""
    names = [language.gettext(name) for name in COLUMNS]
    moment = webinar.started_at or webinar.created_at
    names[2] = f"{names[2]} ({language.zone_name(webinar.time_zone, moment)})"
    return names


def row_writer(language: Texts, webinar: WebinarEvent) -> Callable[[ReportRow], list[str]]:
    """Return what writes a row of the report as cells."""
    zone = zone_of(webinar.time_zone)
    point = _DECIMAL_POINTS[language.locale]

    def cells(row: ReportRow) -> list[str]:
        minutes = "" if row.watched_seconds is None else f"{row.watched_seconds / 60:.1f}".replace(".", point)
        return [
            row.name or language.gettext("Unknown"),
            row.partner_name or "",
            f"{row.entered_at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if row.entered_at else "",
            minutes,
            "" if row.watched_percent is None else str(row.watched_percent),
            ", ".join(_span(window, zone) for window in row.windows),
            verdicts.attendance_words(language, row.attended, was_there=row.entered_at is not None),
            verdicts.verdict_words(language, row, webinar) or "",
            language.gettext("pressed") if row.cta_clicked else language.gettext("seen") if row.cta_shown else "",
            " | ".join(_message(language, delivery) for delivery in row.deliveries),
        ]

    return cells


def _span(window: Any, zone: ZoneInfo) -> str:
    return f"{window.start.astimezone(zone):%H:%M:%S}–{window.end.astimezone(zone):%H:%M:%S}"


def _message(language: Texts, delivery: queries.DeliveryLine) -> str:
    said = words.delivery_words(language, delivery.recipient, delivery.step, delivery.state)
    reason = words.reason_words(language, delivery.reason)
    return f"{said} ({reason})" if reason else said


def file_name(language: Texts, webinar: WebinarEvent) -> str:
    """Return the name of the file: what it is, the day in the webinar's zone, the title."""
    moment = webinar.started_at or webinar.created_at
    title = " ".join(_NOT_IN_A_NAME.sub(" ", webinar.title).split())[:LONGEST_NAME].strip(" .")
    day = f"{moment.astimezone(zone_of(webinar.time_zone)):%Y-%m-%d}"
    return " ".join(part for part in (language.gettext("Report"), day, title) if part) + ".csv"


def disposition(name: str) -> str:
    """Return the header that makes a browser save a file under this name, whatever its alphabet."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name.removesuffix(".csv")).strip("-.")
    return f"attachment; filename=\"{plain}.csv\"; filename*=UTF-8''{quote(name, safe='')}"


@router.get("/admin_webinar/{webinar_id}/report.csv")
async def report_file(
    request: Request, webinar_id: UUID, viewer: Annotated[Viewer, Depends(require(Capability.REPORT_VIEW))]
) -> Response:
    """The people that the address asks for, all of them, in its order."""
    webinar = (await known_room(request, webinar_id)).webinar
    if webinar.started_at is None:
        raise refusals.webinar_not_found()
    language = language_of(request)
    leads = await report_queries.leads_of(parts_of(request).database.pool, webinar_id, listing_of(request))
    return StreamingResponse(
        _written(parts_of(request).database.pool, webinar, leads, language),
        media_type="text/csv",
        headers={"content-disposition": disposition(file_name(language, webinar))},
    )


async def _written(pool: Any, webinar: WebinarEvent, leads: Sequence[str], language: Texts) -> AsyncIterator[str]:
    # A slow reader must not keep a connection to the database: each part of the file is read by itself.
    yield _BYTE_ORDER_MARK + lines([head(language, webinar)], language.locale)
    cells = row_writer(language, webinar)
    for place in range(0, len(leads), ROWS_AT_ONCE):
        async with pool.acquire() as connection:
            rows = await queries.rows_of(connection, webinar.webinar_id, leads[place : place + ROWS_AT_ONCE])
        yield lines([cells(row) for row in rows], language.locale)
