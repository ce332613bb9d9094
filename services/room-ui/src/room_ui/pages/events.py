"""The catalogue of events as a page: what docs/events.md is written from, for who runs webinars, with files to take."""

import json
import re
from functools import lru_cache
from typing import Annotated

from contracts import Capability
from contracts.commands import WHY_REFUSED
from contracts.docs import documents, entries
from contracts.docs.entries import Group
from contracts.schemas import UnreleasedError, released_version, schema
from fastapi import APIRouter, Depends, HTTPException, Request
from markupsafe import Markup, escape
from starlette.responses import Response

from room_ui.i18n import mark as _
from room_ui.pages.rendering import language_of, page
from room_ui.viewer import Viewer
from room_ui.web import require

router = APIRouter()
Managing = Annotated[Viewer, Depends(require(Capability.WEBINAR_MANAGE))]

GROUPS = {
    Group.PUBLIC: (_("Public facts"), _("For everybody, stable within a major version.")),
    Group.INTERNAL: (
        _("Internal facts and signals"),
        _("Between the parts of the platform. They may change with any release, and some name a person."),
    ),
    Group.COMMANDS: (_("Commands"), _("From the desk and the account pages to the one part that owns the thing.")),
}
_LINK = re.compile(r"\[([^\]]+)\]\((#[\w-]+)\)")
_CODE = re.compile(r"`([^`]+)`")


def marked(text: str) -> Markup:
    """Return a text of the catalogue with its two marks: code, and a link to another section."""
    plain = str(escape(text.replace("\\|", "|")))
    linked = _LINK.sub(r'<a href="\2">\1</a>', plain)
    # Escaped above; only the two marks have become elements.
    return Markup(_CODE.sub(r"<code>\1</code>", linked))  # noqa: S704


@router.get("/admin_webinar/events/")
async def events(request: Request, viewer: Managing) -> Response:
    """What is said, by whom, when, and with which fields."""
    language = language_of(request)
    groups = [
        (language.gettext(GROUPS[group][0]), language.gettext(GROUPS[group][1]), entries.entries(group))
        for group in Group
    ]
    return page(
        request,
        "desk/events.html",
        groups=groups,
        envelope=entries.envelope(),
        envelope_example=entries.text_of("envelope"),
        parts=entries.parts(),
        refusals=[(str(code), meaning) for code, meaning in WHY_REFUSED.items()],
        release=released_version(),
        marked=marked,
    )


@router.get("/admin_webinar/events/asyncapi.json")
async def asyncapi(viewer: Managing) -> Response:
    """Return all of it for programs, as AsyncAPI has it."""
    return _file("asyncapi.json", _asyncapi())


@router.get("/admin_webinar/events/schemas/{name}.json")
async def schema_of(name: str, viewer: Managing) -> Response:
    """Return the JSON Schema of one message as it was last released."""
    try:
        found = schema(name)
    except UnreleasedError:
        raise HTTPException(404) from None
    return _file(f"{name}.schema.json", json.dumps(found, ensure_ascii=False, indent=2) + "\n")


@lru_cache
def _asyncapi() -> str:
    return documents()["asyncapi.json"]


def _file(name: str, text: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="application/json", headers=headers)
