"""One trace from a click to its Telegram message, through all five services; and nothing personal in any."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

import pytest
from contracts.topology import SERVICES
from local_stack.environments import DEMO_BOT_TOKEN
from servicekit.span_testing import Seen, tree
from world.collector import Collector, collecting
from world.desk import Desk
from world.people import Cast, Person
from world.streams import Crowd
from world.system import World
from world.telegram import Telegram

TITLE = "След одного нажатия"
FINISH = "POST /webinar/v1/finish"
STOP = "POST /admin_webinar/{webinar_id}/stop"
TELEGRAM = "POST /bot{token}/sendMessage"
FROM_VERDICT_TO_TELEGRAM = [
    "attendance: create client_webinar_attendance_classified",
    "post-webinar: process client_webinar_attendance_classified",
    "post-webinar: create post_webinar_route",
    "post-webinar: process post_webinar_route",
    "post-webinar: deliver message",
    f"post-webinar: {TELEGRAM}",
]
FROM_FINISH = [
    f"room-ui: {FINISH}",
    "room-ui: create room_finish",
    "tracker: process room_finish",
    "tracker: create webinar_completed",
    "attendance: process webinar_completed",
    *FROM_VERDICT_TO_TELEGRAM,
]
FROM_STOP = [
    f"room-ui: {STOP}",
    "room-ui: core-webinar/core_webinar_set_status",
    "core-webinar: core-webinar/core_webinar_set_status",
    "core-webinar: create webinar_event",
    "tracker: process webinar_event",
    "tracker: finalise",
    "tracker: create client_webinar_attendance_evaluate",
    "attendance: process client_webinar_attendance_evaluate",
    *FROM_VERDICT_TO_TELEGRAM,
]


@contextmanager
def restarted_with(world: World, settings: Mapping[str, str]) -> Iterator[None]:
    """Run all services with further settings for a while."""
    processes = [world.stack.service(name) for name in SERVICES]
    usual = [process.environment for process in processes]

    def restart(environments: list[Mapping[str, str]]) -> None:
        for process in processes:
            process.stop()
        for process, environment in zip(processes, environments, strict=True):
            process.environment = environment
            process.launch()
        for process in processes:
            process.wait()

    try:
        restart([{**environment, **settings} for environment in usual])
        yield
    finally:
        restart(usual)


@pytest.fixture
def collector(world: World) -> Iterator[Collector]:
    """Takes the traces of all services."""
    with collecting() as collector:
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        with restarted_with(world, settings):
            yield collector


def not_sent(trace: list[Seen]) -> list[str]:
    """Return what was created in a trace and not sent in it."""
    sent = {span.parent_id for span in trace if span.name.startswith("send ")}
    return [span.name for span in trace if span.name.startswith("create ") and span.span_id not in sent]


def told(way: list[Seen]) -> list[str]:
    return [f"{span.service}: {span.name}" for span in way]


def test_one_trace_leads_from_a_click_to_its_telegram_message(
    world: World, cast: Cast, desk: Desk, telegram: Telegram, collector: Collector
) -> None:
    _, [finishes, leaves] = cast.family(2, linked=True)
    webinar_id = desk.plan(TITLE)
    crowd = Crowd(world.background, world.base_url, webinar_id)
    crowd.join({person.login: cast.caller(person).cookies() for person in (finishes, leaves)})
    started = desk.start(webinar_id)
    for person in (finishes, leaves):
        _say(cast, person, "seen", webinar_id)
    world.let_run(started, 5)
    crowd.leave(leaves.login)
    # Long enough for the press itself to complete, and not a presence report that comes after it.
    world.let_run(started, 12)
    _say(cast, finishes, "finish", webinar_id)
    facts = world.facts(webinar_id)
    facts.wait_for("client_webinar_attendance_classified", finishes)
    desk.stop(webinar_id)
    for person in (finishes, leaves):
        telegram.wait_for(person.chat_id or 0, TITLE)
        facts.wait_for_delivery(person, "attended" if person is finishes else "not_attended", "sent")
    crowd.leave()

    click = collector.wait_for(lambda span: span.name == FINISH, FINISH)
    message = _message_of(collector, click, world, webinar_id, finishes)
    assert told(collector.way_to(message)) == FROM_FINISH
    stop = collector.wait_for(lambda span: span.name == STOP, STOP)
    message = _message_of(collector, stop, world, webinar_id, leaves)
    assert told(collector.way_to(message)) == FROM_STOP

    # What was written into an outbox was sent on from there by the relay, in the same trace.
    trace = collector.wait_for_trace(stop.trace_id, not_sent)
    drawn = "\n".join(tree(trace))
    assert {span.service for span in trace} == set(SERVICES), drawn
    assert [span.name for span in trace if span.failed] == [], drawn
    assert "core-webinar: INSERT webinar" in told(trace), drawn
    # The press of the one is no part of the stop of the other, and each log tells where it belongs.
    assert click.trace_id != stop.trace_id
    logs = {service: (world.stack.logs / f"{service}.log").read_text(encoding="utf-8") for service in SERVICES}
    assert [service for service, text in logs.items() if stop.trace_id not in text] == []

    people = [finishes, leaves, cast.admin, cast.speaker]
    secrets = {
        *(word for person in people for word in (person.name, person.account_id)),
        *(value for person in people for value in cast.caller(person).cookies().values()),
        *(cast.caller(person).token for person in people),
        *(person.link.rstrip("/").rpartition("/")[2] for person in people if person.link),
        *(str(person.chat_id) for person in people if person.chat_id),
        *(said.token for said in world.wire.everything if said.token),
        *(finishes.login, leaves.login, TITLE, DEMO_BOT_TOKEN, "youtube"),
    }
    assert len(collector.raw) > 50_000
    assert [secret for secret in secrets if secret.encode() in collector.raw] == []


def _say(cast: Cast, person: Person, word: str, webinar_id: UUID) -> None:
    answer = cast.caller(person).say(f"/webinar/v1/{word}", {"webinar_id": str(webinar_id)})
    assert answer.status_code == 200, answer.text


def _message_of(collector: Collector, click: Seen, world: World, webinar_id: UUID, person: Person) -> Seen:
    """Return the request to Telegram in a click's trace: that of the person's message, by the ids of the ledger."""
    [row] = world.ledger.rows(
        "post-webinar",
        "select traceparent from delivery where webinar_id = $1 and lead_id = $2 and recipient = 'candidate'",
        webinar_id,
        person.account_id,
    )
    assert row["traceparent"], "the message was planned outside of any trace"
    _, trace_id, span_id, _ = row["traceparent"].split("-")
    assert trace_id == click.trace_id, "the message belongs to another trace than the click"
    delivery = collector.wait_for(
        lambda span: span.name == "deliver message" and span.parent_id == span_id, "the delivery of the message"
    )
    return collector.wait_for(
        lambda span: span.name == TELEGRAM and span.parent_id == delivery.span_id, "the request to Telegram"
    )
