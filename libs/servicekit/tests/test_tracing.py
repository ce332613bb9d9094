"""Traces of one process: what is a span, whose child it is, and what is never in it."""

import asyncio
import io
import json
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from contracts import AccountEvent, ClientWebinarEntered, Role, RoomFinish, RoomPresence, session_id_of
from contracts.examples import example
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind
from servicekit import Database, Heard, HouseClock, Work, tracing
from servicekit.batches import BatchHandling
from servicekit.http_routes import NotesRoute, Routes
from servicekit.jobs import run_job
from servicekit.live_testing import Delivery
from servicekit.logs import configure as configure_logs
from servicekit.logs import get_logger
from servicekit.messages import hear
from servicekit.router import Handler, Hearing
from servicekit.setting_aside import SettingAside
from servicekit.span_testing import Spans, recorded_spans
from servicekit.testing import NOON, eventually
from servicekit.traced_database import summary
from servicekit.traced_http import TracedRequests
from servicekit.traced_messages import MOST_RECORDED
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

WEBINAR = UUID(int=7)
QUEUE = "attendance.client_webinar_entered"


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as spans:
        yield spans


@pytest.fixture
async def database(kit_database: str) -> AsyncIterator[Database]:
    """Opened by the test, when traces are on or off."""
    database = Database(kit_database, HouseClock(), pool_size=3)
    yield database
    await database.close()


def press(lead: str = "lead-1") -> RoomFinish:
    return RoomFinish(lead_id=lead, webinar_id=WEBINAR, at=NOON)


def entered(lead: str) -> ClientWebinarEntered:
    session = session_id_of(lead, WEBINAR)
    return ClientWebinarEntered(lead_id=lead, webinar_id=WEBINAR, session_id=session, timestamp=NOON)


def somewhere(trace: int, *, sampled: bool = True) -> str:
    return f"00-{trace:032x}-{trace:016x}-0{int(sampled)}"


def heard(traceparent: str | None) -> Heard[Any]:
    return Heard(press(), UUID(int=1), "story", NOON, "room-ui", traceparent=traceparent)


async def carried(database: Database) -> list[str]:
    """The contexts that the rows of the outbox carry, in their order."""
    return [row["traceparent"] for row in await database.pool.fetch("select traceparent from outbox order by seq")]


# --- on and off --------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No variable of OpenTelemetry's; what a test switches on is switched off after it."""
    with recorded_spans():
        tracing._State.provider = tracing._State.tracer = None
        yield monkeypatch
        if (provider := given_provider()) is not None:
            provider.shutdown()


def given_provider() -> Any:
    """What `configure` has made."""
    return tracing._State.provider


def test_without_an_endpoint_nothing_is_written(nothing_set: pytest.MonkeyPatch) -> None:
    tracing.configure("tracker", instance_id="here")
    assert not tracing.is_on()
    with tracing.beginning("work", SpanKind.INTERNAL, {}) as span:
        assert span is None
        assert tracing.current() is None


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "tracker"),
        ({"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=ours,deployment.environment.name=test"}, "ours"),
    ],
)
def test_an_endpoint_switches_traces_on_in_the_name_of_the_service(
    nothing_set: pytest.MonkeyPatch, given: dict[str, str], name: str
) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for variable, value in given.items():
        nothing_set.setenv(variable, value)
    tracing.configure("tracker", instance_id="here")
    assert tracing._State.provider is not None
    resource = tracing._State.provider.resource.attributes
    assert (resource["service.name"], resource["service.instance.id"]) == (name, "here")


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "'collector:4318' is no address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://host:port", "'http://host:port' is no address"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1", "'http://[::1' is no address"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "'grpc' is not spoken here"),
        ("OTEL_TRACES_SAMPLER", "one_in_ten", "OTEL_TRACES_SAMPLER: 'one_in_ten' is none of always_off"),
        ("OTEL_TRACES_SAMPLER_ARG", "1%", "OTEL_TRACES_SAMPLER_ARG: '1%' is no number from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "10", "OTEL_TRACES_SAMPLER_ARG: '10' is no number from 0 to 1"),
        ("OTEL_TRACES_SAMPLER_ARG", "nan", "OTEL_TRACES_SAMPLER_ARG: 'nan' is no number from 0 to 1"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000", "max_export_batch_size"),
    ],
)
def test_a_bad_variable_is_named_and_the_service_works_without_traces(
    nothing_set: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str, words: str
) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    nothing_set.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    nothing_set.setenv(variable, value)
    tracing.configure("tracker", instance_id="here")
    assert not tracing.is_on()
    assert words in caplog.text


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"])
@pytest.mark.parametrize(
    "value",
    [
        "Authorization:Bearer c2VjcmV0",
        "Authorization: Bearer c2VjcmV0==",
        "a=b, c2VjcmV0",
        'a=b,c="c2VjcmV0"',
        "a=c2VjcmV0;",
    ],
)
def test_headers_that_make_no_sense_are_told_of_without_what_they_hold(
    nothing_set: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    nothing_set.setenv(name, value)
    tracing.configure("tracker", instance_id="here")
    assert not tracing.is_on()
    assert f"{name} is not of the form name=value" in caplog.text
    assert "c2VjcmV0" not in caplog.text


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_SAMPLER", ""),
        ("OTEL_TRACES_SAMPLER", "Always_On"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ("OTEL_TRACES_SAMPLER_ARG", ""),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer c2VjcmV0==, x-scope = a%20b,"),
    ],
)
def test_variables_that_make_sense_switch_nothing_off(
    nothing_set: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variable: str, value: str
) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    nothing_set.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    nothing_set.setenv(variable, value)
    tracing.configure("tracker", instance_id="here")
    assert tracing.is_on()
    assert "c2VjcmV0" not in caplog.text


@pytest.mark.parametrize(("variable", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_variables_that_switch_off_do(nothing_set: pytest.MonkeyPatch, variable: str, value: str) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    nothing_set.setenv(variable, value)
    tracing.configure("tracker", instance_id="here")
    assert not tracing.is_on()


async def test_without_traces_messages_go_on_with_the_context_that_they_came_with(database: Database) -> None:
    await database.open()
    async with database.work() as work:
        work.announce(press(), cause=heard(somewhere(5)))
        work.announce(press("lead-2"))
        assert type(work.connection._con) is asyncpg.Connection
    first, second = await carried(database)
    assert first == somewhere(5)
    assert tracing.context_of(second) is not None


# --- a collector that is away ------------------------------------------------------------------------------------


async def test_a_collector_that_never_answers_holds_nothing_up_and_fills_no_log(
    nothing_set: pytest.MonkeyPatch, database: Database
) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        nothing_set.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "5")
        nothing_set.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        written = io.StringIO()
        handler = logging.getLogger().handlers[0]
        assert isinstance(handler, logging.StreamHandler)
        before = handler.setStream(written)
        try:
            tracing.configure("tracker", instance_id="here")
            await database.open()
            longest = await _longest_wait_while_spans_are_written(20_000)
            began = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await tracing.flush()
            assert time.monotonic() - began < 1
        finally:
            handler.setStream(before)
            # It would go on trying for as long as this test has taken.
            given_provider()._active_span_processor._span_processors[0].span_exporter.shutdown()
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    # Whoever waited for the collector would wait for its five seconds.
    assert longest < 3
    assert 1 <= len(lines) < 20, lines
    assert {line["level"] for line in lines} <= {"info", "warning"}


async def _longest_wait_while_spans_are_written(count: int) -> float:
    longest = 0.0
    for _ in range(count // 100):
        began = time.monotonic()
        for _ in range(100):
            with tracing.beginning("work", SpanKind.INTERNAL, {}):
                pass
        await asyncio.sleep(0)
        longest = max(longest, time.monotonic() - began)
    return longest


def test_a_collector_that_refuses_is_told_of_a_few_times_and_as_a_warning(nothing_set: pytest.MonkeyPatch) -> None:
    nothing_set.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    nothing_set.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.01")
    written = io.StringIO()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    before = handler.setStream(written)
    try:
        tracing.configure("tracker", instance_id="here")
        assert tracing._State.provider is not None
        for _ in range(30):
            with tracing.beginning("work", SpanKind.INTERNAL, {}):
                pass
            tracing._State.provider.force_flush()
    finally:
        handler.setStream(before)
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    exporting = [line for line in lines if "export" in line["event"]]
    assert 1 <= len(exporting) <= 10, exporting
    assert {line["level"] for line in exporting} == {"warning"}


# --- announcing --------------------------------------------------------------------------------------------------


async def test_a_message_carries_the_context_of_its_creation_in_the_trace_of_what_is_done(
    database: Database, spans: Spans
) -> None:
    await database.open()
    with tracing.beginning("click", SpanKind.SERVER, {}):
        async with database.work() as work:
            message_id = work.announce(press())
    click, created = spans.one("click"), spans.one("create room_finish")
    assert (created.trace_id, created.parent_id, created.kind) == (click.trace_id, click.span_id, "PRODUCER")
    assert await carried(database) == [created.traceparent]
    assert created.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "create",
        "messaging.operation.type": "create",
        "messaging.destination.name": "webinars:room_finish",
        "messaging.message.id": str(message_id),
        "messaging.message.conversation_id": str(WEBINAR),
    }


async def test_a_message_goes_on_in_the_trace_of_its_cause_or_of_what_it_is_the_outcome_of(
    database: Database, spans: Spans
) -> None:
    await database.open()
    async with database.work() as work:
        work.announce(press("of the cause"), cause=heard(somewhere(1)))
        work.announce(press("of a row"), cause=heard(somewhere(1)), continues=somewhere(2))
    caused, continued = spans.named("create room_finish")
    assert (caused.trace_id, caused.links) == (f"{1:032x}", [])
    assert (continued.trace_id, continued.links) == (f"{2:032x}", [(f"{1:032x}", f"{1:016x}")])


def test_what_several_rows_led_to_goes_on_in_the_first_ones_trace_and_links_to_the_others(spans: Spans) -> None:
    rows = [None, somewhere(1), somewhere(2), somewhere(1), somewhere(3, sampled=False)]
    with tracing.continuing("deliver", rows), tracing.continuing("nobody's", [None, somewhere(3, sampled=False)]):
        pass
    [delivered] = spans.all()
    assert (delivered.trace_id, delivered.parent_id) == (f"{1:032x}", f"{1:016x}")
    assert delivered.links == [(f"{2:032x}", f"{2:016x}")]


async def test_what_a_row_that_is_left_out_leads_to_is_left_out_as_well(database: Database, spans: Spans) -> None:
    await database.open()
    with tracing.continuing("finalise", [None, somewhere(3, sampled=False), somewhere(4, sampled=False)]) as span:
        assert span is None
        async with database.work() as work:
            work.announce(press())
    assert await carried(database) == [somewhere(3, sampled=False)]
    assert spans.all() == []


async def test_what_a_job_says_by_itself_is_one_trace_a_run_and_nothing_said_is_none(
    database: Database, spans: Spans
) -> None:
    await database.open()

    async def idle(work: Work) -> None:
        await work.connection.execute("select 1")

    async def tell(work: Work) -> None:
        work.announce(press("a"))
        work.announce(press("b"))

    await run_job(database, idle, "idle")
    assert spans.all() == []
    await run_job(database, tell, "tell")
    run = spans.one("tell")
    assert run.parent_id is None
    assert [span.parent_id for span in spans.named("create room_finish")] == [run.span_id] * 2


async def test_what_is_rolled_back_was_never_created(database: Database, spans: Spans) -> None:
    await database.open()

    async def tell_and_fail(work: Work) -> None:
        work.announce(press())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await run_job(database, tell_and_fail, "tell")
    assert spans.all() == []


async def test_of_thousands_for_one_cause_the_first_are_recorded_and_all_keep_its_trace(
    database: Database, spans: Spans
) -> None:
    await database.open()
    async with database.work() as work:
        for number in range(3 * MOST_RECORDED):
            work.announce(press(f"of the stop {number}"), cause=heard(somewhere(1)))
            work.announce(press(f"by itself {number}"), cause=heard(somewhere(1000 + number)))
    found = await carried(database)
    of_stop, by_itself = found[::2], found[1::2]
    assert {one.split("-")[1] for one in of_stop} == {f"{1:032x}"}
    assert [one[-2:] for one in of_stop] == ["01"] * MOST_RECORDED + ["00"] * 2 * MOST_RECORDED
    assert {one[-2:] for one in by_itself} == {"01"}
    assert [tracing.is_sampled(one) for one in (*of_stop[98:102], "", "00-nonsense-01")] == [True] * 2 + [False] * 4
    assert len(spans.all()) == 4 * MOST_RECORDED


async def test_what_is_not_sampled_is_not_recorded_further_on_either(database: Database) -> None:
    with recorded_spans(ParentBased(ALWAYS_OFF)) as spans:
        await database.open()
        with tracing.beginning("click", SpanKind.SERVER, {}):
            async with database.work() as work:
                work.announce(press())
        [traceparent] = await carried(database)
    assert spans.all() == []
    assert not int(traceparent[-2:], 16) & 1


# --- statements --------------------------------------------------------------------------------------------------


async def test_statements_are_spans_without_values_and_only_inside_of_one(database: Database, spans: Spans) -> None:
    await database.open()
    await database.pool.execute("create table person (login text unique)")
    assert spans.all() == []
    with tracing.beginning("click", SpanKind.SERVER, {}):
        async with database.work() as work:
            await work.connection.execute("insert into person values ($1)", "anna@example.org")
            assert await work.connection.fetchval("select login from person where login = $1", "anna@example.org")
            await work.connection.executemany("update person set login = $1", [("anna-maria",)])
            await work.connection.fetch("select * from person")
            await work.connection.fetchrow("delete from person where login = $1 returning login", "anna-maria")
    click = spans.one("click")
    below = [span for span in spans.all() if span.parent_id == click.span_id]
    assert [span.name for span in below] == [
        "BEGIN",
        "INSERT person",
        "SELECT person",
        "UPDATE person",
        "SELECT person",
        "DELETE person",
        "COMMIT",
    ]
    assert {span.kind for span in below} == {"CLIENT"}
    inserted = below[1].attributes
    assert inserted["db.query.text"] == "insert into person values ($1)"
    assert (inserted["db.system.name"], inserted["db.namespace"]) == (
        "postgresql",
        database.url.rpartition("/")[2],
    )
    assert "anna" not in repr(spans.all())


async def test_of_a_failed_statement_the_span_has_the_class_of_the_error_and_none_of_its_words(
    database: Database, spans: Spans
) -> None:
    await database.open()
    await database.pool.execute("create table person (login text unique)")
    await database.pool.execute("insert into person values ('anna')")
    with pytest.raises(asyncpg.UniqueViolationError, match="login"), tracing.beginning("click", SpanKind.SERVER, {}):
        await database.pool.execute("insert into person values ($1)", "anna")
    failed = spans.one("INSERT person")
    assert (failed.failed, failed.attributes["error.type"]) == (True, "UniqueViolationError")
    assert "anna" not in repr([(span.name, span.attributes) for span in spans.all()])
    assert [span.events for span in spans._exporter.get_finished_spans()] == [(), ()]


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("select 1", "SELECT"),
        ("COMMIT;", "COMMIT"),
        ("\n insert into outbox (a)\nselect * from unnest($1::text[])", "INSERT outbox"),
        ("select * from unnest($1) as a join verdict", "SELECT"),
        ('delete from "user" where x', "DELETE user"),
        ("with chosen as (select d.id from delivery d for update skip locked) update delivery d", "WITH delivery"),
        ("", ""),
    ],
)
def test_a_statement_is_named_by_what_it_does_to_which_table(statement: str, name: str) -> None:
    assert summary(statement) == name


# --- batches -----------------------------------------------------------------------------------------------------


class Nobody:
    """No message is to be delayed here."""


def handling(database: Database, handler: Handler) -> BatchHandling:
    return BatchHandling(
        QUEUE,
        Hearing(ClientWebinarEntered, handler, 200),
        handler,
        database,
        SettingAside(database, Nobody()),  # type: ignore[arg-type]
    )


async def settle(_: Sequence[Any]) -> None:
    return None


def came(lead: str, traceparent: object) -> Any:
    return Delivery.of(entered(lead), headers={"traceparent": traceparent} if traceparent else {})


async def tell_account(heard: Sequence[Heard[ClientWebinarEntered]], work: Work) -> None:
    """Say something for each message, by its cause."""
    for one in heard:
        event = AccountEvent(
            account_id=one.event.lead_id, display_name="x", role=Role.CANDIDATE, locale="ru", active=True, version=1
        )
        work.announce(event, cause=one)


async def test_a_message_alone_is_worked_on_in_its_own_trace(database: Database, spans: Spans) -> None:
    await database.open()
    await handling(database, tell_account).handle([came("a", somewhere(1))], settle)
    process = spans.one("process client_webinar_entered")
    assert (process.kind, process.trace_id, process.parent_id) == ("CONSUMER", f"{1:032x}", f"{1:016x}")
    created = spans.one("create account_event")
    assert (created.trace_id, created.parent_id) == (process.trace_id, process.span_id)
    assert spans.one("INSERT outbox").parent_id == process.span_id
    assert spans.one("COMMIT").parent_id == process.span_id


NO_CONTEXTS: list[object] = [
    5, ["00"], b"\xff\xfe", "x" * 55, "x" * 54 + "0", "\0" * 55, "9" * 100_000, somewhere(0),
    somewhere(0xABC).upper(), somewhere(1) + "\n", f" {somewhere(1)}", somewhere(1)[:-1] + "٣",
]  # fmt: skip


@pytest.mark.parametrize("recorded", [True, False])
async def test_what_is_no_context_is_neither_kept_nor_a_reason_to_refuse_a_message(
    database: Database, recorded: bool
) -> None:
    await database.open()
    raws = [came(f"lead-{number}", junk) for number, junk in enumerate(NO_CONTEXTS)]
    with recorded_spans() if recorded else nullcontext():
        await handling(database, tell_account).handle(raws, settle)
    assert [hear(raw, ClientWebinarEntered).traceparent for raw in raws] == [None] * len(raws)
    assert await database.pool.fetchval("select count(*) from dead_letter") == 0
    said = await carried(database)
    assert len(said) == len(raws)
    assert {len(one) for one in said} == {55}
    assert all(tracing.context_of(one) is not None for one in said)


async def test_in_a_batch_each_message_stays_in_its_trace_and_the_work_is_linked_to_all(
    database: Database, spans: Spans
) -> None:
    await database.open()
    raws = [came("a", somewhere(1)), came("b", somewhere(2)), came("c", None), came("d", somewhere(3))]
    await handling(database, tell_account).handle(raws, settle)
    processed = {span.trace_id: span for span in spans.named("process client_webinar_entered")}
    assert sorted(processed) == [f"{number:032x}" for number in (1, 2, 3)]
    batch = spans.one(f"batch {QUEUE}")
    first, *others = (processed[f"{number:032x}"] for number in (1, 2, 3))
    assert (batch.trace_id, batch.parent_id) == (first.trace_id, first.span_id)
    assert batch.links == [(span.trace_id, span.span_id) for span in others]
    assert [span.links for span in others] == [[(batch.trace_id, batch.span_id)]] * 2
    assert batch.attributes["messaging.batch.message_count"] == 4
    assert spans.one("INSERT outbox").parent_id == batch.span_id
    created = {span.trace_id: span.parent_id for span in spans.named("create account_event")}
    assert {trace: created[trace] for trace in processed} == {trace: one.span_id for trace, one in processed.items()}
    # What came without a trace begins one where something comes of it.
    [root] = [span for span in spans.all() if span.parent_id is None]
    assert root.name == "handle client_webinar_entered"
    assert len(created) == 4


async def test_what_was_not_sampled_where_it_began_is_not_recorded_here_and_keeps_its_trace(
    database: Database, spans: Spans
) -> None:
    await database.open()
    raws = [came("a", somewhere(1, sampled=False)), came("b", somewhere(2)), came("c", "00-nonsense-01")]
    await handling(database, tell_account).handle(raws, settle)
    assert spans.one("process client_webinar_entered").trace_id == f"{2:032x}"
    assert spans.one(f"batch {QUEUE}").links == []
    assert somewhere(1, sampled=False) in await carried(database)


async def test_a_signal_of_which_nothing_comes_is_no_trace(database: Database, spans: Spans) -> None:
    await database.open()

    async def record(_: Sequence[Heard[RoomPresence]], work: Work) -> None:
        await work.connection.execute("select 1")

    presence = Hearing(RoomPresence, record, 20)
    aside = SettingAside(database, Nobody())  # type: ignore[arg-type]
    await BatchHandling("tracker.room_presence", presence, record, database, aside).handle(
        [Delivery(example("room_presence", 1), RoomPresence.topic)], settle
    )
    assert spans.all() == []


async def test_a_log_line_says_in_which_trace_it_was_said(database: Database, spans: Spans) -> None:
    await database.open()
    configure_logs("kit", form="json", level="INFO", instance_id="test")
    written = io.StringIO()
    handler = logging.getLogger().handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    get_logger("test").info("outside")
    await handling(database, tell_account).handle([came("a", somewhere(1))], settle)
    outside, committed = (json.loads(line) for line in written.getvalue().splitlines())
    process = spans.one("process client_webinar_entered")
    assert "trace_id" not in outside
    assert committed["event"] == "batch.committed"
    assert (committed["trace_id"], committed["span_id"]) == (process.trace_id, process.span_id)


# --- requests ----------------------------------------------------------------------------------------------------


class Caller:
    """Calls an ASGI application as a server does."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()

    async def get(self, path: str, *, query: str = "", method: str = "GET", **headers: str) -> None:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "client": ("203.0.113.5", 1),
            "server": ("rooms.example", 80),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await self._app(scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)


async def answer(request: Request) -> Response:
    return JSONResponse({"trace": tracing.current(), "token": request.path_params["token"]})


async def fail(_: Request) -> Response:
    raise LookupError("anna is not here")


async def stream(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    while (await receive())["type"] != "http.disconnect":
        continue


APP = TracedRequests(
    NotesRoute(Starlette(routes=[Route("/account/link/{token}", answer), Route("/fail", fail)])),
    Routes(),
    untold=("/static/",),
)


async def test_a_request_begins_a_trace_by_its_route_and_says_nothing_of_what_was_asked(spans: Spans) -> None:
    await Caller(APP).get("/account/link/secret-1", query="q=Anna", traceparent=somewhere(9), cookie="secret-2")
    request = spans.one("GET /account/link/{token}")
    assert (request.kind, request.parent_id) == ("SERVER", None)
    assert request.attributes == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "http.route": "/account/link/{token}",
        "http.response.status_code": 200,
    }
    # A visitor does not choose our trace.
    assert request.trace_id != f"{9:032x}"
    assert request.links == [(f"{9:032x}", f"{9:016x}")]
    assert not any(word in repr(request) for word in ("secret", "Anna", "203.0.113.5"))


async def test_a_request_that_was_sent_behind_another_is_no_part_of_it(spans: Spans) -> None:
    caller = Caller(APP)

    async def then_the_next(message: dict[str, Any]) -> None:
        caller.sent.append(message)
        if message["type"] == "http.response.body" and len(caller.sent) == 2:
            # As uvicorn begins it: by a task, once the former is answered.
            await asyncio.create_task(caller.get("/account/link/second"))

    caller._send = then_the_next  # type: ignore[method-assign]
    await caller.get("/account/link/first")
    first, second = spans.named("GET /account/link/{token}")
    assert (first.parent_id, second.parent_id) == (None, None)
    assert first.trace_id != second.trace_id


async def test_a_wrong_address_and_a_wrong_method_are_not_repeated(spans: Spans) -> None:
    await Caller(APP).get("/anna/secret")
    await Caller(APP).get("/anna/secret", method="ANNA")
    assert spans.names() == ["GET", "_OTHER"]
    assert "anna" not in repr(spans.all()).lower()


async def test_a_request_that_fails_says_so_by_the_class_of_the_error(spans: Spans) -> None:
    with pytest.raises(LookupError):
        await Caller(APP).get("/fail")
    failed = spans.one("GET /fail")
    assert failed.failed
    assert (failed.attributes["http.response.status_code"], failed.attributes["error.type"]) == (500, "LookupError")
    assert "anna" not in repr(failed)


async def test_files_of_the_pages_begin_no_trace(spans: Spans) -> None:
    await Caller(APP).get("/static/page.css")
    assert spans.all() == []


async def test_a_stream_is_a_span_until_it_has_begun_and_not_for_hours(
    spans: Spans, caplog: pytest.LogCaptureFixture
) -> None:
    caller = Caller(TracedRequests(stream, Routes(fixed=("/stream",))))
    task = asyncio.create_task(caller.get("/stream"))

    async def has_begun() -> bool:
        return bool(caller.sent)

    await eventually(has_begun)
    assert not task.done()
    opened = spans.one("GET /stream")
    assert opened.attributes["http.response.status_code"] == 200
    caller.gone.set()
    await task
    assert spans.names() == ["GET /stream"]
    assert caplog.text == ""
