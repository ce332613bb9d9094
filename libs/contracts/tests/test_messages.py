"""What every message keeps to: identifiers, times, versions, words."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from contracts import (
    WHY_REFUSED,
    AccountEvent,
    ClientWebinarEntered,
    CoreWebinarUpsert,
    Envelope,
    ErrorCode,
    MessageTemplateEvent,
    MessageTemplateSet,
    PresenceEntry,
    RoomPresence,
    SnapshotRequested,
    WebinarEvent,
    WebinarFields,
    session_id_of,
)
from contracts.docs.described import described
from contracts.examples import example
from contracts.topology import OWN_TOPICS, Topic
from pydantic import ValidationError

ENTERED = json.loads(example("client_webinar_entered"))
each_topic = pytest.mark.parametrize("topic", OWN_TOPICS, ids=lambda topic: topic.name)


def entered(**changes: object) -> ClientWebinarEntered:
    return ClientWebinarEntered.from_json(json.dumps(ENTERED | changes).encode())


def test_the_session_of_a_lead_in_a_webinar_is_a_constant_of_the_contracts() -> None:
    webinar = UUID("01a20cd3-8b00-7226-b63c-5ab791b7584a")

    assert session_id_of("acc-anna-sokolova", webinar) == UUID("ddb571b9-be4f-5979-bd4a-b4c6047c025a")
    assert session_id_of("acc-boris-ilin", webinar) == UUID("47bff8d3-53f3-5514-8353-ef093277e9a2")
    assert session_id_of("acc-anna-sokolova", UUID(int=1)) != session_id_of("acc-anna-sokolova", UUID(int=2))


Place = tuple[Any, ...]


def times_in(node: Any, place: Place = ()) -> list[Place]:
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    here = [place] if isinstance(node, str) and node.endswith("Z") and node[:2] == "20" else []
    return here + [found for key, value in pairs for found in times_in(value, (*place, key))]


def with_at(node: Any, place: Place, value: Any) -> Any:
    """Return a copy of a body with another value at a place in it."""
    if not place:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[place[0]] = with_at(node[place[0]], place[1:], value)
    return copy


TIMES = [
    (topic, place)
    for topic in OWN_TOPICS
    if topic.message is not CoreWebinarUpsert
    for place in times_in(json.loads(example(topic.name)))
]


@pytest.mark.parametrize(("topic", "place"), TIMES, ids=lambda value: getattr(value, "name", None))
def test_a_time_without_an_offset_is_refused(topic: Topic, place: Place) -> None:
    body = json.loads(example(topic.name))

    with pytest.raises(ValidationError, match="timezone"):
        topic.message.from_json(json.dumps(with_at(body, place, "2026-11-26T16:00:00")).encode())


@pytest.mark.parametrize("odd", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00", "5", 5, "1e9", True])
@pytest.mark.parametrize(("topic", "place"), TIMES, ids=lambda value: getattr(value, "name", None))
def test_a_time_that_cannot_be_is_refused(topic: Topic, place: Place, odd: Any) -> None:
    body = json.loads(example(topic.name))

    with pytest.raises(ValidationError, match="A time has to"):
        topic.message.from_json(json.dumps(with_at(body, place, odd)).encode())


@pytest.mark.parametrize("version", [-1, 2**63, "x"])
@pytest.mark.parametrize("topic", [topic for topic in OWN_TOPICS if topic.kind == "snapshot"], ids=lambda one: one.name)
def test_a_version_that_no_database_can_keep_is_refused(topic: Topic, version: object) -> None:
    body = json.loads(example(topic.name))

    with pytest.raises(ValidationError, match="version"):
        topic.message.from_json(json.dumps(body | {"version": version}).encode())


def test_an_upsert_promises_no_defaults_for_what_is_there() -> None:
    fields = CoreWebinarUpsert.model_json_schema()["properties"]

    assert [name for name in WebinarFields.model_fields if "default" in fields[name]] == []
    assert "in a new webinar 60" in fields["duration_minutes"]["description"]


def test_the_times_of_an_envelope_have_an_offset() -> None:
    known = {"message_id": UUID(int=1), "type": "user_attended", "app_id": "attendance", "correlation_id": "1"}
    now = datetime(2026, 11, 26, 16, 0, tzinfo=UTC)

    assert Envelope(**known, timestamp=now, deadline=now).headers()["deadline"] == "2026-11-26T16:00:00+00:00"
    for naive in ({"timestamp": now.replace(tzinfo=None)}, {"timestamp": now, "deadline": now.replace(tzinfo=None)}):
        with pytest.raises(ValidationError, match="timezone"):
            Envelope.model_validate(known | naive)


def test_a_time_is_in_utc_whatever_its_offset() -> None:
    moscow = entered(timestamp="2026-11-26T19:07:29+03:00")

    assert moscow.timestamp == datetime(2026, 11, 26, 19, 7, 29, tzinfo=timezone(timedelta(hours=3)))
    assert json.loads(moscow.to_json())["timestamp"] == "2026-11-26T16:07:29Z"


@pytest.mark.parametrize("lead_id", ["", "x" * 65, None, 7])
def test_an_identifier_has_1_to_64_characters(lead_id: object) -> None:
    with pytest.raises(ValidationError):
        entered(lead_id=lead_id)


def test_an_identifier_of_64_characters_is_taken() -> None:
    assert entered(lead_id="x" * 64).lead_id == "x" * 64


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"7", b"{", b"\xff\xfe", b'{"webinar_id": "a"}'])
@each_topic
def test_what_is_no_body_is_refused(topic: Topic, body: bytes) -> None:
    with pytest.raises(ValidationError):
        topic.message.from_json(body)


@each_topic
def test_a_message_is_frozen(topic: Topic) -> None:
    message = topic.message.from_json(example(topic.name))

    with pytest.raises(ValidationError, match="frozen"):
        setattr(message, next(iter(type(message).model_fields)), None)


@each_topic
def test_facts_and_signals_have_a_key_and_commands_have_their_message_id(topic: Topic) -> None:
    message = topic.message.from_json(example(topic.name))

    assert bool(message.meaning_key) is not topic.is_command
    assert set(topic.message.meaning) <= set(topic.message.model_fields)


@each_topic
def test_the_newest_snapshot_has_the_highest_order(topic: Topic) -> None:
    message = topic.message.from_json(example(topic.name))

    assert message.order == (getattr(message, "version") if topic.kind == "snapshot" else 0)  # noqa: B009


def test_two_messages_about_one_thing_have_one_key() -> None:
    assert entered(timestamp="2026-11-26T16:09:00Z").meaning_key == entered().meaning_key
    assert MessageTemplateEvent.from_json(example("message_template_event")).meaning_key == ("attended", "ru")


def test_the_fields_of_an_upsert_stay_as_they_came() -> None:
    command = CoreWebinarUpsert.from_json(b'{"webinar_id": null, "title": "A", "duration_minutes": "many", "x": [1]}')

    assert command.changes == {"title": "A", "duration_minutes": "many", "x": [1]}


def test_a_request_for_snapshots_says_topic_on_the_wire() -> None:
    request = SnapshotRequested(topic_name="webinar_event")

    assert json.loads(request.to_json()) == {"topic": "webinar_event"}


def test_a_report_of_presence_has_a_thousand_entries_at_most() -> None:
    report = RoomPresence.from_json(example("room_presence"))
    entry = PresenceEntry(account_id="a", since=report.at)

    assert len(RoomPresence.model_validate(report.model_dump() | {"entries": [entry] * 1000}).entries) == 1000
    with pytest.raises(ValidationError, match="at most 1000"):
        RoomPresence.model_validate(report.model_dump() | {"entries": [entry] * 1001})


def test_an_account_carries_nothing_to_sign_in_with() -> None:
    words = ("password", "hash", "email", "login", "token", "secret")

    assert not [name for name in AccountEvent.model_fields if any(word in name for word in words)]


def test_the_defaults_of_a_webinar() -> None:
    bare = {
        "webinar_id": UUID(int=1),
        "version": 1,
        "status": "draft",
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
        "owner_id": "o",
    }
    webinar = WebinarEvent.model_validate(bare)

    assert (webinar.duration_minutes, webinar.completion_percent, webinar.cta_visibility) == (60, 70, "hidden")
    for wrong in ({"duration_minutes": 4}, {"duration_minutes": 601}, {"completion_percent": 0}, {"title": "x" * 201}):
        with pytest.raises(ValidationError):
            WebinarEvent.model_validate(bare | wrong)


def test_the_codes_of_refusals_are_the_canonical_ones() -> None:
    of_the_states = {
        "webinar_state_invalid_start",
        "webinar_state_invalid_archive",
        "webinar_state_invalid_rewind",
        "webinar_state_invalid_restart",
        "webinar_status_mutation_forbidden",
        "webinar_state_locked",
        "webinar_status_unknown",
        "webinar_state_invalid_stop",
        "webinar_field_locked",
        "webinar_not_found",
        "webinar_version_conflict",
        "forbidden",
        "unauthenticated",
        "invalid_field",
    }
    of_the_machine = {"expired", "unavailable", "no_webinar", "too_many_requests", "method_not_allowed"}
    of_deliveries = {"delivery_state_invalid", "delivery_not_found"}

    assert {code.value for code in ErrorCode} == of_the_states | of_the_machine | of_deliveries
    assert set(WHY_REFUSED) == set(ErrorCode)


@each_topic
def test_every_message_and_field_says_what_it_means(topic: Topic) -> None:
    text = described(topic.message)
    silent = [name for name, field in topic.message.model_fields.items() if not field.description]

    assert text.meaning
    assert text.when
    assert text.guarantees
    assert silent == []


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
def test_a_text_that_no_database_can_store_is_refused_and_named(text: str) -> None:
    body = MessageTemplateSet(step="attended", locale="ru", text=text).to_json()

    with pytest.raises(ValidationError) as refused:
        MessageTemplateSet.from_json(body)

    assert [error["loc"] for error in refused.value.errors()] == [("text",)]


def test_a_backslash_before_u0000_is_an_ordinary_text() -> None:
    written = MessageTemplateSet(step="attended", locale="ru", text=r"C:\u0000")

    assert MessageTemplateSet.from_json(written.to_json()) == written
