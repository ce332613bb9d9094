"""The Bot API's methods, as far as a bot of this platform can call them: `/bot<token>/<method>`."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from telegram_sandbox.faults import Fault, Faults
from telegram_sandbox.markup import BadRequestError, inline_buttons, message_text
from telegram_sandbox.messenger import Chat, Entry, Messenger
from telegram_sandbox.unanswered import Unanswered
from telegram_sandbox.webhook import Webhook

Parameters = dict[str, Any]
_TOKEN = re.compile(r"^(\d{1,16}):[A-Za-z0-9_-]{3,}$")
_TRUTHS = frozenset({"true", "1", "yes"})
LONGEST_POLL_SECONDS = 50
_WEBHOOK_ACTIVE = "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
_OTHER_POLL = "terminated by other getUpdates request; make sure that only one bot instance is running"


class ApiError(Exception):
    """An answer with `ok: false`."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


@dataclass
class SendRequest:
    """One `sendMessage` as it arrived; `at` seconds since 1970, `clock` of the monotonic clock, `outcome` its status
    (0: no answer was given)."""

    at: float
    clock: float
    chat_id: int | None
    text: str
    outcome: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class BotApi:
    """Answers the methods, records what was sent and plays the faults that were asked for."""

    def __init__(self, messenger: Messenger, stopping: asyncio.Event) -> None:
        self.messenger = messenger
        self.faults = Faults()
        self.requests: list[SendRequest] = []
        self.webhook = Webhook(messenger)
        self._stopping = stopping
        self._methods: dict[str, Callable[[Parameters], Awaitable[Any]]] = {
            "getme": self._get_me,
            "getupdates": self._get_updates,
            "sendmessage": self._send_message,
            "editmessagetext": self._edit_message_text,
            "editmessagereplymarkup": self._edit_message_reply_markup,
            "answercallbackquery": self._answer_callback_query,
            "setmycommands": self._set_my_commands,
            "getmycommands": self._get_my_commands,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "getwebhookinfo": self._get_webhook_info,
        }

    async def answer(self, request: Request) -> Response:
        """Answer one call, or play the fault that waits for it."""
        name = request.path_params["method"].lower()
        token = _TOKEN.match(request.path_params["token"])
        if token is None or name not in self._methods:
            return _refusal(404, "Not Found")
        try:
            parameters = await _parameters(request)
        except ValueError:
            return _refusal(400, "Bad Request: can't parse the request body")
        self.messenger.bot_id = int(token[1])
        record = None
        if name == "sendmessage":
            record = SendRequest(time.time(), time.monotonic(), _chat_id(parameters), str(parameters.get("text") or ""))
            self.requests.append(record)
        fault = self.faults.take(name, _chat_id(parameters))
        response = await self._play(fault, name, parameters, request) if fault else await self._call(name, parameters)
        if record is not None and not isinstance(response, Unanswered):
            record.outcome = response.status_code
        return response

    async def _play(self, fault: Fault, name: str, parameters: Parameters, request: Request) -> Response:
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            return await self._call(name, parameters)
        if fault.applied:
            await self._call(name, parameters)
        if answer := fault.answer():
            status, body = answer
            return JSONResponse(body, status)
        return Unanswered(request, self._stopping, reset=fault.kind == "reset")

    async def _call(self, name: str, parameters: Parameters) -> Response:
        try:
            result = await self._methods[name](parameters)
        except BadRequestError as error:
            return _refusal(400, f"Bad Request: {error}")
        except ApiError as error:
            return _refusal(error.status, error.description)
        return JSONResponse({"ok": True, "result": result})

    # --- methods ---

    async def _get_me(self, _: Parameters) -> Any:
        return self.messenger.as_bot

    async def _get_updates(self, parameters: Parameters) -> Any:
        messenger = self.messenger
        if self.webhook.url:
            raise ApiError(409, f"Conflict: {_WEBHOOK_ACTIVE}")
        limit = min(max(_number(parameters, "limit", 100), 1), 100)
        seconds = min(max(_number(parameters, "timeout", 0), 0), LONGEST_POLL_SECONDS)
        if "allowed_updates" in parameters:
            messenger.allowed_updates = [str(kind) for kind in _list(parameters, "allowed_updates")] or None
        messenger.confirm(_number(parameters, "offset", 0))
        messenger.poll = poll = object()
        messenger.announce()
        until = time.monotonic() + seconds
        while not messenger.updates and not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            await messenger.changed(left)
            if messenger.poll is not poll:
                raise ApiError(409, f"Conflict: {_OTHER_POLL}")
        return messenger.updates[:limit]

    async def _send_message(self, parameters: Parameters) -> Any:
        chat = self._chat(parameters)
        text, entities = message_text(parameters)
        buttons = inline_buttons(parameters)
        if not chat.started:
            raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
        if chat.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        return self.messenger.as_message(chat, self.messenger.bot_says(chat, text, entities, buttons))

    async def _edit_message_text(self, parameters: Parameters) -> Any:
        chat, entry = self._message(parameters)
        text, entities = message_text(parameters)
        return self._edited(chat, entry, text, entities, inline_buttons(parameters))

    async def _edit_message_reply_markup(self, parameters: Parameters) -> Any:
        chat, entry = self._message(parameters)
        return self._edited(chat, entry, entry.text, entry.entities, inline_buttons(parameters))

    def _edited(
        self,
        chat: Chat,
        entry: Entry,
        text: str,
        entities: list[dict[str, Any]],
        buttons: list[list[dict[str, Any]]],
    ) -> dict[str, Any]:
        if (text, entities, buttons) == (entry.text, entry.entities, entry.buttons):
            raise BadRequestError(
                "message is not modified: specified new message content and reply markup are exactly the same as a"
                " current content and reply markup of the message"
            )
        entry.text, entry.entities, entry.buttons = text, entities, buttons
        entry.edited_at = int(time.time())
        self.messenger.announce()
        return self.messenger.as_message(chat, entry)

    async def _answer_callback_query(self, parameters: Parameters) -> Any:
        entry = self.messenger.queries.pop(str(parameters.get("callback_query_id")), None)
        if entry is None:
            raise BadRequestError("query is too old and response timeout expired or query ID is invalid")
        text = str(parameters.get("text") or "")
        if len(text) > 200:
            raise BadRequestError("MESSAGE_TOO_LONG")
        entry.notice = text
        self.messenger.announce()
        return True

    async def _set_my_commands(self, parameters: Parameters) -> Any:
        commands = _list(parameters, "commands")
        for command in commands:
            if not isinstance(command, dict) or not re.fullmatch(r"[a-z0-9_]{1,32}", str(command.get("command"))):
                raise BadRequestError("BOT_COMMAND_INVALID")
        self.messenger.commands = commands
        return True

    async def _get_my_commands(self, _: Parameters) -> Any:
        return self.messenger.commands

    async def _set_webhook(self, parameters: Parameters) -> Any:
        await self.webhook.set(str(parameters.get("url") or ""), str(parameters.get("secret_token") or ""))
        return True

    async def _delete_webhook(self, parameters: Parameters) -> Any:
        await self.webhook.set("", "")
        if str(parameters.get("drop_pending_updates", "")).lower() in _TRUTHS:
            self.messenger.updates.clear()
        return True

    async def _get_webhook_info(self, _: Parameters) -> Any:
        return {
            "url": self.webhook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.messenger.updates),
        }

    # --- what the parameters name ---

    def _chat(self, parameters: Parameters) -> Chat:
        if not str(parameters.get("chat_id", "")).strip():
            raise BadRequestError("chat_id is empty")
        chat = self.messenger.chats.get(_chat_id(parameters) or 0)
        if chat is None:
            raise BadRequestError("chat not found")
        return chat

    def _message(self, parameters: Parameters) -> tuple[Chat, Entry]:
        chat = self._chat(parameters)
        entry = chat.entry(_number(parameters, "message_id", 0))
        if entry is None:
            raise BadRequestError("message to edit not found")
        if entry.sender != "bot":
            raise BadRequestError("message can't be edited")
        return chat, entry


def _refusal(status: int, description: str) -> JSONResponse:
    return JSONResponse({"ok": False, "error_code": status, "description": description}, status)


async def _parameters(request: Request) -> Parameters:
    """The parameters from the address and the body (form, multipart or JSON); ValueError when it cannot be read."""
    parameters: Parameters = dict(request.query_params)
    if request.method != "POST":
        return parameters
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        body = json.loads(await request.body() or b"{}")
        if not isinstance(body, dict):
            raise ValueError("object expected")
        parameters |= body
    elif kind:
        parameters |= {name: str(value) for name, value in (await request.form()).items()}
    return parameters


def _chat_id(parameters: Parameters) -> int | None:
    try:
        return int(parameters["chat_id"])
    except (KeyError, TypeError, ValueError):
        return None


def _number(parameters: Parameters, name: str, default: int) -> int:
    try:
        return int(parameters.get(name, default))
    except (TypeError, ValueError):
        raise BadRequestError(f"can't parse {name}") from None


def _list(parameters: Parameters, name: str) -> list[Any]:
    value = parameters.get(name)
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            raise BadRequestError(f"can't parse {name} JSON object") from None
    if not isinstance(value, list):
        raise BadRequestError(f"can't parse {name}")
    return value
