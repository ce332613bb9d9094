"""A webinar as a calendar entry (.ics): UTC, with its length, updated when it is moved or called off."""

from datetime import UTC, datetime, timedelta

from contracts import WebinarEvent
from icalendar import Calendar, Event

_HIGHEST_SEQUENCE = 2**31 - 1


def sequence_of(webinar: WebinarEvent) -> int:
    """Return the entry's SEQUENCE: it grows with the version and fits the 31 bits that calendars have for it.

    A version is at least the milliseconds since 1970. In tenths of a second since the webinar was made, the sequence
    tells changes apart that follow each other faster than anybody makes them, and lasts for six years.
    """
    milliseconds = webinar.version - int(webinar.created_at.timestamp() * 1000)
    return min(max(0, milliseconds // 100), _HIGHEST_SEQUENCE)


def calendar_entry(webinar: WebinarEvent, *, base_url: str, now: datetime) -> bytes:
    """Return the .ics file of a webinar that has a time; it names the room's page, never the player or the chat."""
    if webinar.scheduled_at is None:
        raise ValueError(f"webinar {webinar.webinar_id} has no time yet")
    host = base_url.split("://", 1)[-1].split("/", 1)[0]
    entry = Event()
    entry.add("uid", f"{webinar.webinar_id}@{host}")
    entry.add("summary", webinar.title)
    if webinar.description:
        entry.add("description", webinar.description)
    entry.add("dtstart", webinar.scheduled_at.astimezone(UTC))
    entry.add("duration", timedelta(minutes=webinar.duration_minutes))
    entry.add("dtstamp", now.astimezone(UTC))
    entry.add("sequence", sequence_of(webinar))
    entry.add("status", "CANCELLED" if webinar.cancelled else "CONFIRMED")
    entry.add("url", f"{base_url}/account/webinar_room/{webinar.webinar_id}")
    calendar = Calendar()
    calendar.add("prodid", "-//webinars//schedule//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add_component(entry)
    return bytes(calendar.to_ical())
