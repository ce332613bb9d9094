"""The desk: the list of webinars, and the page where one is planned, changed, run and looked back on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from itertools import groupby
from typing import Annotated, Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4
from zoneinfo import available_timezones

from contracts import (
    Capability,
    CommandError,
    CoreWebinarUpsert,
    ErrorCode,
    StreamType,
    WebinarEvent,
    WebinarFields,
    WebinarStatus,
)
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from room_ui import domain, refusals, repository
from room_ui.headers import frames
from room_ui.i18n import mark as _
from room_ui.pages import desk_queries, queries
from room_ui.pages.asking import ask, is_confirmed
from room_ui.pages.commanding import Outcome
from room_ui.pages.forms import FIELDS, WebinarForm, command_id, read_webinar_form, uuid_or_none, values_of
from room_ui.pages.health import ask_core, health
from room_ui.pages.known import known_room, take_in
from room_ui.pages.links import page_without_frame
from room_ui.pages.rendering import language_of, now_of, page, part
from room_ui.pages.reports import report_of
from room_ui.pages.words import (
    CONFLICT,
    FIELD_NAMES,
    NEXT_STEPS,
    PAGES_WITHOUT_FRAME,
    UNANSWERED_FORM,
    Notice,
    refusal_words,
)
from room_ui.refusals import Refusal
from room_ui.rooms.room import Room
from room_ui.viewer import Viewer
from room_ui.web import parts_of, require

router = APIRouter()
Managing = Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE))]

FIXED_ON_AIR = frozenset({"scheduled_at", "time_zone", "duration_minutes", "completion_percent"})
OPEN_AFTER_THE_END = frozenset({"description", "cta_text", "cta_link", "recording_url"})
NEW_IN_ZONE = {"ru": "Europe/Moscow", "en": "UTC"}
"""Where a new webinar takes place until the page has asked the browser, by language."""

LONGEST_SEARCH = 200
PLANNED_AFTER = timedelta(minutes=10)
"""For how long after the stop messages may still be planned, and can be held before they are."""


@dataclass(frozen=True)
class ShownForm:
    """The form as it is shown: with what was typed, and the words for what was refused, at their fields."""

    webinar_id: UUID
    expected_version: int
    values: dict[str, str]
    original: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    typed: bool = False


def of_webinar(webinar: WebinarEvent) -> ShownForm:
    """Return the form with the webinar's fields as they are."""
    values = values_of(webinar)
    return ShownForm(webinar.webinar_id, webinar.version, values, json.dumps(values, ensure_ascii=False))


def locked_fields(webinar: WebinarEvent | None) -> frozenset[str]:
    """Return the fields that cannot change in the webinar's state; Core decides, this only spares a try."""
    if webinar is None:
        return frozenset()
    if webinar.status in domain.ON_AIR:
        return FIXED_ON_AIR
    return frozenset(FIELDS) - OPEN_AFTER_THE_END if webinar.status in domain.ENDED else frozenset()


def _with_all(values: Mapping[str, str]) -> dict[str, str]:
    return dict.fromkeys(FIELDS, "") | dict(values)


def page_number(request: Request) -> int:
    """Return which page of a list is asked for."""
    number = request.query_params.get("page", "1")
    return max(1, int(number)) if number.isascii() and number.isdecimal() and len(number) < 6 else 1


@router.get("/admin_webinar/")
async def webinars(request: Request, viewer: Managing) -> Response:
    """List the webinars, on air and coming first, page by page; `?q=` keeps those with such a title."""
    number, search = page_number(request), request.query_params.get("q", "").strip()[:LONGEST_SEARCH]
    async with parts_of(request).database.pool.acquire() as connection:
        found, pages = await desk_queries.webinars(connection, now_of(request), search=search, page=number)
        ids = [one.webinar.speaker_id for one in found if one.webinar.speaker_id]
        speakers = await repository.display_names(connection, ids)
    shelves = [(shelf, [one.webinar for one in ones]) for shelf, ones in groupby(found, lambda one: one.shelf)]
    context: dict[str, Any] = {
        "shelves": shelves,
        "speakers": speakers,
        "viewers_of": parts_of(request).rooms.viewers,
        "search": search,
        "number": min(number, pages),
        "pages": pages,
    }
    return part(request, "desk/shelves.html", "list", **context) or page(request, "desk/list.html", **context)


@router.get("/admin_webinar/new")
async def new_webinar(request: Request, viewer: Managing) -> Response:
    """An empty form, or one with the fields of the webinar in `?from=` (`last`: the latest) but its time, recording."""
    values = _with_all(
        {
            "duration_minutes": str(WebinarFields().duration_minutes),
            "completion_percent": str(WebinarFields().completion_percent),
            "time_zone": NEW_IN_ZONE[viewer.locale],
            "stream_type": WebinarFields().stream_type,
            "speaker_id": viewer.account_id or "",
        }
    )
    asked = request.query_params.get("from")
    last = await desk_queries.last_webinar(parts_of(request).database.pool, viewer.account_id or "")
    source = uuid_or_none(asked)
    example = (await known_room(request, source)).webinar if source is not None else last if asked == "last" else None
    if example is not None:
        values = values_of(example) | {"scheduled_at": "", "recording_url": ""}
    form = ShownForm(uuid4(), 0, values)
    return await webinar_page(request, None, form=form, guesses_zone=example is None, example=example, last=last)


@router.get("/admin_webinar/{webinar_id}")
async def webinar(request: Request, webinar_id: UUID, viewer: Managing) -> Response:
    """One webinar: its buttons, its form, and after the end its messages and its report."""
    return await webinar_page(request, await known_room(request, webinar_id))


async def webinar_page(
    request: Request,
    room: Room | None,
    *,
    form: ShownForm | None = None,
    notice: Notice | None = None,
    status: int = 200,
    guesses_zone: bool = False,
    example: WebinarEvent | None = None,
    last: WebinarEvent | None = None,
) -> Response:
    """Return the desk's page of a webinar (None: a new one, made after `example`, where `last` might serve as one)."""
    shown = room.webinar if room else None
    context: dict[str, Any] = {"report": None, "followups": None, "leaving": None, "attendance": None, "curve": None}
    async with parts_of(request).database.pool.acquire() as connection:
        options = await queries.speakers(connection)
        if shown is not None and shown.status in domain.ON_AIR:
            context["attendance"] = await desk_queries.attendance(connection, shown.webinar_id)
            context["curve"] = await queries.curve_of(connection, shown, now_of(request))
        if shown is not None and shown.status in domain.ENDED:
            context["report"] = await report_of(request, connection, shown, page_number(request))
            context["followups"] = await queries.followups(connection, shown.webinar_id)
            context["leaving"] = await desk_queries.leaving(connection, shown.webinar_id, now_of(request))
    if form is None and shown is not None:
        form = of_webinar(shown)
    if notice is not None:
        context["notice"] = notice
    frames(request, "self")
    speaker = form.values["speaker_id"] if form else ""
    if speaker not in dict(options):
        options = [(speaker, "–"), *options]
    return page(
        request,
        "desk/webinar.html",
        status=status,
        webinar=shown,
        viewers=room.viewers if room else 0,
        planned_end=domain.planned_end(shown) if shown else None,
        form=form,
        form_action=f"/admin_webinar/{shown.webinar_id}" if shown else "/admin_webinar/new",
        locked=locked_fields(shown),
        speaker_options=options,
        zones=zones(),
        guesses_zone=guesses_zone,
        example=example,
        last=last,
        missing=missing(shown) if shown else [],
        health=health(request),
        rate=desk_queries.MESSAGES_PER_SECOND,
        is_just_over=shown is not None
        and shown.finished_at is not None
        and now_of(request) - shown.finished_at < PLANNED_AFTER,
        **context,
    )


@cache
def zones() -> list[str]:
    """Return the zones that are offered, by name."""
    return sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/")))


def missing(webinar: WebinarEvent) -> list[tuple[str, str]]:
    """Return what a planned webinar still lacks: the field to fill in, and the words for it."""
    return [(name, words) for name, words in NEXT_STEPS.items() if not getattr(webinar, name)]


@router.post("/admin_webinar/new")
async def create_webinar(request: Request, viewer: Managing) -> Response:
    """Make the webinar that the form describes."""
    return await _save(request, None)


@router.post("/admin_webinar/{webinar_id}")
async def save_webinar(request: Request, webinar_id: UUID, viewer: Managing) -> Response:
    """Change a webinar as the form says; call it off only after a second question."""
    form = await request.form()
    if form.get("action") == "cancel" and not await is_confirmed(request):
        webinar = (await known_room(request, webinar_id)).webinar
        if webinar.status is WebinarStatus.SCHEDULED and not webinar.cancelled:
            return ask(
                request,
                webinar,
                _("Call the webinar off?"),
                _("The schedule, the room and the calendars will say so. It can be brought back until its time."),
                _("Yes, call it off"),
                is_final=True,
                hidden={"action": "cancel", "expected_version": str(form.get("expected_version", ""))},
            )
    return await _save(request, webinar_id)


async def _save(request: Request, webinar_id: UUID | None) -> Response:
    host = urlsplit(parts_of(request).settings.origin).hostname or ""
    form = read_webinar_form(await request.form(), page_host=host)
    is_new = webinar_id is None
    webinar_id = webinar_id or form.webinar_id or uuid4()
    command = CoreWebinarUpsert(
        webinar_id=webinar_id,
        expected_version=0 if is_new else form.expected_version,
        action=form.action or None,
        **({} if form.action == "cancel" else form.changes),
    )
    message_id = command_id(form.message_id or uuid4(), "upsert", command.model_dump(mode="json"))
    room = await _room_or_none(request, webinar_id)
    known = room.webinar if room else None
    outcome = _empty_frame(form, known) or await ask_core(request, command, message_id)
    if outcome.reply is not None:
        await take_in(request, outcome.reply.webinar)
        done = _done(form.action, known, outcome.reply.webinar)
        return RedirectResponse(f"/admin_webinar/{webinar_id}?done={done}", 303)
    room = await _room_or_none(request, webinar_id)
    if room is None and not is_new:
        raise refusals.webinar_not_found()
    return await _shown_again(request, outcome, form, webinar_id, room)


def _done(action: str, before: WebinarEvent | None, after: WebinarEvent | None) -> str:
    """Return what was done, as `?done=` says it: to save what is a draft no more says `publish` or `draft`, too."""
    was_published = before is not None and before.status is not WebinarStatus.DRAFT
    is_published = after is None or after.status is not WebinarStatus.DRAFT
    if (action == "publish" and was_published) or (action == "draft" and is_published):
        return "saved"
    return action or "saved"


def _empty_frame(form: WebinarForm, webinar: WebinarEvent | None) -> Outcome | None:
    """Refuse a link to a page that stays empty in the room's frame: Core knows hosts, and its host may be shown."""
    stream_type = form.values.get("stream_type", webinar.stream_type if webinar else StreamType.EMBED)
    for name in ("player_src", "chat_src"):
        site = page_without_frame(form.values.get(name, "")) if stream_type == StreamType.EMBED else None
        if site is not None:
            words = PAGES_WITHOUT_FRAME[site]
            return Outcome(error=CommandError(code=ErrorCode.INVALID_FIELD, message=words, field=name))
    return None


async def _room_or_none(request: Request, webinar_id: UUID) -> Room | None:
    try:
        return await known_room(request, webinar_id)
    except Refusal:
        return None


async def _shown_again(
    request: Request, outcome: Outcome, form: WebinarForm, webinar_id: UUID, room: Room | None
) -> Response:
    """Show the form again with everything that was typed, and the words at the field that was refused, if one was."""
    language = language_of(request)
    present = values_of(room.webinar) if room else {}
    shown = ShownForm(
        webinar_id,
        form.expected_version or 0,
        _with_all(present | dict(form.values)),
        original=json.dumps(form.original, ensure_ascii=False) if form.original is not None else "",
        typed=True,
    )
    error = outcome.error
    if error is not None and error.field in FIELDS:
        words = refusal_words(language, error)
        if room is not None and error.code is ErrorCode.VERSION_CONFLICT:
            # What the person left alone comes as it is now; what they typed stays, to be saved over it or not.
            words = language.gettext(CONFLICT) % {"value": present[error.field] or "–"}
            shown = of_webinar(room.webinar)
            shown = replace(shown, values=shown.values | form.edited, typed=True)
        shown = replace(shown, errors={error.field: words})
    notice = outcome.notice(language, unanswered=UNANSWERED_FORM)
    if notice is not None and error is not None and error.field is not None and error.field in FIELD_NAMES:
        notice = replace(notice, text=f"{language.gettext(FIELD_NAMES[error.field])}: {notice.text}")
    return await webinar_page(request, room, form=shown, notice=notice, status=outcome.status)
