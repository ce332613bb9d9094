"""The table of topics: who says what to whom. Written out here once more, so that a change is made on purpose."""

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from contracts import Command, Fact, Message, Role, Signal, Snapshot
from contracts.consumers import UnknownQueueError, consumers_in
from contracts.topology import (
    OWN_TOPICS,
    SERVICES,
    THE_FIVE,
    TOPIC_OF,
    TOPICS,
    Queue,
    instance_topics_of,
    public_topics,
    queues_of,
    topics_said_by,
    with_consumers,
)

FIVE = {"core-webinar", "room-ui", "tracker", "attendance", "post-webinar"}

# topic: (kind, said by, heard by, public)
TABLE = {
    "core_webinar_upsert": ("command", {"room-ui"}, {"core-webinar"}, False),
    "core_webinar_set_status": ("command", {"room-ui"}, {"core-webinar"}, False),
    "core_webinar_set_cta_visibility": ("command", {"room-ui"}, {"core-webinar"}, False),
    "message_template_set": ("command", {"room-ui"}, {"post-webinar"}, False),
    "chat_link_requested": ("command", {"room-ui"}, {"post-webinar"}, False),
    "post_webinar_followup_control": ("command", {"room-ui"}, {"post-webinar"}, False),
    "webinar_event": ("snapshot", {"core-webinar"}, FIVE - {"core-webinar"}, True),
    "webinar_started": ("fact", {"core-webinar"}, set(), True),
    "webinar_finished": ("fact", {"core-webinar"}, set(), True),
    "account_event": ("snapshot", {"room-ui"}, {"core-webinar", "post-webinar"}, False),
    "client_webinar_entered": ("fact", {"tracker"}, {"attendance", "room-ui"}, True),
    "client_webinar_completed": ("fact", {"tracker"}, set(), True),
    "webinar_completed": ("fact", {"tracker"}, {"attendance"}, True),
    "client_webinar_attendance_evaluate": ("fact", {"tracker"}, {"attendance"}, False),
    "client_webinar_attendance_classified": ("fact", {"attendance"}, {"post-webinar", "room-ui"}, True),
    "user_attended": ("fact", {"attendance"}, set(), True),
    "post_webinar_route": ("fact", {"post-webinar"}, {"post-webinar"}, True),
    "post_webinar_delivery": ("snapshot", {"post-webinar"}, {"room-ui"}, True),
    "chat_link_event": ("snapshot", {"post-webinar"}, {"room-ui"}, False),
    "message_template_event": ("snapshot", {"post-webinar"}, {"room-ui"}, False),
    "participation_event": ("snapshot", {"tracker"}, {"room-ui"}, False),
    "cta_shown": ("fact", {"room-ui"}, {"room-ui"}, True),
    "cta_clicked": ("fact", {"room-ui"}, {"room-ui"}, True),
    "room_presence": ("signal", {"room-ui"}, {"tracker"}, False),
    "room_finish": ("fact", {"room-ui"}, {"tracker"}, False),
    "snapshot_requested": ("signal", FIVE, FIVE - {"attendance"}, False),
}


def declared_messages() -> set[type[Message]]:
    found: set[type[Message]] = set()
    waiting: list[type[Message]] = [Message]
    while waiting:
        message = waiting.pop()
        waiting += message.__subclasses__()
        if message.__module__.startswith("contracts."):
            found.add(message)
    return {one for one in found - {Message, Fact, Snapshot, Signal, Command} if not one.__name__.startswith("_")}


def test_the_topology_is_the_table() -> None:
    found = {topic.name: (topic.kind, set(topic.said_by), set(topic.heard_by), topic.public) for topic in OWN_TOPICS}

    assert found == TABLE


def test_a_topic_is_declared_once() -> None:
    assert len({topic.name for topic in OWN_TOPICS}) == len(OWN_TOPICS)
    assert len(TOPIC_OF) == len(TOPICS)


def test_every_message_has_its_topic_and_every_topic_its_message() -> None:
    assert declared_messages() == set(TOPIC_OF)


@pytest.mark.parametrize("topic", OWN_TOPICS, ids=lambda topic: topic.name)
def test_a_class_is_its_topic_in_cap_words(topic: object) -> None:
    message = topic.message  # type: ignore[attr-defined]

    assert "".join(word.capitalize() for word in message.topic.split("_")) == message.__name__


def test_nothing_out_of_scope_is_declared() -> None:
    absent = {"client_webinar_registered", "client_webinar_left", "client_webinar_form_submitted"}
    words = ("autowebinar", "payment", "referral", "crm", "signup", "moderator")

    assert not absent & {topic.name for topic in OWN_TOPICS}
    assert not [topic.name for topic in OWN_TOPICS if any(word in topic.name for word in words)]
    assert {role.value for role in Role} == {"admin", "speaker", "partner", "candidate"}


def test_commands_and_presence_have_no_dead_letters() -> None:
    without = {topic.name for topic in OWN_TOPICS if not topic.has_dead_letters}

    assert without == {name for name, row in TABLE.items() if row[0] == "command"} | {"room_presence"}


def test_a_queue_is_named_by_its_service_and_topic() -> None:
    names = {queue.name: queue.dead_letter_queue for service in THE_FIVE for queue in queues_of(service)}

    assert set(names) == {f"{service}.{topic}" for topic, row in TABLE.items() for service in row[2]}
    assert names["attendance.webinar_completed"] == "attendance.webinar_completed.dlq"
    assert names["core-webinar.core_webinar_upsert"] is None
    assert names["tracker.room_presence"] is None


def test_a_command_has_one_receiver() -> None:
    assert [topic.name for topic in OWN_TOPICS if topic.is_command and len(topic.heard_by) != 1] == []


def test_an_owner_of_snapshots_hears_the_request_for_them() -> None:
    owners = {service for topic in OWN_TOPICS if topic.kind == "snapshot" for service in topic.said_by}

    assert owners == TABLE["snapshot_requested"][2]


def test_only_instances_of_room_ui_hear_on_queues_of_their_own() -> None:
    found = {service: {topic.name for topic in instance_topics_of(service)} for service in THE_FIVE}

    assert found == {service: set() for service in FIVE} | {"room-ui": {"webinar_event", "room_presence"}}


def test_what_is_public_is_a_fact() -> None:
    public = {topic.name: topic.kind for topic in public_topics()}

    assert set(public) == {name for name, row in TABLE.items() if row[3]}
    assert set(public.values()) == {"fact", "snapshot"}


def test_a_service_may_say_its_own_topics_only() -> None:
    assert {topic.name for topic in topics_said_by("attendance")} == {
        "client_webinar_attendance_classified",
        "user_attended",
        "snapshot_requested",
    }


def test_a_service_that_joins_gets_a_queue() -> None:
    topics = with_consumers(OWN_TOPICS, [("crm", "user_attended"), ("crm", "webinar_event")])

    joined = {topic.name: topic for topic in topics}
    assert joined["user_attended"].heard_by == ("crm",)
    assert joined["webinar_event"].heard_by[-1] == "crm"
    assert Queue("crm", joined["user_attended"]).dead_letter_queue == "crm.user_attended.dlq"
    assert [topic.name for topic in topics] == [topic.name for topic in OWN_TOPICS]


@pytest.mark.parametrize(
    "queue",
    [
        ("crm", "no_such_topic"),
        ("crm", "core_webinar_upsert"),
        ("crm", "room_presence"),
        ("tracker", "user_attended"),
    ],
)
def test_what_no_service_can_join_for_is_refused(queue: tuple[str, str]) -> None:
    with pytest.raises(UnknownQueueError, match=f"{queue[0]}.{queue[1]}"):
        with_consumers(OWN_TOPICS, [queue])


def test_entry_points_name_queues() -> None:
    def named(*names: str) -> list[EntryPoint]:
        return [EntryPoint(name, "crm.handlers", "webinars.consumers") for name in names]

    assert consumers_in(named("crm.user_attended", "crm.cta_clicked", "crm.user_attended")) == (
        ("crm", "cta_clicked"),
        ("crm", "user_attended"),
    )
    with pytest.raises(UnknownQueueError, match="crm"):
        consumers_in(named("crm"))


def test_an_installed_distribution_joins_by_its_entry_points(tmp_path: Path) -> None:
    packaging = tmp_path / "webinar_crm-1.0.dist-info"
    packaging.mkdir()
    (packaging / "METADATA").write_text("Metadata-Version: 2.1\nName: webinar-crm\nVersion: 1.0\n")
    (packaging / "entry_points.txt").write_text("[webinars.consumers]\ncrm.user_attended = crm.handlers\n")
    code = (
        "from contracts.topology import SERVICES, queues_of, topics_said_by;"
        "print(SERVICES[-1], *(q.name for q in queues_of('crm')), *(t.name for t in topics_said_by('crm')))"
    )

    said = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout.split() == ["crm", "crm.user_attended", "snapshot_requested"]
    assert "crm" not in SERVICES


def test_the_documents_are_of_the_five_whoever_is_installed(tmp_path: Path) -> None:
    packaging = tmp_path / "webinar_crm-1.0.dist-info"
    packaging.mkdir()
    (packaging / "METADATA").write_text("Metadata-Version: 2.1\nName: webinar-crm\nVersion: 1.0\n")
    (packaging / "entry_points.txt").write_text("[webinars.consumers]\ncrm.user_attended = crm.handlers\n")
    code = "from contracts.docs import documents; print(*documents().values())"

    with_crm, without = (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
        for environment in (os.environ | {"PYTHONPATH": str(tmp_path)}, dict(os.environ))
    )

    assert with_crm == without
