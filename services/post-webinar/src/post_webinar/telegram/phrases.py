"""What the bot says in conversation, in both languages."""

from contracts.message_texts import Locale

PHRASES: dict[Locale, dict[str, str]] = {
    "ru": {
        "ask": "Связать этот чат с учётной записью «{name}»? Сюда будут приходить сообщения после вебинаров.",
        "instead": "Сейчас чат связан с учётной записью «{other}»; эта связь прекратится.",
        "yes": "Да, связать",
        "no": "Нет",
        "linked": "Готово: чат связан с учётной записью «{name}». Чтобы сообщения не приходили, отправьте /stop.",
        "declined": "Хорошо, чат не связан.",
        "moved": "Учётная запись «{name}» теперь связана с другим чатом. Сюда сообщения больше не придут.",
        "stale": (
            "Эта ссылка уже использована или устарела: она действует 15 минут. Новую можно получить здесь: {page}"
        ),
        "stopped": "Сообщения сюда больше не придут. Связать чат снова можно здесь: {page}",
        "not_linked": "Этот чат ни с кем не связан. Чтобы получать сообщения о вебинарах, откройте {page}",
        "explain_linked": (
            "Этот чат связан с учётной записью «{name}»: сюда приходят сообщения после вебинаров. "
            "Чтобы они не приходили, отправьте /stop."
        ),
        "start": "О боте и этом чате",
        "stop": "Больше не присылать сообщения",
    },
    "en": {
        "ask": "Link this chat to the account “{name}”? Messages after webinars will come here.",
        "instead": "The chat is linked to the account “{other}” now; that link will end.",
        "yes": "Yes, link it",
        "no": "No",
        "linked": "Done: the chat is linked to the account “{name}”. To get no more messages, send /stop.",
        "declined": "All right, the chat is not linked.",
        "moved": "The account “{name}” is linked to another chat now. No more messages will come here.",
        "stale": "This link was used already or is too old: it works for 15 minutes. Get a new one here: {page}",
        "stopped": "No more messages will come here. You can link the chat again here: {page}",
        "not_linked": "This chat is linked to nobody. To get messages about webinars, open {page}",
        "explain_linked": (
            "This chat is linked to the account “{name}”: messages after webinars come here. "
            "To get no more of them, send /stop."
        ),
        "start": "About the bot and this chat",
        "stop": "Send no more messages",
    },
}


def phrase(locale: Locale, key: str, **words: str) -> str:
    """Return a phrase as plain text."""
    return PHRASES[locale][key].format(**words)
