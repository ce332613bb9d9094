"""From a claim on the ledger to the one message that is sent for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts import Step
from contracts.message_texts import LONGEST_MESSAGE, Locale, fill, visible

from post_webinar.domain.texts import Guest, Occasion, together, values_for_lead, values_for_partner


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads the message."""

    name: str
    locale: Locale


def lead_message(
    reader: Reader,
    occasion: Occasion,
    watched_seconds: int,
    steps: Sequence[Step],
    templates: Mapping[Step, str],
    *,
    at_least: bool = False,
) -> tuple[str, int]:
    """Return the message of these steps, follow-up first, and how many of them fit into it (0: not even one)."""
    values = values_for_lead(reader.name, occasion, watched_seconds, reader.locale, at_least=at_least)
    texts = [fill(templates[step], values) for step in steps]
    for count in range(len(texts), 0, -1):
        message = together(texts[:count])
        if _fits(message):
            return message, count
    return "", 0


def partner_message(
    reader: Reader, candidates: Sequence[tuple[Occasion, Sequence[Guest]]], templates: Mapping[Step, str]
) -> str | None:
    """Return one notice about all these candidates, webinar by webinar; None when it cannot be made short enough.

    As many candidates are named as fit, the others are counted.
    """
    named = max(len(guests) for _, guests in candidates)
    while named >= 0:
        message = together(
            fill(
                templates[Step.PARTNER_NOTICE],
                values_for_partner(reader.name, occasion, guests, reader.locale, at_most=named),
            )
            for occasion, guests in candidates
        )
        if _fits(message):
            return message
        named = named * 3 // 4 if named else -1
    return None


def _fits(message: str) -> bool:
    return len(visible(message)) <= LONGEST_MESSAGE
