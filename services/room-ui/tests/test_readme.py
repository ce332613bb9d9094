"""The README says what the code does."""

import re
from pathlib import Path

from contracts import SnapshotRequested
from contracts.topology import ROOM_UI, instance_topics_of, queues_of, topics_said_by
from room_ui.settings import RoomUiSettings
from room_ui.tables import RoomUiTable
from servicekit import ServiceSettings

README = (Path(__file__).parents[1] / "README.md").read_text()


def first_column(heading: str) -> set[str]:
    """Return the names in the first column of the table below a heading."""
    section = README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_it_names_what_is_heard_and_said() -> None:
    heard = {queue.topic.name for queue in queues_of(ROOM_UI)} | {topic.name for topic in instance_topics_of(ROOM_UI)}
    assert first_column("Hears") == heard
    assert first_column("Says") == {topic.name for topic in topics_said_by(ROOM_UI)} | {SnapshotRequested.topic}


def test_it_names_the_tables() -> None:
    assert first_column("Owns") == set(RoomUiTable.metadata.tables)


def test_it_names_the_settings() -> None:
    own = set(RoomUiSettings.model_fields) - set(ServiceSettings.model_fields)
    assert first_column("Settings") == {name.upper() for name in own}
