"""For tests: a service on a real database, without a broker, with a clock that stands still.

Loaded as a pytest plugin (`-p servicekit.testing`); it needs the `servers` fixture of the local stack.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest
from contracts import CAPABILITIES, Command, CommandReply, Envelope, Message, Role
from sqlalchemy import MetaData
from uuid6 import uuid7

from servicekit.batches import run_batch
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.jobs import run_job
from servicekit.messages import Actor, Heard
from servicekit.migrations import differences, engine_of, migrate
from servicekit.router import Handler
from servicekit.service import Service
from servicekit.settings import ServiceSettings
from servicekit.tables import KitTable
from servicekit.tokens import TokenMaker, new_key

E = TypeVar("E", bound=Message)
S = TypeVar("S", bound=ServiceSettings)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
"""When a test begins, unless it moves the clock."""

SIGNING_KEY, VERIFY_KEYS = new_key("test")
"""A pair of command keys for this run of the tests."""


class ServiceUnderTest:
    """A service whose messages are handed over and looked at by the test."""

    def __init__(self, service: Service, clock: ManualClock) -> None:
        self.service = service
        self.clock = clock
        self._looked_at = 0
        self._said: list[tuple[str, bytes]] = []

    @property
    def database(self) -> Database:
        return self.service.database

    async def receive(self, *events: Message, timestamp: datetime | None = None) -> None:
        """Hand events to their handlers: those of one class in a row as one batch, in one transaction."""
        batch: list[Heard[Any]] = []
        for event in events:
            if batch and type(batch[0].event) is not type(event):
                await self._receive_batch(batch)
                batch = []
            batch.append(self.heard(event, timestamp=timestamp))
        if batch:
            await self._receive_batch(batch)

    def heard(self, event: E, *, timestamp: datetime | None = None) -> Heard[E]:
        """Return an event as if it had come over the wire, with an envelope of its own."""
        return Heard(
            event=type(event).from_json(event.to_json()),
            message_id=UUID(bytes=uuid7().bytes),
            correlation_id=str(getattr(event, "webinar_id", "test")),
            timestamp=timestamp or self.clock.now(),
            emitted_by="test",
        )

    async def _receive_batch(self, batch: Sequence[Heard[Any]]) -> None:
        message = type(batch[0].event)
        found = [hearing for hearing in self.service.hearings() if hearing.message is message]
        if not found:
            raise LookupError(f"{self.service.name} does not hear {message.topic}")
        await run_batch(self.database, found[0].handler, batch)
        await self._collect()

    async def obey(
        self,
        command: Command,
        *,
        actor: Actor | None = None,
        message_id: UUID | None = None,
        seconds: float = 5,
        body: bytes | None = None,
    ) -> CommandReply:
        """Hand over a command with a token that is valid for `seconds`; the actor is an admin unless given.

        `body`: what came over the wire in place of the command's own.
        """
        actor = actor or Actor("admin", CAPABILITIES[Role.ADMIN])
        message_id = message_id or UUID(bytes=uuid7().bytes)
        deadline = self.clock.now() + timedelta(seconds=seconds)
        maker = TokenMaker.from_setting(SIGNING_KEY, issuer="room-ui")
        envelope = Envelope(
            message_id=message_id,
            type=command.topic,
            app_id="room-ui",
            timestamp=self.clock.now(),
            correlation_id=str(message_id),
            deadline=deadline,
            authorization=maker.make(
                actor=actor,
                topic=command.topic,
                audience=self.service.name,
                message_id=message_id,
                deadline=deadline,
            ),
        )
        return await self.decide(envelope, command, body)

    async def decide(self, envelope: Envelope, command: Command, body: bytes | None = None) -> CommandReply:
        """Hand over a command with an envelope of the test's own making."""
        [handling] = [one for one in self.service.command_handlings() if one.obeying.message is type(command)]
        reply = await handling.decide(envelope, command.to_json() if body is None else body)
        assert reply is not None, "whether the command was done is not known"
        await self._collect()
        return reply

    async def run(self, job: Handler) -> None:
        """Run a job until it has no more to do."""
        while await run_job(self.database, self.service.handler(job)):
            pass
        await self._collect()

    async def _collect(self) -> None:
        rows = await self.database.pool.fetch(
            "with gone as (delete from outbox returning *) select * from gone order by seq"
        )
        self._said += [(row["type"], row["body"]) for row in rows]

    async def collect(self) -> None:
        """Take in what was announced by the test's own `database.work()`."""
        await self._collect()

    def said(self, message: type[E]) -> list[E]:
        """Return the events of this class announced so far, oldest first, and forget them."""
        found = [message.from_json(body) for topic, body in self._said if topic == message.topic]
        self._said = [(topic, body) for topic, body in self._said if topic != message.topic]
        return found

    def said_topics(self) -> list[str]:
        """Return the topics of what was announced and not looked at yet, oldest first."""
        return [topic for topic, _ in self._said]


Harness = Callable[..., Awaitable[ServiceUnderTest]]


@pytest.fixture(scope="session")
def template_databases(servers: Any) -> Iterator[dict[str, str]]:
    """Names of migrated databases that tests are cloned from, by package; dropped at the end of the run."""
    with template_databases_on(servers.database_url) as templates:
        yield templates


@contextmanager
def template_databases_on(admin_url: str) -> Iterator[dict[str, str]]:
    """Yield a place for the names of databases that others are cloned from; what is named there is dropped."""
    templates: dict[str, str] = {}
    yield templates
    with ThreadPoolExecutor(1) as pool:
        # In a thread of its own: the last test's event loop may still be set up around us.
        for name in templates.values():
            pool.submit(asyncio.run, _administer(admin_url, f'drop database "{name}" with (force)')).result()


@pytest.fixture
async def kit_database(servers: Any, template_databases: dict[str, str]) -> AsyncIterator[str]:
    """The administrator's URL of a database with the kit's own tables."""
    url = await _cloned_database(servers.database_url, None, template_databases)
    yield url
    await _administer(servers.database_url, f'drop database "{_name_in(url)}" with (force)')


@pytest.fixture
async def harness(servers: Any, template_databases: dict[str, str]) -> AsyncIterator[Harness]:
    """Return a maker of services under test: `await harness(create_service, SettingsClass, **settings)`."""
    async with services_under_test(servers.database_url, template_databases) as make:
        yield make


@asynccontextmanager
async def services_under_test(admin_url: str, templates: dict[str, str]) -> AsyncIterator[Harness]:
    """Yield a maker of services on databases of their own, which are dropped at the end; for programs too."""
    opened: list[ServiceUnderTest] = []

    async def make(
        create: Callable[[S], Service], settings_class: type[S], *, now: datetime = NOON, **options: Any
    ) -> ServiceUnderTest:
        keys = {"command_verify_keys": VERIFY_KEYS, "command_signing_key": SIGNING_KEY}
        options = {name: value for name, value in keys.items() if name in settings_class.model_fields} | options
        settings = settings_class(
            service_database_url="postgresql://none", service_rabbitmq_url="amqp://none", ops_port=0, **options
        )
        package = create(settings).package
        url = await _cloned_database(admin_url, package, templates)
        service = create(settings.model_copy(update={"service_database_url": url}))
        clock = ManualClock(now)
        _use_clock(service, clock)
        await service.database.open()
        opened.append(ServiceUnderTest(service, clock))
        return opened[-1]

    yield make
    for one in opened:
        await one.database.close()
        await _administer(admin_url, f'drop database "{_name_in(one.database.url)}" with (force)')


def _use_clock(service: Service, clock: ManualClock) -> None:
    """Every part that was handed the service's clock gets this one."""
    for owner in (service, service.database, service.publisher, service.commands, *service.parts):
        for name in ("clock", "_clock"):
            if getattr(owner, name, None) is service.clock and owner is not service:
                setattr(owner, name, clock)
    service.parts = [clock if part is service.clock else part for part in service.parts]
    service.clock = clock


async def _cloned_database(admin_url: str, package: str | None, templates: dict[str, str]) -> str:
    package = package or "kit"
    if package not in templates:
        template = f"template_{package}_{secrets.token_hex(4)}"
        await _administer(admin_url, f'create database "{template}"')
        await migrate(_with_name(admin_url, template), None if package == "kit" else package)
        templates[package] = template
    name = f"test_{package}_{secrets.token_hex(6)}"
    await _administer(admin_url, f'create database "{name}" template "{templates[package]}"')
    return _with_name(admin_url, name)


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _with_name(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _name_in(url: str) -> str:
    return urlsplit(url).path.lstrip("/")


async def assert_migrations_match(under_test: ServiceUnderTest, metadata: MetaData) -> None:
    """Fail when the migrated database is not what the tables say."""
    engine = engine_of(under_test.database.url)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(differences, metadata, KitTable.metadata)
    finally:
        await engine.dispose()
    assert not found, found


async def eventually(check: Callable[[], Awaitable[bool]], *, seconds: float = 10.0, what: str = "it") -> None:
    """Wait until `check` holds, looking again every 20 ms; fails after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not await check():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not come to hold within {seconds} s") from None
