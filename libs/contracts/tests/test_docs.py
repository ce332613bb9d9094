"""docs/events.md and docs/asyncapi.json: current, whole, and true to the contracts."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from contracts.docs import documents
from contracts.docs.__main__ import main
from contracts.docs.asyncapi import document
from contracts.docs.described import described
from contracts.examples import example, examples
from contracts.topology import EXCHANGE, OWN_TOPICS, Topic

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((Path(__file__).parent / "asyncapi-3.0.0.schema.json").read_text(encoding="utf-8"))
each_topic = pytest.mark.parametrize("topic", OWN_TOPICS, ids=lambda topic: topic.name)


@pytest.fixture(scope="module")
def page() -> str:
    return documents()["events.md"]


@pytest.fixture(scope="module")
def asyncapi() -> dict[str, Any]:
    return document()


def test_the_documents_are_current() -> None:
    for name, text in documents().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"docs/{name}: run `make docs`"


def test_the_documents_are_the_same_in_every_run(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "contracts.docs", str(tmp_path)],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONHASHSEED": "7"},
    )

    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == documents()


def test_the_check_fails_on_a_document_that_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--check"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    (tmp_path / "events.md").write_text("stale")
    capsys.readouterr()

    assert main([str(tmp_path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "events.md is not current" in said
    assert "asyncapi.json" not in said


@each_topic
def test_the_page_says_everything_of_a_topic(page: str, topic: Topic) -> None:
    section = page.split(f"\n### {topic.name}\n")[1].partition("\n## ")[0].partition("\n### ")[0]
    text = described(topic.message)

    assert text.meaning in section
    assert text.when in section
    assert text.guarantees in section
    assert example(topic.name).decode().strip() in section
    assert ("public" if topic.public else "internal") in section
    for service in (*topic.said_by, *topic.heard_by):
        assert service in section
    for name, field in topic.message.model_fields.items():
        assert f"| `{field.alias or name}` |" in section


def test_every_link_of_the_page_leads_somewhere(page: str) -> None:
    anchors = {
        re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.+)$", page, re.M)
    }
    links = re.findall(r"\]\(([^)]+)\)", page)
    inside = {link[1:] for link in links if link.startswith("#")}
    files = {link for link in links if not link.startswith(("#", "http"))}

    assert inside <= anchors
    assert {name for name in files if not (DOCS / name).is_file()} == set()


def test_the_subscriber_of_the_page_keeps_to_the_contracts(page: str) -> None:
    [code] = re.findall(r"```python\n(.+?)```", page, re.S)
    tree = ast.parse(code)
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    meaning = {topic.name: list(topic.message.meaning) for topic in OWN_TOPICS if topic.public}
    bound = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == "bind"]

    assert constants["KEYS"] == {topic: meaning[topic] for topic in constants["TOPICS"]}
    assert len(bound) == 1
    assert f'.bind("{EXCHANGE}"' in code


def test_the_asyncapi_document_follows_its_specification(asyncapi: dict[str, Any]) -> None:
    validator = jsonschema.Draft7Validator(SCHEMA)

    assert [error.message for error in validator.iter_errors(asyncapi)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("info"),
        lambda document: document["channels"]["user_attended"].update(address=7),
        lambda document: document["operations"]["tracker_says_webinar_completed"].update(action="publish"),
        lambda document: document["components"]["messages"]["user_attended"].update(payloads={}),
        lambda document: document["channels"]["user_attended"]["bindings"]["amqp"].update({"is": "topic"}),
    ],
)
def test_the_specification_notices_a_mistake(asyncapi: dict[str, Any], spoil: Any) -> None:
    spoiled = json.loads(json.dumps(asyncapi))
    spoil(spoiled)

    assert list(jsonschema.Draft7Validator(SCHEMA).iter_errors(spoiled))


def references_in(node: Any) -> set[str]:
    if isinstance(node, list):
        return {found for item in node for found in references_in(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own | {found for value in node.values() for found in references_in(value)}


def test_every_reference_resolves(asyncapi: dict[str, Any]) -> None:
    references = references_in(asyncapi)

    assert len(references) > 100
    for reference in references:
        found: Any = asyncapi
        for part in reference.removeprefix("#/").split("/"):
            assert part in found, reference
            found = found[part]


def payload_validator(asyncapi: dict[str, Any], name: str) -> jsonschema.Draft7Validator:
    # Draft 7 passes over what stands beside a $ref, so the components are put outside of it.
    schema = {"allOf": [asyncapi["components"]["messages"][name]["payload"]], "components": asyncapi["components"]}
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())


@each_topic
def test_an_example_is_valid_against_its_published_schema(asyncapi: dict[str, Any], topic: Topic) -> None:
    validator = payload_validator(asyncapi, topic.name)
    body = json.loads(example(topic.name))
    required = asyncapi["components"]["schemas"][topic.message.__name__].get("required", [])

    assert [error.message for error in validator.iter_errors(body)] == []
    assert list(validator.iter_errors([body]))
    for name in required:
        assert list(validator.iter_errors({key: value for key, value in body.items() if key != name})), name


def test_every_reply_is_valid_against_its_published_schema(asyncapi: dict[str, Any]) -> None:
    validator = payload_validator(asyncapi, "command_reply")
    replies = [
        json.loads(example(name, version)) for name, version in examples() if name.endswith((".reply", ".refused"))
    ]

    assert len(replies) > 6
    assert [error.message for reply in replies for error in validator.iter_errors(reply)] == []


def test_every_service_has_an_operation_for_what_it_says_and_hears(asyncapi: dict[str, Any]) -> None:
    pairs = {
        (operation["action"], operation["tags"][0]["name"], operation["channel"]["$ref"].rsplit("/", 1)[1])
        for operation in asyncapi["operations"].values()
    }
    said = {("send", service, topic.name) for topic in OWN_TOPICS for service in topic.said_by}
    heard = {
        ("receive", service, topic.name)
        for topic in OWN_TOPICS
        for service in (*topic.heard_by, *topic.heard_by_instances_of)
    }

    assert pairs == said | heard
