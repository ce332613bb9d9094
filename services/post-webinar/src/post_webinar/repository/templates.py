"""The texts of the messages."""

from typing import Any

from contracts import MessageTemplateEvent, Step
from contracts.message_texts import DEFAULT_TEXTS, Locale
from servicekit import Work

from post_webinar.repository.deliveries import version_at

_SET = """
insert into message_template as t (step, locale, text, version, changed_by) values ($1, $2, $3, $4, $5)
on conflict (step, locale) do update set
    text = excluded.text, version = greatest(t.version + 1, excluded.version), changed_by = excluded.changed_by
returning step, locale, text, version
"""
_ADD_MISSING = """
insert into message_template (step, locale, text, version)
select step, locale, text, $4 from unnest($1::text[], $2::text[], $3::text[]) as new (step, locale, text)
order by step, locale
on conflict do nothing returning step, locale, text, version
"""


async def set_template(work: Work, step: Step, locale: Locale, text: str, changed_by: str) -> MessageTemplateEvent:
    """Set a text and return its snapshot."""
    return _event(await work.connection.fetchrow(_SET, step.value, locale, text, version_at(work.now), changed_by))


async def add_missing_templates(work: Work) -> list[MessageTemplateEvent]:
    """Insert the default texts that are not there yet and return their snapshots."""
    rows = await work.connection.fetch(
        _ADD_MISSING,
        [step.value for step, _ in DEFAULT_TEXTS],
        [locale for _, locale in DEFAULT_TEXTS],
        list(DEFAULT_TEXTS.values()),
        version_at(work.now),
    )
    return [_event(row) for row in rows]


async def templates(work: Work, locale: Locale) -> dict[Step, str]:
    """Return the texts in one language, the default ones where none are kept."""
    rows = await work.connection.fetch("select step, text from message_template where locale = $1", locale)
    return {step: text for (step, known), text in DEFAULT_TEXTS.items() if known == locale} | {
        Step(row["step"]): row["text"] for row in rows
    }


async def present_templates(work: Work, after: str, limit: int) -> list[tuple[str, MessageTemplateEvent]]:
    """Return the next snapshots in the order of step and language."""
    rows = await work.connection.fetch(
        "select step, locale, text, version, step || '/' || locale as key from message_template "
        "where step || '/' || locale collate \"C\" > $1 order by step || '/' || locale collate \"C\" limit $2",
        after,
        limit,
    )
    return [(row["key"], _event(row)) for row in rows]


def _event(row: Any) -> MessageTemplateEvent:
    return MessageTemplateEvent(step=row["step"], locale=row["locale"], text=row["text"], version=row["version"])
