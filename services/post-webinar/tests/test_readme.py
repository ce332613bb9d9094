"""The page about the service says what the code does."""

import re
from pathlib import Path

import pytest
from contracts.topology import POST_WEBINAR, queues_of, topics_said_by
from post_webinar.settings import PostWebinarSettings
from post_webinar.tables import PostWebinarTable
from servicekit import ServiceSettings

README = (Path(__file__).parents[1] / "README.md").read_text()
HEARD = {queue.topic.name for queue in queues_of(POST_WEBINAR)}
SAID = {topic.name for topic in topics_said_by(POST_WEBINAR)}
SETTINGS = {name.upper() for name in PostWebinarSettings.model_fields.keys() - ServiceSettings.model_fields.keys()}
TABLES = set(PostWebinarTable.metadata.tables)


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


def test_everything_that_it_owns_a_queue_for_is_handled() -> None:
    from post_webinar.handlers import router  # noqa: PLC0415 - beside the page that it is held against

    handled = {one.message.topic for one in router.hearings} | {one.message.topic for one in router.obeyings}
    assert handled | {"snapshot_requested"} == HEARD
