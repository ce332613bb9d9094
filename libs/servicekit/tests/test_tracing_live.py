"""Traces over a real broker: from row to relay to handler, by every way that a message can take."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    CAPABILITIES,
    Capability,
    ClientWebinarAttendanceEvaluate,
    CommandReply,
    CoreWebinarSetStatus,
    ErrorCode,
    Role,
    StatusContext,
    UserAttended,
    session_id_of,
)
from contracts.topology import ATTENDANCE, CORE_WEBINAR, DELAY_SECONDS, ROOM_UI
from opentelemetry.trace import SpanKind
from servicekit import Actor, Database, Heard, Obeyed, Refused, Router, Service, ServiceSettings, Work, tracing
from servicekit.dead_letters import read_dead_letters, replay
from servicekit.live_testing import Outside, running
from servicekit.span_testing import Seen, Spans, recorded_spans
from servicekit.testing import NOON, SIGNING_KEY, VERIFY_KEYS, eventually

WEBINAR = UUID(int=7)
QUEUE = f"{ATTENDANCE}.{ClientWebinarAttendanceEvaluate.topic}"
CREATE, SEND, PROCESS = (f"{word} {ClientWebinarAttendanceEvaluate.topic}" for word in ("create", "send", "process"))


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as spans:
        yield spans


def evaluation(lead: str) -> ClientWebinarAttendanceEvaluate:
    session = session_id_of(lead, WEBINAR)
    return ClientWebinarAttendanceEvaluate(
        lead_id=lead, webinar_id=WEBINAR, session_id=session, watched_seconds=10, base_seconds=60
    )


def settings(database: str, broker: str) -> ServiceSettings:
    return ServiceSettings(
        service_database_url=database, service_rabbitmq_url=broker, ops_port=0, instance_id=uuid4().hex
    )


class Attendance:
    """Says one fact for each evaluation; fails as long as `trouble` is set."""

    def __init__(self, database: str, broker: str) -> None:
        self.trouble: Exception | None = None
        router = Router(ATTENDANCE)
        router.hears(ClientWebinarAttendanceEvaluate)(self.classify)
        self.service = Service(ATTENDANCE, settings=settings(database, broker), router=router, migrations=None)

    async def classify(self, evaluations: Sequence[Heard[ClientWebinarAttendanceEvaluate]], work: Work) -> None:
        if self.trouble is not None:
            raise self.trouble
        for heard in evaluations:
            work.announce(UserAttended(lead_id=heard.event.lead_id, webinar_id=WEBINAR, timestamp=NOON), cause=heard)


async def click(database: Database, lead: str) -> None:
    with tracing.beginning("click", SpanKind.SERVER, {}):
        async with database.work() as work:
            work.announce(evaluation(lead))


async def wait_for(spans: Spans, name: str, count: int = 1, *, trace_id: str | None = None) -> list[Seen]:
    found: list[Seen] = []

    async def has_come() -> bool:
        found[:] = [span for span in spans.named(name) if trace_id in {None, span.trace_id}]
        return len(found) >= count

    await eventually(has_come, what=f"{count} × {name}")
    return found


async def test_the_relay_sends_a_row_in_its_trace_and_whoever_hears_it_goes_on_there(
    kit_database: str, outside: Outside, spans: Spans
) -> None:
    attendance = Attendance(kit_database, outside.url)
    async with running(attendance.service):
        await click(attendance.service.database, "lead-1")
        [said] = await outside.listener.until(UserAttended.topic)
        [sent_on] = await wait_for(spans, "send user_attended")
    clicked, created, sent, processed = (spans.one(name) for name in ("click", CREATE, SEND, PROCESS))
    created_on = spans.one("create user_attended")
    assert {span.trace_id for span in (clicked, created, sent, processed, created_on, sent_on)} == {clicked.trace_id}
    parents = [
        (created, clicked),
        (sent, created),
        (processed, created),
        (created_on, processed),
        (sent_on, created_on),
    ]
    assert [child.parent_id for child, _ in parents] == [parent.span_id for _, parent in parents]
    # What others get is the context of the creation, by the header that the envelope has for it.
    assert said.headers["traceparent"] == created_on.traceparent
    assert (sent.kind, sent.attributes["messaging.destination.name"]) == (
        "CLIENT",
        f"webinars:{ClientWebinarAttendanceEvaluate.topic}",
    )


async def test_delays_a_dead_letter_and_its_replay_stay_in_the_trace(
    kit_database: str, outside: Outside, spans: Spans
) -> None:
    attendance = Attendance(kit_database, outside.url)
    attendance.trouble = ZeroDivisionError("anna")
    tries = len(DELAY_SECONDS) + 1
    async with running(attendance.service):
        database = attendance.service.database
        await click(database, "lead-1")
        created = (await wait_for(spans, CREATE))[0]

        async def is_dead() -> bool:
            return bool(await read_dead_letters(database, QUEUE))

        await eventually(is_dead, seconds=20, what="the dead letter")
        failed = await wait_for(spans, PROCESS, tries)
        delayed = [span for span in spans.all() if span.name.startswith("send webinars.delay.")]
        attendance.trouble = None
        [letter] = await read_dead_letters(database, QUEUE)
        await replay(database, QUEUE, [letter.id])
        await outside.listener.until(UserAttended.topic)
        handled = (await wait_for(spans, PROCESS, tries + 1))[-1]
    assert [span.attributes.get("webinars.attempt", 0) for span in failed] == list(range(tries))
    assert {(span.failed, span.attributes["error.type"]) for span in failed} == {(True, "ZeroDivisionError")}
    assert [span.name for span in delayed] == [f"send webinars.delay.{level}" for level in range(1, tries)]
    in_trace = [*failed, *delayed, handled, spans.one("create user_attended")]
    assert {span.trace_id for span in in_trace} == {created.trace_id}
    assert {span.parent_id for span in [*failed, *delayed, handled]} == {created.span_id}
    assert not handled.failed
    assert "anna" not in repr(spans.all())


async def test_a_command_and_its_reply_are_one_trace_from_both_ends(
    kit_database: str, outside: Outside, spans: Spans
) -> None:
    router = Router(CORE_WEBINAR)

    @router.obeys(CoreWebinarSetStatus, requires=Capability.WEBINAR_MANAGE_STATUS)
    async def set_status(command: Obeyed[CoreWebinarSetStatus], work: Work) -> CommandReply:
        if command.event.status == "stop":
            raise Refused(ErrorCode.INVALID_STOP, "The webinar of Anna is not on air.")
        work.announce(UserAttended(lead_id="a", webinar_id=WEBINAR, timestamp=NOON), cause=command)
        return CommandReply(ok=True)

    core = Service(
        CORE_WEBINAR,
        settings=settings(kit_database, outside.url),
        router=router,
        migrations=None,
        command_keys=VERIFY_KEYS,
    )
    room = Service(
        ROOM_UI,
        settings=settings(kit_database, outside.url),
        router=Router(ROOM_UI),
        migrations=None,
        command_signing_key=SIGNING_KEY,
    )
    actor = Actor("speaker", CAPABILITIES[Role.SPEAKER])

    async def send(status: str) -> CommandReply:
        assert room.commands is not None
        command = CoreWebinarSetStatus(webinar_id=WEBINAR, status=status, context=StatusContext(source="desk"))
        return await room.commands.send(command, actor=actor, message_id=uuid4())

    async with running(core), running(room):
        with tracing.beginning("click", SpanKind.SERVER, {}):
            assert (await send("start")).ok
        name = f"{CORE_WEBINAR}/{CoreWebinarSetStatus.topic}"
        await wait_for(spans, name, 2)
        await outside.listener.until(UserAttended.topic)
        clicked = spans.one("click")
        server, client = spans.named(name)
        assert (client.kind, server.kind) == ("CLIENT", "SERVER")
        assert (client.parent_id, server.parent_id) == (clicked.span_id, client.span_id)
        assert spans.one(f"send {CoreWebinarSetStatus.topic}").parent_id == client.span_id
        assert spans.one("send webinars.reply").parent_id == server.span_id
        assert spans.one("create user_attended").parent_id == server.span_id
        assert spans.one("UPDATE command_outcome").parent_id == server.span_id
        assert "rpc.response.status_code" not in client.attributes

        spans.clear()
        assert not (await send("stop")).ok
        for refused in await wait_for(spans, name, 2):
            # A refusal is an answer.
            assert not refused.failed
            assert refused.attributes["rpc.response.status_code"] == ErrorCode.INVALID_STOP
        assert "Anna" not in repr(spans.all())


async def test_a_service_stops_in_time_though_its_collector_never_answers(
    kit_database: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Any] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Taken, read, and never answered.
        taken.append(writer)
        await reader.read(-1)

    silent = await asyncio.start_server(take, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "60")
    time = asyncio.get_running_loop().time
    with recorded_spans():
        tracing.configure(ATTENDANCE, instance_id="here")
        attendance = Attendance(kit_database, outside.url)
        async with running(attendance.service):
            await click(attendance.service.database, "lead-1")
            await outside.listener.until(UserAttended.topic)
            began = time()
        took = time() - began
        exporter = tracing._State.provider._active_span_processor._span_processors[0].span_exporter  # type: ignore[union-attr]
        exporter.shutdown()
    silent.close()
    for writer in taken:
        writer.transport.abort()
    assert taken, "nobody has called the collector"
    assert took < 6
