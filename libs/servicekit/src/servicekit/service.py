"""A service: where its parts meet, how it starts, how it stops."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import uvloop
from contracts import SnapshotRequested
from contracts.topology import queues_of
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from servicekit import http, jobs, ops, parking, retention, snapshots, tracing
from servicekit.clock import HouseClock
from servicekit.commanding import CommandClient
from servicekit.consuming import Consumption
from servicekit.database import Database
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import configure, get_logger
from servicekit.migrations import migrate
from servicekit.obeying import CommandHandling
from servicekit.open_files import raise_open_files
from servicekit.publisher import Publisher
from servicekit.receiving import Handling
from servicekit.relay import Relay
from servicekit.router import Handler, Hearing, Obeying, Router, with_parts
from servicekit.setting_aside import SettingAside
from servicekit.settings import ServiceSettings
from servicekit.stopping import Stopping, cancelled, end_now, finished, keep_a_last_resort
from servicekit.tokens import TokenChecker, TokenMaker

log = get_logger(__name__)

Companion = Callable[["Service"], AbstractAsyncContextManager[Any]]

_WAIT_FOR_DATABASE_SECONDS = 1.0
# Longer than the limit of a publish: while the broker is away the relay comes round all the same.
_RELAY_STALLED_SECONDS = 30.0
_CLOCK_SECONDS = 60.0
_METRICS_SECONDS = 5.0
_FORGETTING_SECONDS = 3600.0
# Of a stop: what a stage takes at most, and what it leaves to those after it; the limits alone are more than there is.
_COMPANIONS_SECONDS, _AFTER_COMPANIONS = 8.0, 2.8
_FAREWELL_SECONDS, _AFTER_FAREWELL = 6.0, 1.4
_RELAY_SECONDS, _AFTER_RELAY = 1.5, 1.0
_CANCEL_SECONDS, _AFTER_CANCEL = 1.0, 0.7
_CLOSING_SECONDS, _AFTER_CLOSING = 1.0, 0.3
_OPENING_TROUBLE: tuple[type[BaseException], ...] = (*DATABASE_TROUBLE, OperationalError, InterfaceError, DBAPIError)
_BROKEN_MIGRATION: tuple[type[BaseException], ...] = (ProgrammingError, IntegrityError, DataError)


class Service:
    """One of the five services, put together from its router and its settings.

    `parts` are handed to handlers by type; the database, the clock, the publisher and the command client always are.
    `companions` run beside it once the database is ready, and are left first when it stops; `stopping` tells them how
    long they may take then.
    """

    def __init__(
        self,
        name: str,
        *,
        settings: ServiceSettings,
        router: Router,
        parts: Sequence[object] = (),
        migrations: str | None,
        companions: Sequence[Companion] = (),
        command_keys: str | None = None,
        command_signing_key: str | None = None,
        clock: HouseClock | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.router = router
        self.package = migrations
        self.clock = clock or HouseClock()
        self.database = Database(settings.service_database_url, self.clock, pool_size=settings.pool_size)
        self.publisher = Publisher(settings.service_rabbitmq_url, app_id=name, clock=self.clock)
        self.relay = Relay(settings.service_database_url, settings.service_rabbitmq_url, app_id=name, clock=self.clock)
        self.database.on_commit(self.relay.wake)
        self.commands: CommandClient | None = None
        if command_signing_key is not None:
            maker = TokenMaker.from_setting(command_signing_key, issuer=name)
            self.commands = CommandClient(self.publisher, maker, self.clock, instance_id=settings.instance_id)
        if router.obeyings and command_keys is None:
            raise ValueError(f"{name} obeys commands and needs the keys to check their tokens")
        self._tokens = TokenChecker.from_setting(command_keys or "", audience=name)
        if router.obeyings and not self._tokens.knows_keys:
            raise ValueError(f"{name} obeys commands, and COMMAND_VERIFY_KEYS holds no key")
        self.parts = [*parts, self.database, self.clock, self.publisher]
        if self.commands is not None:
            self.parts.append(self.commands)
        self.aside = SettingAside(self.database, self.publisher)
        self._companions = companions
        self.receive_through: Callable[[Handling], Handling] = lambda handling: handling
        """What stands between each queue and its handling: nothing, but where a test repeats and shuffles."""
        self.consumption: Consumption | None = None
        self.stopping = Stopping()

    def handler(self, function: Handler) -> Handler:
        """Return a handler with its parts filled in."""
        return with_parts(function, self.parts)

    def hearings(self) -> list[Hearing]:
        """What the service hears, with its share of `snapshot_requested`."""
        heard = [Hearing(one.message, self.handler(one.handler), one.batch) for one in self.router.hearings]
        if any(queue.topic.message is SnapshotRequested for queue in queues_of(self.name)):
            heard.append(Hearing(SnapshotRequested, snapshots.note_request(self.router.owned_snapshots), 200))
        return heard

    def command_handlings(self) -> list[CommandHandling]:
        return [
            CommandHandling(
                Obeying(one.message, one.handler, one.requires), self.handler(one.handler), self.database, self._tokens
            )
            for one in self.router.obeyings
        ]

    def overhearings(self) -> list[Hearing]:
        return [Hearing(one.message, self.handler(one.handler), one.batch) for one in self.router.overhearings]

    @property
    def is_broker_connected(self) -> bool:
        """Whether what others say arrives now; False while the broker is away, and before consuming begins."""
        return self.consumption is not None and self.consumption.is_connected

    async def until_begun(self, seconds: float) -> None:
        """Wait until it hears what others say and is answered, but no longer than that: the broker may be away."""
        if self.consumption is None:
            return
        waits = [asyncio.create_task(one) for one in (self.consumption.begun.wait(), self.stopping.wait())]
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        await cancelled(waits, _CANCEL_SECONDS)

    def stop(self) -> None:
        """Ask the service to stop."""
        self.stopping.ask()

    async def readiness(self) -> dict[str, bool]:
        """What must hold for the service to be ready; a broker that goes away later makes nobody unready.

        One that stops is not ready at once, while it still answers: so nobody new is sent to it.
        """
        now = asyncio.get_running_loop().time()
        return {
            "staying": not self.stopping.is_asked,
            "database": self.database.is_open and await self.database.answers(),
            "topology": self.consumption is not None and self.consumption.begun.is_set(),
            "relay": now - self.relay.passed_at < _RELAY_STALLED_SECONDS,
        }

    async def run(self) -> None:
        """Run until `stop` or a signal; returns when everything is closed, within ten seconds."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop_by_signal)
        try:
            await self._run()
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        log.info("service.stopped")

    def _stop_by_signal(self) -> None:
        if not self.stopping.is_asked:
            keep_a_last_resort()
        self.stopping.ask()

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            sock = http.listening_socket(self.settings.ops_host, self.settings.ops_port)
            ops_server = http.embedded(ops.ops_app(self.name, self.readiness, lambda: self.is_broker_connected))
            await stack.enter_async_context(http.serving(ops_server, sock, stopping=self.stopping))
            if not await self._until_stop(self._open_database()):
                return
            stack.push_async_callback(self._close_connections)
            relay = asyncio.create_task(self.relay.run(), name="relay")
            tasks = [relay, *(asyncio.create_task(work) for work in self._background())]
            stack.push_async_callback(self._end_background, relay, tasks)
            roles = [asyncio.create_task(role) for role in self._roles()]
            self.consumption = Consumption(self)
            stack.push_async_callback(self._take_leave, self.consumption, roles)
            companions = AsyncExitStack()
            stack.push_async_exit(self._leaving(companions))
            tasks.append(asyncio.create_task(self.consumption.run(), name="consumption"))
            for companion in self._companions:
                await companions.enter_async_context(companion(self))
            log.info("service.started", ops_port=sock.getsockname()[1])
            await self._watch([*tasks, *roles])
            log.info("service.stopping")

    def _leaving(self, companions: AsyncExitStack) -> Callable[..., Awaitable[bool | None]]:
        async def leave(*error: Any) -> bool | None:
            try:
                async with asyncio.timeout(self.stopping.within(_COMPANIONS_SECONDS, keep=_AFTER_COMPANIONS)):
                    return await companions.__aexit__(*error)
            except TimeoutError:
                log.warning("stopping.cut_off", stage="companions")
                return None

        return leave

    async def _take_leave(self, consumption: Consumption, roles: list[asyncio.Task[None]]) -> None:
        # At once, and before all else ends: a role may have answers from outside to wait for and to write down.
        seconds = self.stopping.within(_FAREWELL_SECONDS, keep=_AFTER_FAREWELL)
        await asyncio.gather(
            finished("consumption", consumption.stop(seconds), seconds),
            cancelled(roles, seconds),
        )

    async def _end_background(self, relay: asyncio.Task[None], tasks: list[asyncio.Task[None]]) -> None:
        # What was committed last is said before we go, and nothing is cut off that would be said twice.
        await self.relay.finish(relay, self.stopping.within(_RELAY_SECONDS, keep=_AFTER_RELAY))
        await cancelled(tasks, self.stopping.within(_CANCEL_SECONDS, keep=_AFTER_CANCEL), insist=True)

    async def _close_connections(self) -> None:
        # At once, because each of them may have to wait for a server that has fallen silent.
        seconds = self.stopping.within(_CLOSING_SECONDS, keep=_AFTER_CLOSING)
        await asyncio.gather(
            finished("relay's connection", self.relay.close(), seconds),
            finished("publisher's connection", self.publisher.close(), seconds),
            finished("database", self.database.close(), seconds),
            finished("traces", tracing.flush(), seconds),
        )

    async def _watch(self, tasks: list[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(self.stopping.wait())
        try:
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopped}:
                # None of them ever ends by itself: a bug, and a fresh process is the way out.
                error = task.exception() or RuntimeError(f"{task.get_name()} has ended by itself")
                log.critical("service.broken", task=task.get_name(), exc_info=error)
                raise error
        finally:
            stopped.cancel()

    async def _until_stop(self, work: Coroutine[Any, Any, None]) -> bool:
        task = asyncio.create_task(work)
        stopped = asyncio.create_task(self.stopping.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            await cancelled([task], self.stopping.within(_CANCEL_SECONDS), insist=True)
            return False
        task.result()
        return True

    async def _open_database(self) -> None:
        while True:
            try:
                await migrate(self.settings.service_database_url, self.package)
                await self.database.open()
            except _BROKEN_MIGRATION:
                # Waiting does not mend a statement that is wrong.
                raise
            except _OPENING_TROUBLE as error:
                log.warning("database.waiting", error=repr(error)[:500])
                await asyncio.sleep(_WAIT_FOR_DATABASE_SECONDS)
            else:
                return

    def _background(self) -> list[Coroutine[Any, Any, None]]:
        database, router = self.database, self.router
        work = [self._keep_clock()]
        periodic: list[tuple[Handler, float, str]] = [
            (self.handler(job.handler), job.seconds, job.handler.__qualname__) for job in router.jobs
        ]
        settings = self.settings
        forget = retention.forget_dead_letters(kept=settings.dead_letters_kept, most=settings.dead_letters_most)
        periodic += [
            (ops.measure_backlog, _METRICS_SECONDS, "measure_backlog"),
            (parking.try_homeless_again, parking.TRY_AGAIN_SECONDS, "try_homeless_again"),
            (retention.forget_old_outcomes, _FORGETTING_SECONDS, "forget_old_outcomes"),
            (forget, _FORGETTING_SECONDS, "forget_dead_letters"),
        ]
        if router.owned_snapshots:
            owned = {topic: self.handler(present) for topic, present in router.owned_snapshots.items()}
            periodic.append((snapshots.announce_slices(owned), 0.5, "announce_slices"))
        for message, table in router.needed_snapshots.items():
            periodic.append((snapshots.ask_while_empty(message, table), snapshots.ASK_SECONDS, f"ask_{message.topic}"))
        work += [jobs.repeat(database, handler, seconds, name) for handler, seconds, name in periodic]
        return work

    def _roles(self) -> list[Coroutine[Any, Any, None]]:
        return [jobs.hold_role(self.database, self.handler(role.handler), role.name) for role in self.router.roles]

    async def _keep_clock(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            try:
                await self.database.synchronise_clock()
            except DATABASE_TROUBLE as error:
                log.warning("clock.not_read", error=repr(error))


def run(service: Service) -> None:
    """Run a service as a process: the whole of `__main__`."""
    settings = service.settings
    configure(service.name, form=settings.log_format, level=settings.log_level, instance_id=settings.instance_id)
    tracing.configure(service.name, instance_id=settings.instance_id)
    raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service.run())
        end_now()
