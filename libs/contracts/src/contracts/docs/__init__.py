"""The documentation of the contracts, written from the contracts: docs/events.md and docs/asyncapi.json."""

from contracts.docs.asyncapi import asyncapi_document
from contracts.docs.catalogue import events_page


def documents() -> dict[str, str]:
    """Return name and text of every document; the same contracts give the same text."""
    return {"events.md": events_page(), "asyncapi.json": asyncapi_document()}
