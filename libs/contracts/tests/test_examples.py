"""The example files: one for every message, and together the story of one webinar."""

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from contracts import (
    CONTENT_TYPE,
    ClientWebinarAttendanceClassified,
    ClientWebinarAttendanceEvaluate,
    ClientWebinarCompleted,
    ClientWebinarEntered,
    CommandReply,
    CoreWebinarUpsert,
    Envelope,
    ParticipationEvent,
    PostWebinarDelivery,
    RoomPresence,
    WebinarEvent,
    session_id_of,
)
from contracts.examples import example, examples
from contracts.topology import OWN_TOPICS, TOPIC_OF, Topic

BY_NAME = {topic.name: topic for topic in OWN_TOPICS}
OUTCOMES = [name for name, _ in examples() if name.endswith((".reply", ".refused"))]
ENVELOPES = ["envelope", "command_envelope"]
each_topic = pytest.mark.parametrize("topic", OWN_TOPICS, ids=lambda topic: topic.name)
# What stands beside webinar_id in an upsert are the fields to set: only those, and Core answers for each of them.
each_topic_with_fixed_fields = pytest.mark.parametrize(
    "topic", [topic for topic in OWN_TOPICS if topic.message is not CoreWebinarUpsert], ids=lambda topic: topic.name
)


def body(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(example(name))
    return found


def test_every_version_ever_published_has_an_example() -> None:
    wanted = {(topic.name, version) for topic in OWN_TOPICS for version in range(1, topic.message.schema_version + 1)}

    assert wanted <= set(examples())


def test_every_example_belongs_to_a_message() -> None:
    of_commands = {f"{topic.name}.{word}" for topic in OWN_TOPICS if topic.is_command for word in ("reply", "refused")}

    assert {name for name, _ in examples()} <= set(BY_NAME) | of_commands | set(ENVELOPES)
    assert {f"{topic.name}.reply" for topic in OWN_TOPICS if topic.is_command} <= set(OUTCOMES)


@pytest.mark.parametrize(("name", "version"), [pair for pair in examples() if pair[0] in BY_NAME])
def test_an_example_of_any_version_still_parses(name: str, version: int) -> None:
    BY_NAME[name].message.from_json(example(name, version))


@each_topic
def test_an_example_comes_back_as_it_was(topic: Topic) -> None:
    message = topic.message.from_json(example(topic.name))

    assert json.loads(message.to_json()) == body(topic.name)
    assert topic.message.from_json(message.to_json()) == message


@each_topic_with_fixed_fields
def test_an_example_shows_every_field(topic: Topic) -> None:
    fields = {field.alias or name for name, field in topic.message.model_fields.items()}

    assert set(body(topic.name)) == fields


@each_topic_with_fixed_fields
def test_an_unknown_field_is_passed_over(topic: Topic) -> None:
    # The parts of a command are taken as they came; whoever receives it passes over what it does not know.
    plain = body(topic.name)
    with_more = plain | {"of_a_later_version": [1]} if topic.is_command else with_unknown_fields(plain)

    assert topic.message.from_json(json.dumps(with_more).encode()) == topic.message.from_json(example(topic.name))


def with_unknown_fields(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: with_unknown_fields(value) for key, value in node.items()} | {"of_a_later_version": [1]}
    return [with_unknown_fields(item) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_reply_comes_back_as_it_was(name: str) -> None:
    reply = CommandReply.model_validate_json(example(name))

    assert json.loads(reply.model_dump_json(by_alias=True, exclude_none=True)) == body(name)
    assert reply.ok is name.endswith(".reply")
    assert (reply.error is None) is reply.ok


@pytest.mark.parametrize("name", ENVELOPES)
def test_an_envelope_is_what_travels(name: str) -> None:
    shown = body(name)
    properties = shown["properties"]
    envelope = Envelope.model_validate(
        {key: value for key, value in (properties | shown["headers"]).items() if key in Envelope.model_fields}
    )

    assert envelope.headers() == shown["headers"]
    assert envelope.type == shown["routing_key"]
    assert properties["content_type"] == CONTENT_TYPE
    assert shown["mandatory"] is BY_NAME[envelope.type].needs_a_queue
    assert envelope.message_id.version == 7
    assert shown["body"] == body(envelope.type)


def test_the_story_is_of_one_webinar_and_its_people() -> None:
    webinar = body("webinar_event")["webinar_id"]
    people = {"acc-anna-sokolova", "acc-boris-ilin", "acc-vera-orlova"}

    for topic in OWN_TOPICS:
        shown = body(topic.name)
        assert shown.get("webinar_id", webinar) == webinar, topic.name
        assert {shown[key] for key in ("lead_id", "account_id", "partner_id") if key in shown} <= people, topic.name


def test_the_sessions_are_derived() -> None:
    for message in (ClientWebinarEntered, ClientWebinarCompleted, ClientWebinarAttendanceEvaluate):
        shown = message.from_json(example(message.topic))
        assert shown.session_id == session_id_of(shown.lead_id, shown.webinar_id)


def test_the_figures_of_the_story_add_up() -> None:
    webinar = WebinarEvent.from_json(example("webinar_event"))
    watched = ParticipationEvent.from_json(example("participation_event"))
    completed = ClientWebinarCompleted.from_json(example("client_webinar_completed"))
    verdict = ClientWebinarAttendanceClassified.from_json(example("client_webinar_attendance_classified"))
    assert webinar.started_at
    assert webinar.finished_at
    assert webinar.scheduled_at
    counted_until = min(
        webinar.finished_at,
        max(webinar.started_at, webinar.scheduled_at) + timedelta(minutes=webinar.duration_minutes),
    )
    windows = [(window.from_, window.to or webinar.finished_at) for window in webinar.on_air]

    def seconds_until(end: datetime, begun: datetime = webinar.started_at) -> int:
        return int(
            sum(
                (max(timedelta(0), min(to, end) - max(from_, begun)) for from_, to in windows), timedelta(0)
            ).total_seconds()
        )

    came = ClientWebinarEntered.from_json(example("client_webinar_entered")).timestamp
    assert watched.base_seconds == seconds_until(counted_until)
    assert watched.watched_seconds == seconds_until(webinar.finished_at, came)
    assert completed.base_seconds == seconds_until(completed.completed_at)
    assert completed.watched_seconds == seconds_until(completed.completed_at, came)
    assert verdict.watched_percent == 100 * completed.watched_seconds // completed.base_seconds
    assert [(one.from_, one.to) for one in watched.windows] == [(max(from_, came), to) for from_, to in windows]


def test_the_story_goes_forward() -> None:
    presence = RoomPresence.from_json(example("room_presence"))
    delivery = PostWebinarDelivery.from_json(example("post_webinar_delivery"))
    webinar = WebinarEvent.from_json(example("webinar_event"))
    assert webinar.scheduled_at
    assert delivery.due_at
    moments = [
        webinar.created_at,
        webinar.scheduled_at,
        webinar.started_at,
        ClientWebinarEntered.from_json(example("client_webinar_entered")).timestamp,
        presence.at,
        datetime.fromisoformat(body("cta_shown")["at"]),
        datetime.fromisoformat(body("cta_clicked")["at"]),
        datetime.fromisoformat(body("room_finish")["at"]),
        webinar.finished_at,
        datetime.fromisoformat(body("post_webinar_route")["timestamp"]),
        delivery.due_at,
    ]

    assert all(earlier is not None and later is not None and earlier < later for earlier, later in pairwise(moments))


def test_two_forms_of_the_completion_have_one_body() -> None:
    assert body("webinar_completed") == body("client_webinar_completed")


def test_an_example_that_does_not_exist_is_said_so() -> None:
    with pytest.raises(FileNotFoundError):
        example("user_attended", version=99)


def test_topics_are_found_by_their_class() -> None:
    assert TOPIC_OF[ClientWebinarEntered].name == "client_webinar_entered"
    assert UUID(body("webinar_event")["webinar_id"]).version == 7
