"""The README says what the code does."""

import re
from pathlib import Path

from contracts import SnapshotRequested
from contracts.topology import queues_of, topics_said_by
from core_webinar.settings import CoreWebinarSettings
from core_webinar.tables import CoreWebinarTable
from servicekit import ServiceSettings

README = (Path(__file__).parents[1] / "README.md").read_text()


def first_column(heading: str) -> set[str]:
    """Return the names in the first column of the table below a heading."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_it_names_what_is_heard_and_said() -> None:
    assert first_column("Hears") == {queue.topic.name for queue in queues_of("core-webinar")}
    assert first_column("Says") == {topic.name for topic in topics_said_by("core-webinar")} | {SnapshotRequested.topic}


def test_it_names_the_tables() -> None:
    assert first_column("Owns") == set(CoreWebinarTable.metadata.tables)


def test_it_names_the_settings() -> None:
    own = set(CoreWebinarSettings.model_fields) - set(ServiceSettings.model_fields)
    assert first_column("Settings") == {name.upper() for name in own}
