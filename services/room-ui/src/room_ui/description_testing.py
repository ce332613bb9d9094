"""A description of every route in OpenAPI's words, for tests that attack them; nothing of it is served.

FastAPI describes paths and queries by itself. The forms that the handlers read by themselves, and the addresses that
the push answers around the application, are described here.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any, cast
from urllib.parse import quote

from contracts import ContactCard
from fastapi import FastAPI
from fastapi.routing import APIRoute

from room_ui.pages.forms import FIELDS, FORGED_STATE, NUMBERS, OPTIONAL
from room_ui.pages.people import FORM_FIELDS
from room_ui.web import routers

Schema = Mapping[str, Any]
MARKUP = "<script>alert(1)</script>\"'"
"""Typed into every field now and then; it must not come back as it is."""
_ODD = cycle(("", "\x00", "\u202e", "=cmd|'/C calc'!A0", "//evil.example", "9" * 30, "x" * 6000))


def of(*words: str) -> Schema:
    """Return the schema of a field that means something with these words; something else stands there now and then."""
    return {"enum": [*words, MARKUP, next(_ODD)]}


TEXT: Schema = of("Plain words.", "слова")
NUMBER: Schema = of("1", "15", "-1", "1.5", "١٢")
ID: Schema = of("0190c0de-0000-7000-8000-000000000001", "0190c0de-0000-7000-8000-000000000002")

_WEBINAR: Schema = {
    **dict.fromkeys((*FIELDS, *FORGED_STATE), TEXT),
    **dict.fromkeys(OPTIONAL, of("", "https://example.org/")),
    **dict.fromkeys(NUMBERS, NUMBER),
    "scheduled_at": of("2026-03-02T12:00", "2026-03-29T02:30", "0001-01-01T00:00", "9999-12-31T23:59"),
    "time_zone": of("Europe/Moscow", "UTC", "../etc/passwd"),
    "stream_type": of("embed", "zoom"),
    "player_src": of("https://youtu.be/abcdefghijk", "https://[::1", "https://vk.com/video-1_2"),
    "chat_src": of("https://youtu.be/abcdefghijk", "https://exa mple"),
    "action": of("draft", "publish", "cancel", "restore"),
    "expected_version": NUMBER,
    "message_id": ID,
    "webinar_id": ID,
    "original": of("{}", "[]", '{"title": 1}', "[" * 5000),
    "confirm": of("confirm"),
}
_PERSON: Schema = {
    **dict.fromkeys(FORM_FIELDS, TEXT),
    "login": of("newcomer", "a" * 200),
    "role": of("admin", "candidate"),
    "locale": of("ru", "en"),
    "partner": of("", "newcomer"),
    "link": of("https://example.org/"),
    "photo_url": of("https://example.org/anna.png"),
    "telegram": of("anna_of_x"),
    "country": of("RU", "ru"),
    "password": of("", "a long enough password", "short"),
    "original": of("{}", "[]", "{"),
}
_COMMAND: Schema = {"message_id": _WEBINAR["message_id"], "confirm": of("confirm")}
_MESSAGE: Schema = {
    "step": of("attended", "not_attended", "recording", "partner_notice"),
    "locale": of("ru", "en"),
    "text": of("Hello {name}", "{", "<b>{name}</i>", "x" * 5000),
    "original": of("", "original"),
    "show": of("", "show"),
    "seen": of("", "0"),
    "message_id": _WEBINAR["message_id"],
}
_CARD: Schema = {name: _PERSON[name] for name in ContactCard.model_fields}
_PEOPLE_FILE = "login,name,role\nanna,Anna,candidate\n"

FORMS: Mapping[str, Schema] = {
    "/account/logout/": {},
    "/account/language/": {"locale": of("ru", "en"), "next": TEXT},
    "/account/password/": {
        "old": of("a long enough password"),
        "password": of("a long enough password"),
        "again": of("a long enough password"),
    },
    "/account/contact/": _CARD,
    "/account/contact/preview/": _CARD,
    "/account/telegram/": _COMMAND,
    "/admin_webinar/new": _WEBINAR,
    "/admin_webinar/{webinar_id}": _WEBINAR,
    "/admin_webinar/{webinar_id}/start": _COMMAND,
    "/admin_webinar/{webinar_id}/stop": _COMMAND,
    "/admin_webinar/{webinar_id}/cta/{wish}": _COMMAND,
    "/admin_webinar/{webinar_id}/overrun": {**_COMMAND, "overrun_minutes": NUMBER, "expected_version": NUMBER},
    "/admin_webinar/{webinar_id}/followups/resend": {**_COMMAND, "delivery_id": _WEBINAR["message_id"]},
    "/admin_webinar/{webinar_id}/followups/{action}": _COMMAND,
    "/admin_webinar/people/new": _PERSON,
    "/admin_webinar/people/{account_id}": _PERSON,
    "/admin_webinar/people/{account_id}/{switch}": _COMMAND,
    "/admin_webinar/people-import/": {
        "text": of(_PEOPLE_FILE, 'login,name,role\n"', "login;name;role\n" * 50, "login\tname"),
        "confirm": of("confirm"),
        "links": of("", "links"),
        "shown": of("", "0"),
    },
    "/admin_webinar/messages/": _MESSAGE,
    "/admin_webinar/messages/preview/": _MESSAGE,
    "/admin_webinar/preview/{place}": {"address": of("https://youtu.be/abcdefghijk", "https://[", "javascript:1")},
}
"""The fields that a page's form sends, by the address that it is sent to."""

PUSH_QUERIES: Mapping[str, Sequence[str]] = {
    "/webinar/v1/state": ("webinar_id", "visible"),
    "/webinar/v1/state/stream": ("webinar_id", "visible"),
    "/webinar/v1/webinars": (),
    "/webinar/v1/webinars/stream": (),
    "/webinar/v1/desk": (),
    "/webinar/v1/desk/stream": (),
}
"""What the push looks at, by address."""

READ_BY_HAND: Mapping[str, Sequence[str]] = {
    "/": ("ref",),
    "/live/": ("ref",),
    "/webinars/": ("done",),
    "/signup/": ("ref",),
    "/account/": ("done",),
    "/account/login/": ("next",),
    "/account/candidates/": ("page",),
    "/admin_webinar/": ("page", "q", "done"),
    "/admin_webinar/new": ("from",),
    "/admin_webinar/people/": ("state", "role", "done"),
    "/admin_webinar/{webinar_id}": ("page", "q", "show", "sort", "percent", "done"),
    "/admin_webinar/{webinar_id}/report.csv": ("q", "show", "sort"),
}
"""Queries that handlers look up by themselves, by the page that is opened."""
_QUERIES: Schema = {
    "ref": of("anna"),
    "next": of("/account/", "//evil.example", "/\\evil.example", "https://evil.example"),
    "page": NUMBER,
    "percent": NUMBER,
    "show": of("all", "attended", "off"),
    "sort": of("name", "watched"),
    "role": of("admin"),
    "state": of("off", "on"),
    "from": of("last"),
    "done": of("start", "saved"),
    "q": of("anna", "%", "_"),
}

ALONG: Sequence[Mapping[str, str]] = (
    {},
    {"X-Part": "list", "Cookie": "wh_locale=en", "If-None-Match": "*"},
    {"X-Part": "cards", "Cookie": "wh_locale=xx; wh_ref=anna", "Accept-Encoding": "gzip"},
    {"X-Part": "words", "Cookie": f"wh_ref={quote(MARKUP)}; wh_guest=made-up", "Range": "bytes=0-1"},
    {"X-Part": "telegram", "Cookie": 'wh_guest="; ;; =; wh_session=', "If-None-Match": 'W/"1", "2"'},
    {"X-Part": "telegram-state", "Cookie": "=" * 100, "Range": "bytes=9-1", "If-Modified-Since": "yesterday"},
)
"""Headers that any request may bring along, by turns."""


def in_application() -> set[tuple[str, str]]:
    """Return every route of the application, as method and address."""
    return {
        (method, route.path)
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def description(webinar_ids: Iterable[str], account_ids: Iterable[str], *, in_words: bool = True) -> dict[str, Any]:
    """Return the description of every route; addresses name the given webinars and accounts more often than not.

    in_words: fields hold what means something and a few odd values, in every combination; else any text at all.
    """
    app = FastAPI()
    for router in routers():
        app.include_router(router)
    found = app.openapi()
    webinar = {"enum": [*webinar_ids, "0190c0de-0000-7000-8000-000000000000", "nonsense"]}
    account = {"enum": [*account_ids, "nobody", MARKUP]}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            operation["parameters"] = _known(operation.get("parameters", ()), webinar, account)
            if method == "get":
                operation["parameters"] += [_query(name, _QUERIES[name]) for name in READ_BY_HAND.get(path, ())]
            elif path.startswith("/webinar/v1/"):
                operation["requestBody"] = _body({"webinar_id": webinar}, "application/json", *_FORM_TYPES)
            elif path in FORMS:
                operation["requestBody"] = _body(FORMS[path], *_FORM_TYPES)
    for path, names in PUSH_QUERIES.items():
        queries = [_query(name, webinar if name == "webinar_id" else of("0", "1")) for name in names]
        found["paths"][path] = {"get": {"parameters": queries, "responses": {}}}
    found["paths"]["/static/{name}"] = {
        "get": {"parameters": [_path("name", {"enum": ["site.css", "../web.py", "\x00", "desk.js"]})], "responses": {}}
    }
    return found if in_words else cast("dict[str, Any]", _in_any_text(found))


_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


def _query(name: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


def _path(name: str, schema: Schema) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _known(parameters: Iterable[dict[str, Any]], webinar: Schema, account: Schema) -> list[dict[str, Any]]:
    """Return FastAPI's parameters, with ids that are known here."""
    mine = {"webinar_id": webinar, "account_id": account}
    words = {"switch": of("activate", "deactivate", "link"), "locale": of("ru", "en"), "token": TEXT, **_QUERIES}
    return [{**one, "schema": (mine | words).get(one["name"], one["schema"])} for one in parameters]


def _body(fields: Schema, *media_types: str) -> dict[str, Any]:
    """Return a form as it should be but for one field; each is a schema of its own, or the looser one would win."""
    right = {name: {"const": schema["enum"][0]} for name, schema in fields.items()}
    kinds = [{**right, name: schema} for name, schema in fields.items()] or [{}]
    schema = {"anyOf": [_form(kind, required=list(kind)) for kind in kinds]}
    return {"required": True, "content": {media_type: {"schema": schema} for media_type in media_types}}


def _form(fields: Schema, required: Sequence[str] = ()) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


def _in_any_text(description: Any) -> Any:
    """Return the description with every field and query open to any text, forms with any of their fields."""
    if isinstance(description, list):
        return [_in_any_text(one) for one in description]
    if not isinstance(description, dict):
        return description
    if description.get("in") == "path":
        return description
    if "anyOf" in description and all("properties" in one for one in description["anyOf"]):
        return _form(_in_any_text(description["anyOf"][0]["properties"]))
    if set(description) in ({"enum"}, {"const"}):
        return {"type": "string"}
    return {name: _in_any_text(one) for name, one in description.items()}
