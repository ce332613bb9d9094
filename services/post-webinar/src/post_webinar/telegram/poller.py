"""Listens to people: one long poll after the other, each update answered before it is confirmed."""

import asyncio

from aiogram import Bot
from aiogram.exceptions import AiogramError, ClientDecodeError, TelegramConflictError
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, Update
from pydantic import ValidationError
from servicekit import Database
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import get_logger

from post_webinar.repository import links
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.bot import TokenRefusedError
from post_webinar.telegram.conversation import ALLOWED_UPDATES, Acknowledge, Replace, Reply, Say, answer
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.outcomes import Ending, failure_of

log = get_logger(__name__)

POLL_SECONDS = 25
GRACE_SECONDS = 10
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
TRIES = 3


class Poller:
    """The only one that listens: Telegram serves one poll at a time."""

    def __init__(self, bot: Bot, database: Database, settings: PostWebinarSettings, gate: Gate) -> None:
        self._bot = bot
        self._database = database
        self._settings = settings
        self._gate = gate
        self._offset: int | None = None
        self._misses = 0

    async def run(self) -> None:
        """Listen until cancelled; raises `TokenRefusedError` when Telegram does not know our token."""
        while True:
            for update_id, update in await self._next_updates():
                if update is not None:
                    await self._hear(update)
                # Confirmed by the next poll: what was not answered when we die comes again.
                self._offset = update_id + 1

    async def _next_updates(self) -> list[tuple[int, Update | None]]:
        """Return what came, by number; None for an update that cannot be read."""
        try:
            updates = await self._bot.get_updates(
                offset=self._offset,
                timeout=POLL_SECONDS,
                allowed_updates=ALLOWED_UPDATES,
                request_timeout=POLL_SECONDS + GRACE_SECONDS,
            )
        except AiogramError as error:
            if readable := self._readable(error):
                return readable
            failure = failure_of(error)
            if failure.ending is Ending.NO_TOKEN:
                raise TokenRefusedError(failure.words) from error
            if failure.ending is Ending.TOO_MANY:
                self._gate.pause(failure.retry_after)
            seconds = failure.retry_after or min(FIRST_PAUSE_SECONDS * 2**self._misses, LONGEST_PAUSE_SECONDS)
            self._misses = min(self._misses + 1, 10)
            elsewhere = isinstance(error, TelegramConflictError)
            log.warning("telegram.no_updates", words=failure.words, seconds=seconds, polled_elsewhere=elsewhere)
            await asyncio.sleep(seconds)
            return []
        self._misses = 0
        return [(update.update_id, update) for update in updates]

    def _readable(self, error: AiogramError) -> list[tuple[int, Update | None]]:
        """Return the updates of an answer of which some cannot be read: one must not keep all others from us."""
        if not isinstance(error, ClientDecodeError) or not isinstance(error.data, dict):
            return []
        found: list[tuple[int, Update | None]] = []
        for raw in error.data.get("result") or []:
            try:
                found.append((raw["update_id"], Update.model_validate(raw, context={"bot": self._bot})))
            except ValidationError as unreadable:
                log.error("telegram.update_not_read", update_id=raw["update_id"], error=str(unreadable)[:500])  # noqa: TRY400
                found.append((raw["update_id"], None))
        return found

    async def _hear(self, update: Update) -> None:
        try:
            async with self._database.work() as work:
                work.occasion = "telegram update"
                replies = await answer(update, work, self._settings)
        except DATABASE_TROUBLE:
            raise
        except Exception:
            # One update that cannot be understood must not keep everybody else from being heard.
            log.exception("telegram.update_not_understood", update_id=update.update_id)
            return
        for reply in replies:
            await self._say(reply)

    async def _say(self, reply: Reply) -> None:
        """Say it, waiting as Telegram asks; what cannot be said is logged: the person will ask again."""
        for _ in range(TRIES):
            try:
                await self._try_to_say(reply)
            except AiogramError as error:
                failure = failure_of(error)
                if failure.ending is Ending.TOO_MANY:
                    self._gate.pause(failure.retry_after)
                    await asyncio.sleep(failure.retry_after)
                    continue
                if failure.ending is Ending.NO_TOKEN:
                    raise TokenRefusedError(failure.words) from error
                if failure.ending is Ending.BLOCKED and not isinstance(reply, Acknowledge):
                    async with self._database.work() as work:
                        await links.set_blocked(work, reply.chat_id, True)
                log.warning("telegram.not_said", ending=failure.ending.name.lower(), words=failure.words)
            return

    async def _try_to_say(self, reply: Reply) -> None:
        match reply:
            case Acknowledge(query_id):
                await self._bot.answer_callback_query(query_id)
            case Replace(chat_id, message_id, text):
                async with self._gate.slot_for(chat_id):
                    await self._bot.edit_message_text(text, chat_id=chat_id, message_id=message_id)
            case Say(chat_id, text, buttons):
                row = [InlineKeyboardButton(text=label, callback_data=data) for label, data in buttons]
                keyboard = InlineKeyboardMarkup(inline_keyboard=[row]) if row else None
                async with self._gate.slot_for(chat_id):
                    await self._bot.send_message(chat_id, text, reply_markup=keyboard)
