"""Commands at their receiver: who may, once, in time, and never said undone when it may be done."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    CAPABILITIES,
    Capability,
    CommandReply,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    Envelope,
    ErrorCode,
    Role,
    StatusContext,
    WebinarStarted,
)
from contracts.topology import CORE_WEBINAR
from servicekit import Actor, Obeyed, Refused, Router, Service, ServiceSettings, Work
from servicekit.live_testing import Door
from servicekit.testing import NOON, SIGNING_KEY, VERIFY_KEYS, Harness, ServiceUnderTest
from servicekit.tokens import TokenMaker, new_key

WEBINAR = UUID(int=7)
DESK = StatusContext(source="desk")
SPEAKER = Actor("speaker", CAPABILITIES[Role.SPEAKER])
OTHER_KEY, OTHER_PUBLIC = new_key("other")


class Core:
    """A service that obeys one command, after the test's own step."""

    def __init__(self) -> None:
        self.step: Callable[[Obeyed[Any], Work], Awaitable[None]] | None = None
        self.calls = 0
        self.address: str | None = None
        self.router = Router(CORE_WEBINAR)
        self.router.obeys(CoreWebinarSetStatus, requires=Capability.WEBINAR_MANAGE_STATUS)(self.set_status)
        self.router.obeys(CoreWebinarUpsert, requires=Capability.WEBINAR_MANAGE)(self.upsert)

    async def set_status(self, command: Obeyed[CoreWebinarSetStatus], work: Work) -> CommandReply:
        self.calls += 1
        await work.connection.execute("insert into done values ($1)", command.event.status)
        work.announce(WebinarStarted(webinar_id=WEBINAR, started_at=NOON, context=DESK), cause=command)
        if self.step is not None:
            await self.step(command, work)
        return CommandReply(ok=True, affected=self.calls, address=self.address)

    async def upsert(self, command: Obeyed[CoreWebinarUpsert], work: Work) -> CommandReply:
        return CommandReply(ok=True)

    def create(self, settings: ServiceSettings) -> Service:
        return Service(
            CORE_WEBINAR,
            settings=settings,
            router=self.router,
            migrations=None,
            command_keys=f"{VERIFY_KEYS},new:{'A' * 43}",
        )


@pytest.fixture
def core() -> Core:
    return Core()


@pytest.fixture
async def receiver(core: Core, harness: Harness) -> ServiceUnderTest:
    receiver = await harness(core.create, ServiceSettings)
    await receiver.database.pool.execute("create table done (status text)")
    return receiver


def start(status: str = "start") -> CoreWebinarSetStatus:
    return CoreWebinarSetStatus(webinar_id=WEBINAR, status=status, context=DESK)


async def done(receiver: ServiceUnderTest) -> int:
    return int(await receiver.database.pool.fetchval("select count(*) from done"))


def code_of(reply: CommandReply | None) -> ErrorCode | None:
    assert reply is not None
    return reply.error.code if reply.error else None


async def test_the_same_id_again_gets_the_first_outcome(core: Core, receiver: ServiceUnderTest) -> None:
    message_id = uuid4()
    first = await receiver.obey(start(), actor=SPEAKER, message_id=message_id)
    assert await receiver.obey(start("stop"), actor=SPEAKER, message_id=message_id) == first
    assert first.affected == core.calls == await done(receiver) == 1
    assert len(receiver.said(WebinarStarted)) == 1


async def test_a_decision_is_a_line_with_the_webinar_that_it_is_about(
    receiver: ServiceUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        await receiver.obey(start(), actor=SPEAKER)
        await receiver.obey(start(), actor=Actor("candidate", CAPABILITIES[Role.CANDIDATE]))
    lines: list[Any] = [record.msg for record in caplog.records if "command.decided" in record.getMessage()]
    assert [(line["outcome"], line.get("webinar_id")) for line in lines] == [("ok", str(WEBINAR)), ("forbidden", None)]


async def test_a_one_time_address_is_told_and_never_written_down(core: Core, receiver: ServiceUnderTest) -> None:
    message_id = uuid4()
    for address in ("https://t.me/bot?start=one", "https://t.me/bot?start=two"):
        core.address = address
        reply = await receiver.obey(start(), actor=SPEAKER, message_id=message_id)
        assert (reply.ok, reply.address) == (True, address)
        assert await receiver.database.pool.fetch("select * from command_outcome") == []
    core.address = None
    first = await receiver.obey(start(), actor=SPEAKER, message_id=message_id)
    assert await receiver.obey(start(), actor=SPEAKER, message_id=message_id) == first


async def test_two_copies_at_the_same_time_are_one_command(core: Core, receiver: ServiceUnderTest) -> None:
    first_is_in, go_on = asyncio.Event(), asyncio.Event()

    async def wait(command: Obeyed[Any], work: Work) -> None:
        first_is_in.set()
        await go_on.wait()

    core.step = wait
    message_id = uuid4()
    first = asyncio.create_task(receiver.obey(start(), actor=SPEAKER, message_id=message_id))
    await first_is_in.wait()
    second = asyncio.create_task(receiver.obey(start(), actor=SPEAKER, message_id=message_id))
    await asyncio.sleep(0.2)
    assert not second.done()
    go_on.set()
    assert await first == await second
    assert core.calls == 1


async def test_a_refusal_rolls_back_and_is_the_outcome_for_ever(core: Core, receiver: ServiceUnderTest) -> None:
    async def refuse(command: Obeyed[Any], work: Work) -> None:
        raise Refused(ErrorCode.INVALID_START, "not now", field="status")

    core.step = refuse
    message_id = uuid4()
    refused = await receiver.obey(start(), actor=SPEAKER, message_id=message_id)
    assert refused.error is not None
    assert (refused.error.code, refused.error.message, refused.error.field) == (
        ErrorCode.INVALID_START,
        "not now",
        "status",
    )
    core.step = None
    assert await receiver.obey(start(), actor=SPEAKER, message_id=message_id) == refused
    assert await done(receiver) == 0
    assert receiver.said(WebinarStarted) == []


async def test_a_failure_inside_changes_nothing_and_may_be_tried_again(core: Core, receiver: ServiceUnderTest) -> None:
    async def fail(command: Obeyed[Any], work: Work) -> None:
        raise ZeroDivisionError

    core.step = fail
    message_id = uuid4()
    assert code_of(await receiver.obey(start(), actor=SPEAKER, message_id=message_id)) == ErrorCode.UNAVAILABLE
    assert await done(receiver) == 0
    core.step = None
    assert (await receiver.obey(start(), actor=SPEAKER, message_id=message_id)).ok


async def test_who_comes_late_is_refused_before_and_after_the_work(core: Core, receiver: ServiceUnderTest) -> None:
    assert code_of(await receiver.obey(start(), actor=SPEAKER, seconds=-1)) == ErrorCode.EXPIRED
    assert core.calls == 0

    async def wait_for_a_lock(command: Obeyed[Any], work: Work) -> None:
        receiver.clock.advance(6)

    core.step = wait_for_a_lock
    message_id = uuid4()
    assert code_of(await receiver.obey(start(), actor=SPEAKER, message_id=message_id)) == ErrorCode.EXPIRED
    assert await done(receiver) == 0
    assert code_of(await receiver.obey(start(), actor=SPEAKER, message_id=message_id)) == ErrorCode.EXPIRED
    assert core.calls == 1


async def test_an_id_of_another_s_command_tells_nothing(receiver: ServiceUnderTest) -> None:
    message_id = uuid4()
    assert (await receiver.obey(start(), actor=SPEAKER, message_id=message_id)).ok
    stranger = replace(SPEAKER, account_id="stranger")
    assert code_of(await receiver.obey(start(), actor=stranger, message_id=message_id)) == ErrorCode.FORBIDDEN
    other = CoreWebinarUpsert(webinar_id=WEBINAR)
    assert code_of(await receiver.obey(other, actor=SPEAKER, message_id=message_id)) == ErrorCode.FORBIDDEN


async def test_a_right_is_asked_for_and_a_field_that_does_not_validate_is_named(receiver: ServiceUnderTest) -> None:
    candidate = Actor("candidate", CAPABILITIES[Role.CANDIDATE])
    assert code_of(await receiver.obey(start(), actor=candidate)) == ErrorCode.FORBIDDEN
    [handling] = [one for one in receiver.service.command_handlings() if one.obeying.message is CoreWebinarSetStatus]
    reply = await handling.decide(envelope(receiver), b'{"webinar_id": "seven"}')
    assert reply is not None
    assert reply.error is not None
    assert (reply.error.code, reply.error.field) == (ErrorCode.INVALID_FIELD, "webinar_id")


def envelope(receiver: ServiceUnderTest, **changes: Any) -> Envelope:
    """An envelope with a good token, or with one whose parts the test chooses."""
    message_id = changes.pop("message_id", uuid4())
    made_for = {
        "actor": SPEAKER,
        "topic": CoreWebinarSetStatus.topic,
        "audience": CORE_WEBINAR,
        "message_id": message_id,
        "deadline": receiver.clock.now() + timedelta(seconds=5),
    }
    maker = TokenMaker.from_setting(changes.pop("key", SIGNING_KEY), issuer="room-ui")
    token = changes.pop("token", None)
    if token is None:
        token = maker.make(**(made_for | changes))
    return Envelope(
        message_id=message_id,
        type=CoreWebinarSetStatus.topic,
        app_id="room-ui",
        timestamp=receiver.clock.now(),
        correlation_id="c",
        authorization=token,
    )


async def test_a_token_for_anything_else_is_no_token(core: Core, receiver: ServiceUnderTest) -> None:
    good = envelope(receiver)
    assert good.authorization is not None
    head, claims, signature = good.authorization.split(".")
    forged = [
        envelope(receiver, key=OTHER_KEY),
        envelope(receiver, key=OTHER_KEY.replace("other", "test")),
        envelope(receiver, topic="core_webinar_upsert"),
        envelope(receiver, audience="post-webinar"),
        good.model_copy(update={"message_id": uuid4()}),
        good.model_copy(update={"authorization": None}),
        *(
            envelope(receiver, token=token)
            for token in (
                "",
                "a",
                "..",
                "a.b.c",
                f"{head}.{claims}.",
                f"{head}.{claims}.{signature[:-4]}AAAA",
                f"eyJhbGciOiJub25lIn0.{claims}.",
                f"eyJhbGciOiJub25lIiwia2lkIjoidGVzdCJ9.{claims}.{signature}",
                f"eyJhbGciOiJIUzI1NiIsImtpZCI6InRlc3QifQ.{claims}.{signature}",
                f"W10.{claims}.{signature}",
                "я" * 50,
                "eyJ" * 5000,
            )
        ),
    ]
    for one in forged:
        assert code_of(await receiver.decide(one, start())) == ErrorCode.UNAUTHENTICATED, one
    assert core.calls == 0
    assert (await receiver.decide(good, start())).ok


async def test_a_capability_that_is_not_known_here_yet_takes_no_other_away(
    core: Core, receiver: ServiceUnderTest
) -> None:
    later: Any = "webinar_of_the_next_release"
    newer = Actor("speaker", SPEAKER.capabilities | {later})
    assert (await receiver.decide(envelope(receiver, actor=newer), start())).ok
    stranger = Actor("stranger", frozenset({later}))
    assert code_of(await receiver.decide(envelope(receiver, actor=stranger), start())) == ErrorCode.FORBIDDEN


async def test_keys_are_added_switched_and_removed(core: Core, harness: Harness) -> None:
    def with_keys(keys: str) -> Callable[[ServiceSettings], Service]:
        return lambda settings: Service(
            CORE_WEBINAR, settings=settings, router=core.router, migrations=None, command_keys=keys
        )

    both = await harness(with_keys(f"{VERIFY_KEYS}, {OTHER_PUBLIC}"), ServiceSettings)
    await both.database.pool.execute("create table done (status text)")
    for key in (SIGNING_KEY, OTHER_KEY):
        assert (await both.decide(envelope(both, key=key), start())).ok
    new = await harness(with_keys(OTHER_PUBLIC), ServiceSettings)
    assert code_of(await new.decide(envelope(new, key=SIGNING_KEY), start())) == ErrorCode.UNAUTHENTICATED


def test_a_receiver_without_a_usable_key_does_not_start() -> None:
    settings = ServiceSettings(service_database_url="postgresql://x", service_rabbitmq_url="amqp://x")
    for keys in (None, "", " , ", "kid", "kid:short", "kid:" + "!" * 43, f"{VERIFY_KEYS},{VERIFY_KEYS}"):
        with pytest.raises(ValueError, match=r"(?i)keys"):
            Service(CORE_WEBINAR, settings=settings, router=Core().router, migrations=None, command_keys=keys)


def test_a_bad_signing_key_is_not_quoted_in_its_refusal() -> None:
    for key in ("kid:c2VjcmV0", "secret", "kid:secret secret"):
        with pytest.raises(ValueError, match="COMMAND_SIGNING_KEY") as raised:
            TokenMaker.from_setting(key, issuer="room-ui")
        assert "c2VjcmV0" not in str(raised.value)
        assert "secret" not in str(raised.value)


async def test_an_absent_database_is_answered_unavailable(core: Core, receiver: ServiceUnderTest) -> None:
    async with Door(receiver.database.url) as door:
        away = Service(
            CORE_WEBINAR,
            settings=receiver.service.settings.model_copy(update={"service_database_url": door.url}),
            router=core.router,
            migrations=None,
            command_keys=VERIFY_KEYS,
            clock=receiver.clock,
        )
        await away.database.open()
        await door.shut()
        one = ServiceUnderTest(away, receiver.clock)
        [handling] = [found for found in away.command_handlings() if found.obeying.message is CoreWebinarSetStatus]
        reply = await handling.decide(envelope(one), start().to_json())
        assert code_of(reply) == ErrorCode.UNAVAILABLE
        await away.database.close()


@pytest.mark.parametrize("committed", [True, False])
async def test_a_commit_of_unknown_outcome_is_looked_up(
    core: Core, receiver: ServiceUnderTest, committed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncpg.transaction  # noqa: PLC0415

    commit = asyncpg.transaction.Transaction.commit
    broken = asyncio.Event()

    async def lose_the_connection(transaction: Any) -> None:
        if transaction._nested or broken.is_set() or not core.calls:
            return await commit(transaction)
        broken.set()
        if committed:
            await commit(transaction)
        transaction._connection.terminate()
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lose_the_connection)
    reply = await receiver.obey(start(), actor=SPEAKER)
    assert broken.is_set()
    assert code_of(reply) == (None if committed else ErrorCode.UNAVAILABLE)
    assert await done(receiver) == (1 if committed else 0)


async def test_an_outcome_that_cannot_be_told_in_time_is_not_told(
    core: Core, receiver: ServiceUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncpg.transaction  # noqa: PLC0415

    async def lose_the_connection(transaction: Any) -> None:
        receiver.clock.advance(2)
        raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    [handling] = [one for one in receiver.service.command_handlings() if one.obeying.message is CoreWebinarSetStatus]
    good = envelope(receiver)
    with monkeypatch.context() as patched:
        patched.setattr(asyncpg.transaction.Transaction, "commit", lose_the_connection)
        patched.setattr("servicekit.obeying._ASK_AGAIN_SECONDS", 0)

        async def claim_fails(*_: object) -> None:
            receiver.clock.advance(2)
            raise asyncpg.ConnectionDoesNotExistError("still away")

        async def claim_once(*given: Any) -> object:
            monkeypatch.setattr(handling, "_claim", claim_fails)
            return await claim(*given)

        claim = handling._claim
        monkeypatch.setattr(handling, "_claim", claim_once)
        assert await handling.decide(good, start().to_json()) is None
