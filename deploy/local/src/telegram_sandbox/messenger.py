"""The messenger behind the sandbox: people, their chats with the one bot, and the updates that wait for it."""

import asyncio
import itertools
import re
import time
from dataclasses import dataclass, field
from typing import Any, Literal

FIRST_CHAT_ID = 1001
START_LINK = re.compile(r"^(?:https?://)?t\.me/\w+\?start=([A-Za-z0-9_-]{1,64})$")
_COMMAND = re.compile(r"^/\w+(?:@\w+)?")

Sender = Literal["bot", "person"]


class NotPossibleError(Exception):
    """What the person was asked to do cannot be done; the words say why."""


@dataclass
class Entry:
    """One message of a chat; `buttons` are rows of Bot API inline buttons, `notice` the last answer to a press."""

    message_id: int
    date: int
    sender: Sender
    text: str
    entities: list[dict[str, Any]] = field(default_factory=list)
    buttons: list[list[dict[str, Any]]] = field(default_factory=list)
    edited_at: int | None = None
    notice: str = ""


@dataclass
class Chat:
    """A private chat of one person with the bot; the bot may write only once the person has."""

    chat_id: int
    name: str
    language: str = "ru"
    started: bool = False
    blocked: bool = False
    entries: list[Entry] = field(default_factory=list)

    @property
    def as_user(self) -> dict[str, Any]:
        return {"id": self.chat_id, "is_bot": False, "first_name": self.name, "language_code": self.language}

    @property
    def as_chat(self) -> dict[str, Any]:
        return {"id": self.chat_id, "type": "private", "first_name": self.name}

    def entry(self, message_id: int) -> Entry | None:
        """The message with this number, if the chat has it."""
        return next((entry for entry in self.entries if entry.message_id == message_id), None)


class Messenger:
    """Everything in memory. Any bot token names the same bot; `bot_id` is the number of the last token seen."""

    def __init__(self) -> None:
        self.bot_id = 123456
        self.bot_username = "webinar_sandbox_bot"
        self.chats: dict[int, Chat] = {}
        self.updates: list[dict[str, Any]] = []
        self.allowed_updates: list[str] | None = None
        self.commands: list[dict[str, str]] = []
        self.queries: dict[str, Entry] = {}
        self.poll: object = None
        """The `getUpdates` call under way; a newer one puts an end to it."""
        self._changed = asyncio.Event()
        # Greater than before a restart: a bot that lives on confirms by number.
        self._update_ids = itertools.count(int(time.time()))
        self._message_ids = itertools.count(1)
        self._query_ids = itertools.count(1)

    @property
    def as_bot(self) -> dict[str, Any]:
        return {
            "id": self.bot_id,
            "is_bot": True,
            "first_name": "Webinars (sandbox)",
            "username": self.bot_username,
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    # --- what a person does ---

    def add_person(self, name: str, *, language: str = "ru", started: bool = False) -> Chat:
        """Add a person with an empty chat; with `started` the bot may write at once."""
        chat = Chat(FIRST_CHAT_ID + len(self.chats), name, language=language, started=started)
        self.chats[chat.chat_id] = chat
        self.announce()
        return chat

    def say(self, chat: Chat, text: str) -> Entry:
        """A person writes; a `t.me` link with a start token is followed, as pressing Start in the app does.

        Raises:
            NotPossibleError: the text is empty or too long, or the person has blocked the bot.
        """
        text = text.strip()
        if not text or len(text) > 4096:
            raise NotPossibleError("a message has 1 to 4096 characters")
        if chat.blocked:
            raise NotPossibleError("this person has blocked the bot")
        if link := START_LINK.match(text):
            text = f"/start {link[1]}"
        command = _COMMAND.match(text)
        entities = [{"type": "bot_command", "offset": 0, "length": command.end()}] if command else []
        entry = Entry(next(self._message_ids), int(time.time()), "person", text, entities)
        chat.entries.append(entry)
        chat.started = True
        self._queue("message", self.as_message(chat, entry))
        return entry

    def press(self, chat: Chat, wanted: str | None = None) -> dict[str, Any]:
        """Press an inline button of the newest message that has one: by its data or label, or the first one.

        Raises:
            NotPossibleError: there is no such button, or the person has blocked the bot.
        """
        if chat.blocked:
            raise NotPossibleError("this person has blocked the bot")
        for entry in reversed(chat.entries):
            for button in itertools.chain.from_iterable(entry.buttons):
                if "callback_data" in button and wanted in {None, button["callback_data"], button["text"]}:
                    self._press(chat, entry, button)
                    return button
        raise NotPossibleError("no such button" if wanted else "no button to press")

    def _press(self, chat: Chat, entry: Entry, button: dict[str, Any]) -> None:
        query_id = str(next(self._query_ids))
        self.queries[query_id] = entry
        self._queue(
            "callback_query",
            {
                "id": query_id,
                "from": chat.as_user,
                "message": self.as_message(chat, entry),
                "chat_instance": str(chat.chat_id),
                "data": button["callback_data"],
            },
        )

    def set_blocked(self, chat: Chat, blocked: bool) -> None:
        """A person blocks the bot, or lets it write again; the bot is told."""
        if chat.blocked == blocked:
            return
        was, now = (self._membership(blocked=state) for state in (chat.blocked, blocked))
        chat.blocked = blocked
        self._queue(
            "my_chat_member",
            {
                "chat": chat.as_chat,
                "from": chat.as_user,
                "date": int(time.time()),
                "old_chat_member": was,
                "new_chat_member": now,
            },
        )

    def _membership(self, *, blocked: bool) -> dict[str, Any]:
        if blocked:
            return {"user": self.as_bot, "status": "kicked", "until_date": 0}
        return {"user": self.as_bot, "status": "member"}

    # --- what the bot does ---

    def bot_says(
        self, chat: Chat, text: str, entities: list[dict[str, Any]], buttons: list[list[dict[str, Any]]]
    ) -> Entry:
        """Add a message of the bot."""
        entry = Entry(next(self._message_ids), int(time.time()), "bot", text, entities, buttons)
        chat.entries.append(entry)
        self.announce()
        return entry

    def as_message(self, chat: Chat, entry: Entry) -> dict[str, Any]:
        """The Bot API `Message`."""
        message: dict[str, Any] = {
            "message_id": entry.message_id,
            "from": self.as_bot if entry.sender == "bot" else chat.as_user,
            "chat": chat.as_chat,
            "date": entry.date,
            "text": entry.text,
        }
        if entry.entities:
            message["entities"] = entry.entities
        if entry.buttons:
            message["reply_markup"] = {"inline_keyboard": entry.buttons}
        if entry.edited_at is not None:
            message["edit_date"] = entry.edited_at
        return message

    # --- updates ---

    def _queue(self, kind: str, body: dict[str, Any]) -> None:
        if self.allowed_updates and kind not in self.allowed_updates:
            self.announce()
            return
        self.updates.append({"update_id": next(self._update_ids), kind: body})
        self.announce()

    def confirm(self, offset: int) -> None:
        """Forget the updates below `offset`; a negative one keeps only that many of the newest."""
        if offset < 0:
            self.updates = self.updates[offset:]
        elif offset:
            self.updates = [update for update in self.updates if update["update_id"] >= offset]

    def announce(self) -> None:
        """Wake everybody who waits for a change."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, seconds: float) -> bool:
        """Wait for the next change; False when there was none in time."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True
