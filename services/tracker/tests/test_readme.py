"""The page about the service says what the code does."""

import re
from pathlib import Path

import pytest
from contracts.topology import TRACKER, queues_of, topics_said_by
from servicekit import ServiceSettings
from tracker.settings import TrackerSettings
from tracker.tables import TrackerTable

README = (Path(__file__).parents[1] / "README.md").read_text()
HEARD = {queue.topic.name for queue in queues_of(TRACKER)}
SAID = {topic.name for topic in topics_said_by(TRACKER)}
SETTINGS = {name.upper() for name in TrackerSettings.model_fields.keys() - ServiceSettings.model_fields.keys()}
TABLES = set(TrackerTable.metadata.tables)


def first_column(heading: str) -> set[str]:
    """Return the names in the first column of the table under `heading`."""
    _, _, below = README.partition(f"| {heading} |")
    rows = below.partition("\n\n")[0].splitlines()[2:]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


@pytest.mark.parametrize(
    ("heading", "names"), [("hears", HEARD), ("says", SAID), ("table", TABLES), ("variable", SETTINGS)]
)
def test_the_readme_names_all_there_is(heading: str, names: set[str]) -> None:
    assert first_column(heading) == names


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_the_readme_tells_the_defaults(name: str) -> None:
    default = TrackerSettings.model_fields[name.lower()].default

    assert f"| `{name}` | {default:g} |" in README
