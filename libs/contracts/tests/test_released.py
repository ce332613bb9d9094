"""The gate: the present code against the last release; and the release itself."""

import json
from pathlib import Path

import jsonschema
import pytest
from contracts.examples import example, examples
from contracts.release import changes_since_release, present_schemas
from contracts.schemas import (
    UnreleasedError,
    edited_by_hand,
    newest_schemas,
    released_names,
    released_version,
    schema,
)
from contracts.topology import OWN_TOPICS

CHANGELOG = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
HOW_TO_GO_ON = """

Others build on the released contracts, and these changes break them. Do what each line says.
When it has to break all the same: CONTRIBUTING.md, "The contracts and those who build on them"."""


def test_nothing_breaks_those_who_build_on_the_last_release() -> None:
    broken = [str(change) for change in changes_since_release() if change.breaks]

    if broken:  # a traceback would only stand in front of what there is to read
        pytest.fail("\n".join(broken) + HOW_TO_GO_ON, pytrace=False)


def test_the_released_schemas_are_those_that_the_release_wrote() -> None:
    assert not edited_by_hand(), "only `python -m contracts.release` writes them; take them back from version control"


def test_every_topic_is_released_or_new() -> None:
    new = {change.topic for change in changes_since_release() if change.what == "a new topic."}

    assert set(newest_schemas()) | new >= {topic.name for topic in OWN_TOPICS} | {"envelope", "command_reply"}
    assert len(newest_schemas()) > 20


@pytest.mark.parametrize(("name", "version"), released_names())
def test_a_released_schema_is_valid_and_takes_its_example(name: str, version: int) -> None:
    document = schema(name, version)
    jsonschema.Draft202012Validator.check_schema(document)
    validator = jsonschema.Draft202012Validator(document, format_checker=jsonschema.FormatChecker())
    if name in {topic.name for topic in OWN_TOPICS}:
        bodies = [json.loads(example(name, version))]
    elif name == "envelope":
        shown = [json.loads(example(one, version)) for one in ("envelope", "command_envelope")]
        bodies = [one["properties"] | one["headers"] for one in shown]
    else:
        assert name == "command_reply"
        bodies = [json.loads(example(*pair)) for pair in examples() if pair[0].endswith((".reply", ".refused"))]

    assert bodies
    assert [error.message for body in bodies for error in validator.iter_errors(body)] == []
    assert not validator.is_valid([])
    for required in document.get("required", ()):
        assert not validator.is_valid({key: value for key, value in bodies[0].items() if key != required}), required


def test_what_was_never_released_is_said_so() -> None:
    with pytest.raises(UnreleasedError, match="user_attended of major version 9 is not in release"):
        schema("user_attended", 9)
    with pytest.raises(UnreleasedError, match="nothing_known"):
        schema("nothing_known")


def test_the_changelog_begins_with_the_last_release() -> None:
    headings = [line for line in CHANGELOG.splitlines() if line.startswith("## ") and line != "## Unreleased"]

    assert headings[0].startswith(f"## {released_version()} (")


def test_the_direction_of_every_schema_is_known() -> None:
    written = {name for name, document in present_schemas().items() if document["x-written-by-others"]}

    assert written == {topic.name for topic in OWN_TOPICS if topic.is_command} | {"snapshot_requested"}
