"""What the bot does when a person writes or presses: link the chat, unlink it, explain."""

from dataclasses import dataclass
from uuid import UUID

from aiogram.enums import ChatMemberStatus, ChatType
from aiogram.types import CallbackQuery, ChatMemberUpdated, Message, Update
from contracts.message_texts import Locale
from servicekit import Work

from post_webinar.domain.chat_tokens import token_hash
from post_webinar.domain.planning import LINKED_WITHIN
from post_webinar.domain.texts import locale_of
from post_webinar.repository import deliveries, links, locks
from post_webinar.repository.links import LinkToken
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.phrases import phrase

ALLOWED_UPDATES = ["message", "callback_query", "my_chat_member"]
_ACCEPT, _DECLINE = "link:yes:", "link:no:"


@dataclass(frozen=True, slots=True)
class Say:
    """A message to a chat, with buttons `(label, data)` in one row."""

    chat_id: int
    text: str
    buttons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Replace:
    """A new text, without buttons, in place of an earlier message."""

    chat_id: int
    message_id: int
    text: str


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """A press was seen."""

    query_id: str


Reply = Say | Replace | Acknowledge


async def answer(update: Update, work: Work, settings: PostWebinarSettings) -> list[Reply]:
    """Do what an update asks for and return what to say once it is committed. Only private chats are listened to."""
    if update.message and update.message.chat.type == ChatType.PRIVATE:
        return await _hear(update.message, work, settings)
    if update.callback_query:
        return await _pressed(update.callback_query, work, settings)
    if update.my_chat_member and update.my_chat_member.chat.type == ChatType.PRIVATE:
        await _membership(update.my_chat_member, work)
    return []


async def _hear(message: Message, work: Work, settings: PostWebinarSettings) -> list[Reply]:
    chat_id = message.chat.id
    # Who writes has not blocked the bot, whatever it was told before.
    await links.set_blocked(work, chat_id, False)
    command, _, argument = (message.text or "").strip().partition(" ")
    command = command.partition("@")[0]
    language = message.from_user.language_code if message.from_user else None
    if command == "/start" and argument:
        return await _begin(chat_id, argument.strip(), language, work, settings)
    linked = await links.account_of_chat(work, chat_id)
    locale = locale_of(linked.locale if linked else language)
    page = settings.page("/account/")
    if command == "/stop" and linked:
        await links.unlink(work, chat_id)
        return [Say(chat_id, phrase(locale, "stopped", page=page))]
    if linked:
        return [Say(chat_id, phrase(locale, "explain_linked", name=linked.display_name))]
    return [Say(chat_id, phrase(locale, "not_linked", page=page))]


async def _begin(
    chat_id: int, token: str, language: str | None, work: Work, settings: PostWebinarSettings
) -> list[Reply]:
    """A person came by the link: name the account and ask."""
    found = await links.token_by_hash(work, token_hash(token))
    ours = found is not None and found.chat_id in {None, chat_id}
    locale = locale_of(found.locale if found and ours else language)
    if found is None or not ours or not found.usable:
        return [Say(chat_id, phrase(locale, "stale", page=settings.page("/account/")))]
    linked = await links.account_of_chat(work, chat_id)
    if linked and linked.account_id == found.account_id:
        await links.use_token(work, found.token_id)
        return [Say(chat_id, phrase(locale, "explain_linked", name=linked.display_name))]
    await links.give_token_to(work, found.token_id, chat_id)
    question = phrase(locale, "ask", name=found.display_name)
    if linked:
        question += "\n\n" + phrase(locale, "instead", other=linked.display_name)
    buttons = (
        (phrase(locale, "yes"), f"{_ACCEPT}{found.token_id.hex}"),
        (phrase(locale, "no"), f"{_DECLINE}{found.token_id.hex}"),
    )
    return [Say(chat_id, question, buttons)]


async def _pressed(query: CallbackQuery, work: Work, settings: PostWebinarSettings) -> list[Reply]:
    acknowledged = Acknowledge(query.id)
    message, pressed = query.message, query.data or ""
    prefix = next((known for known in (_ACCEPT, _DECLINE) if pressed.startswith(known)), None)
    if message is None or prefix is None or message.chat.type != ChatType.PRIVATE:
        return [acknowledged]
    token = await _token_in(pressed.removeprefix(prefix), work)
    chat_id = message.chat.id
    if token is None or token.chat_id != chat_id:
        return [acknowledged]
    locale = locale_of(token.locale)
    says = await _decide(token, chat_id, locale, work, settings, accepted=prefix == _ACCEPT)
    first = Replace(chat_id, message.message_id, says[0].text)
    return [acknowledged, first, *says[1:]]


async def _token_in(text: str, work: Work) -> LinkToken | None:
    try:
        token_id = UUID(hex=text)
    except ValueError:
        return None
    return await links.token_by_id(work, token_id)


async def _decide(
    token: LinkToken, chat_id: int, locale: Locale, work: Work, settings: PostWebinarSettings, *, accepted: bool
) -> list[Say]:
    linked = await links.account_of_chat(work, chat_id)
    if not token.usable:
        if linked and linked.account_id == token.account_id:
            # The same press, heard once more.
            return [Say(chat_id, phrase(locale, "linked", name=linked.display_name))]
        return [Say(chat_id, phrase(locale, "stale", page=settings.page("/account/")))]
    await links.use_token(work, token.token_id)
    if not accepted and linked:
        return [Say(chat_id, phrase(locale, "explain_linked", name=linked.display_name))]
    if not accepted:
        return [Say(chat_id, phrase(locale, "declined"))]
    says = [Say(chat_id, phrase(locale, "linked", name=token.display_name))]
    former = await links.chat_of_account(work, token.account_id)
    if former is not None and former != chat_id:
        says.append(Say(former, phrase(locale, "moved", name=token.display_name)))
    await links.link(work, token.account_id, chat_id)
    await locks.share_followups_of_unlinked(work, token.account_id, work.now - LINKED_WITHIN)
    deliveries.announce_changes(work, await deliveries.plan_what_waited_for_chat(work, token.account_id))
    return says


async def _membership(changed: ChatMemberUpdated, work: Work) -> None:
    blocked = changed.new_chat_member.status in {ChatMemberStatus.KICKED, ChatMemberStatus.LEFT}
    await links.set_blocked(work, changed.chat.id, blocked)
