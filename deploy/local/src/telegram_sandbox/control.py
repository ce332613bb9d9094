"""The control interface under `/sandbox`: play the people, ask for faults, read what was sent."""

import json
from importlib.resources import files
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from telegram_sandbox.bot_api import BotApi
from telegram_sandbox.faults import BadFaultError, Fault
from telegram_sandbox.messenger import Chat, Entry, Messenger, NotPossibleError

_PAGE = files("telegram_sandbox") / "page"
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript", "words.js": "text/javascript"}
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
LONGEST_WAIT_SECONDS = 60.0


class Control:
    """The routes under `/sandbox`."""

    def __init__(self, messenger: Messenger, api: BotApi) -> None:
        self.messenger = messenger
        self.api = api

    def routes(self) -> list[BaseRoute]:
        """Everything that is not the Bot API."""
        return [
            Route("/", self.to_page),
            Route("/sandbox", self.to_page),
            Route("/sandbox/", self.page),
            Route("/sandbox/page/{name}", self.page),
            Route("/sandbox/view", self.view),
            Route("/sandbox/chats", self.chats, methods=["GET"]),
            Route("/sandbox/chats", self.add_chat, methods=["POST"]),
            Route("/sandbox/chats/{chat_id:int}/messages", self.messages),
            Route("/sandbox/chats/{chat_id:int}/say", self.say, methods=["POST"]),
            Route("/sandbox/chats/{chat_id:int}/press", self.press, methods=["POST"]),
            Route("/sandbox/chats/{chat_id:int}/block", self.block, methods=["POST"]),
            Route("/sandbox/chats/{chat_id:int}/unblock", self.unblock, methods=["POST"]),
            Route("/sandbox/faults", self.faults, methods=["GET"]),
            Route("/sandbox/faults", self.add_fault, methods=["POST"]),
            Route("/sandbox/faults", self.clear_faults, methods=["DELETE"]),
            Route("/sandbox/requests", self.requests),
        ]

    async def to_page(self, _: Request) -> Response:
        return RedirectResponse("/sandbox/")

    async def page(self, request: Request) -> Response:
        name = request.path_params.get("name", "page.html")
        if name not in _KINDS:
            raise HTTPException(404, "no such page")
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}
        return Response((_PAGE / name).read_text("utf-8"), media_type=_KINDS[name], headers=headers)

    async def view(self, _: Request) -> Response:
        """Everything that the page shows."""
        chats = [
            {
                "chat_id": chat.chat_id,
                "name": chat.name,
                "blocked": chat.blocked,
                "messages": [_entry(entry) for entry in chat.entries],
            }
            for chat in self.messenger.chats.values()
        ]
        return JSONResponse({"bot": self.messenger.bot_username, "chats": chats})

    async def chats(self, _: Request) -> Response:
        return JSONResponse([{"chat_id": chat.chat_id, "name": chat.name} for chat in self.messenger.chats.values()])

    async def add_chat(self, request: Request) -> Response:
        body = await _body(request)
        name = str(body.get("name") or "").strip()
        if not 1 <= len(name) <= 64:
            raise HTTPException(400, "name has 1 to 64 characters")
        language = str(body.get("language") or "ru")[:8]
        chat = self.messenger.add_person(name, language=language, started=bool(body.get("started", False)))
        return JSONResponse({"chat_id": chat.chat_id, "name": chat.name}, 201)

    async def messages(self, request: Request) -> Response:
        return JSONResponse([_entry(entry) for entry in self._chat(request).entries])

    async def say(self, request: Request) -> Response:
        chat = self._chat(request)
        try:
            entry = self.messenger.say(chat, str((await _body(request)).get("text") or ""))
        except NotPossibleError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse(_entry(entry), 201)

    async def press(self, request: Request) -> Response:
        """Press a button named by `data` or `label` (none: the first); waits up to `wait` seconds for it to appear."""
        chat = self._chat(request)
        body = await _body(request)
        wanted = body.get("data") or body.get("label") or body.get("text")
        try:
            wait = min(float(body.get("wait", 0)), LONGEST_WAIT_SECONDS)
        except (TypeError, ValueError):
            raise HTTPException(400, "wait is a number of seconds") from None
        while True:
            try:
                button = self.messenger.press(chat, None if wanted is None else str(wanted))
            except NotPossibleError as error:
                if wait <= 0 or not await self.messenger.changed(wait):
                    raise HTTPException(409, str(error)) from error
                continue
            return JSONResponse(button)

    async def block(self, request: Request) -> Response:
        return self._set_blocked(request, blocked=True)

    async def unblock(self, request: Request) -> Response:
        return self._set_blocked(request, blocked=False)

    def _set_blocked(self, request: Request, *, blocked: bool) -> Response:
        chat = self._chat(request)
        self.messenger.set_blocked(chat, blocked)
        return JSONResponse({"chat_id": chat.chat_id, "blocked": chat.blocked})

    async def faults(self, _: Request) -> Response:
        return JSONResponse([vars(fault) for fault in self.api.faults.waiting])

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.from_json(await _body(request))
        except BadFaultError as error:
            raise HTTPException(400, str(error)) from error
        self.api.faults.waiting.append(fault)
        return JSONResponse(vars(fault), 201)

    async def clear_faults(self, _: Request) -> Response:
        self.api.faults.waiting.clear()
        return JSONResponse([])

    async def requests(self, _: Request) -> Response:
        return JSONResponse([record.as_json() for record in self.api.requests])

    def _chat(self, request: Request) -> Chat:
        chat = self.messenger.chats.get(request.path_params["chat_id"])
        if chat is None:
            raise HTTPException(404, "no such chat")
        return chat


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "message_id": entry.message_id,
        "date": entry.date,
        "text": entry.text,
        "from": entry.sender,
        "entities": entry.entities,
        "buttons": entry.buttons,
        "edited": entry.edited_at is not None,
        "notice": entry.notice,
    }


async def _body(request: Request) -> dict[str, Any]:
    """The JSON body, or nothing. Only JSON: a form of some web page cannot send that here."""
    raw = await request.body()
    if not raw:
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "application/json expected")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(body, dict):
        raise HTTPException(400, "the body is not an object")
    return body


async def refused(_: Request, error: Exception) -> Response:
    """Errors of the control interface as JSON."""
    if not isinstance(error, HTTPException):
        raise error
    return JSONResponse({"error": error.detail}, error.status_code)
