"""What the houses of the pages hold, in both languages: the same at every look."""

from dataclasses import dataclass

POSTER = "https://pictures.example/poster.svg"
PORTRAIT = "https://pictures.example/portrait.svg"
PLAYER = "https://player.example/embed/1"
CHAT = "https://chat.example/room/1"
BOT_LINK = "https://t.me/webinars_bot?start=Jm3s0YcUq2xXbGk1hT4wZg"


@dataclass(frozen=True)
class Contents:
    """The words of one language, as people would have typed them."""

    titles: tuple[str, ...]
    description: str
    call: str
    speaker: str
    admin: str
    partner: str
    partner_note: str
    candidate: str
    others: tuple[str, ...]


RUSSIAN = Contents(
    titles=(
        "Как выйти на первых клиентов за месяц",
        "Разбор ваших историй: вопросы и ответы",
        "Личный бренд без рекламы",
        "Финансы начинающего предпринимателя",
    ),
    description="За час разберём, с чего начать, какие ошибки стоят дороже всего и как не опустить руки на второй "
    "неделе. В конце – ответы на вопросы из чата.",
    call="Записаться на встречу",
    speaker="Сергей Ветров",
    admin="Анна Орлова",
    partner="Полина Зимина",
    partner_note="На связи каждый день с 10 до 20 по Москве. Пишите, даже если вопрос кажется маленьким.",
    candidate="Кирилл Лебедев",
    others=("Мария Соколова", "Иван Третьяков", "Ольга Четверикова", "Пётр Пятницкий", "Елена Шестакова"),
)
ENGLISH = Contents(
    titles=(
        "Your first clients within a month",
        "Your stories, looked at together",
        "A name of your own without advertising",
        "Money for those who have just begun",
    ),
    description="In an hour: where to begin, which mistakes cost most, and how to go on in the second week. "
    "At the end, answers to what you asked in the chat.",
    call="Book a meeting",
    speaker="Simon Winter",
    admin="Anne Ford",
    partner="Pauline Marsh",
    partner_note="There every day from ten to eight, Moscow time. Write, however small the question.",
    candidate="Christopher Lee",
    others=("Mary Falcon", "Ian Third", "Olga Quarter", "Peter Friday", "Helen Sixsmith"),
)
CONTENTS = {"ru": RUSSIAN, "en": ENGLISH}
