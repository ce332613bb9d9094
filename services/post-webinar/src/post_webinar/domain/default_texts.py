"""The texts that every installation begins with; an admin may change each."""

from contracts import Step

from post_webinar.domain.texts import Locale

DEFAULT_TEXTS: dict[tuple[Step, Locale], str] = {
    (Step.ATTENDED, "ru"): (
        "{name}, спасибо, что были на вебинаре «{title}» ({date}, {zone}).\n\n"
        "Вы смотрели {watched_minutes} мин. Следующий шаг и ответы на вопросы: {link}"
    ),
    (Step.ATTENDED, "en"): (
        "{name}, thank you for being at the webinar “{title}” ({date}, {zone}).\n\n"
        "You watched {watched_minutes} min. The next step, and answers to your questions: {link}"
    ),
    (Step.NOT_ATTENDED, "ru"): (
        "{name}, вы заходили на вебинар «{title}» ({date}, {zone}) и смотрели {watched_minutes} мин.\n\n"
        "Если остались вопросы: {link}"
    ),
    (Step.NOT_ATTENDED, "en"): (
        "{name}, you looked in on the webinar “{title}” ({date}, {zone}) and watched {watched_minutes} min.\n\n"
        "If you have questions: {link}"
    ),
    (Step.RECORDING, "ru"): "Запись вебинара «{title}»: {recording}",
    (Step.RECORDING, "en"): "The recording of “{title}”: {recording}",
    (Step.PARTNER_NOTICE, "ru"): (
        "{name}, ваши кандидаты на вебинаре «{title}» ({date}, {zone}):\n{candidates}\n\nПодробнее: {link}"
    ),
    (Step.PARTNER_NOTICE, "en"): (
        "{name}, your candidates at the webinar “{title}” ({date}, {zone}):\n{candidates}\n\nMore: {link}"
    ),
}
