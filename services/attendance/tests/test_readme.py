"""The page about the service says what the code does."""

from pathlib import Path

import pytest
from contracts.topology import ATTENDANCE, queues_of, topics_said_by

README = (Path(__file__).parents[1] / "README.md").read_text()
HEARD = {queue.topic.name for queue in queues_of(ATTENDANCE)}
SAID = {topic.name for topic in topics_said_by(ATTENDANCE)}


def first_column(heading: str) -> set[str]:
    """Return the names in the first column of the table under `heading`."""
    _, _, below = README.partition(f"| {heading} |")
    rows = below.partition("\n\n")[0].splitlines()[2:]
    return {row.split("|")[1].strip().strip("`") for row in rows}


@pytest.mark.parametrize(("heading", "topics"), [("hears", HEARD), ("says", SAID)])
def test_the_readme_names_every_topic(heading: str, topics: set[str]) -> None:
    assert first_column(heading) == topics
