"""A service: where its parts meet, how it starts, how it stops."""

import asyncio
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import uvloop
from contracts import SnapshotRequested
from contracts.topology import queues_of
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, InterfaceError, OperationalError, ProgrammingError

from servicekit import http, jobs, ops, snapshots
from servicekit.clock import HouseClock
from servicekit.commanding import CommandClient
from servicekit.consuming import Consumption
from servicekit.database import Database
from servicekit.errors import DATABASE_TROUBLE
from servicekit.logs import configure, get_logger
from servicekit.migrations import migrate
from servicekit.obeying import CommandHandling
from servicekit.publisher import Publisher
from servicekit.receiving import Handling
from servicekit.relay import Relay
from servicekit.router import Handler, Hearing, Obeying, Router, with_parts
from servicekit.setting_aside import SettingAside
from servicekit.settings import ServiceSettings
from servicekit.tokens import TokenChecker, TokenMaker

log = get_logger(__name__)

Companion = Callable[["Service"], AbstractAsyncContextManager[Any]]

_WAIT_FOR_DATABASE_SECONDS = 1.0
# Longer than the limit of a publish: while the broker is away the relay comes round all the same.
_RELAY_STALLED_SECONDS = 30.0
_CLOCK_SECONDS = 60.0
_METRICS_SECONDS = 5.0
_STOP_SECONDS = 9.5
# Of those, at most: roles and consumption 6 together, other tasks 1, connections 1.5.
_FAREWELL_SECONDS = 6.0
_CANCEL_SECONDS = 1.0
_OPENING_TROUBLE: tuple[type[BaseException], ...] = (*DATABASE_TROUBLE, OperationalError, InterfaceError, DBAPIError)
_BROKEN_MIGRATION: tuple[type[BaseException], ...] = (ProgrammingError, IntegrityError, DataError)


class Service:
    """One of the five services, put together from its router and its settings.

    `parts` are handed to handlers by type; the database, the clock, the publisher and the command client always are.
    `companions` run beside it once the database is ready, and are left first when it stops.
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
        self._stop = asyncio.Event()

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

    def stop(self) -> None:
        """Ask the service to stop."""
        self._stop.set()

    async def readiness(self) -> dict[str, bool]:
        """What must hold for the service to be ready; a broker that goes away later makes nobody unready."""
        now = asyncio.get_running_loop().time()
        return {
            "database": self.database.is_open and await self.database.answers(),
            "topology": self.consumption is not None and self.consumption.has_begun,
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
        self._stop.set()
        # Whatever hangs, an orchestrator is not left to kill us; what is in hand comes again.
        last_resort = threading.Timer(_STOP_SECONDS, _give_up)
        last_resort.daemon = True
        last_resort.start()

    async def _run(self) -> None:
        async with AsyncExitStack() as stack:
            sock = http.listening_socket(self.settings.ops_host, self.settings.ops_port)
            await stack.enter_async_context(http.serving(http.embedded(ops.ops_app(self.name, self.readiness)), sock))
            if not await self._until_stop(self._open_database()):
                return
            stack.push_async_callback(self._close_connections)
            tasks = [asyncio.create_task(work) for work in self._background()]
            stack.push_async_callback(_cancel, tasks, _CANCEL_SECONDS)
            roles = [asyncio.create_task(role) for role in self._roles()]
            self.consumption = Consumption(self)
            stack.push_async_callback(self._take_leave, self.consumption, roles)
            for companion in self._companions:
                await stack.enter_async_context(companion(self))
            tasks.append(asyncio.create_task(self.consumption.run(), name="consumption"))
            log.info("service.started", ops_port=sock.getsockname()[1])
            await self._watch([*tasks, *roles])
            log.info("service.stopping")

    @staticmethod
    async def _take_leave(consumption: Consumption, roles: Sequence[asyncio.Task[None]]) -> None:
        # At once, and before all else ends: a role may have answers from outside to wait for and to write down.
        await asyncio.gather(consumption.stop(), _cancel(roles, _FAREWELL_SECONDS))

    async def _close_connections(self) -> None:
        # At once, because each of them may have to wait for a server that has fallen silent.
        await asyncio.gather(self.relay.close(), self.publisher.close(), self.database.close())

    async def _watch(self, tasks: list[asyncio.Task[None]]) -> None:
        stopped = asyncio.create_task(self._stop.wait())
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
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait([task, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
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
        work = [self.relay.run(), self._keep_clock()]
        periodic: list[tuple[Handler, float, str]] = [
            (self.handler(job.handler), job.seconds, job.handler.__qualname__) for job in router.jobs
        ]
        periodic.append((ops.measure_backlog, _METRICS_SECONDS, "measure_backlog"))
        periodic.append((ops.forget_old_outcomes, 3600.0, "forget_old_outcomes"))
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


async def _cancel(tasks: Sequence[asyncio.Task[None]], seconds: float) -> None:
    if not tasks:
        return
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        log.warning("service.task_holds_out", task=task.get_name())


def _give_up() -> None:
    log.critical("service.killed_itself", advice="it did not stop in time; what was in hand comes again")
    sys.stderr.flush()
    os._exit(1)


def _raise_open_files() -> None:
    """Allow this process as many open files as it may have: shells give 1024, and each viewer is a connection."""
    before, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    except (ValueError, OSError) as error:
        log.warning("process.open_files_not_raised", limit=before, error=repr(error))
    else:
        log.info("process.open_files", limit=limit, before=before)


def run(service: Service) -> None:
    """Run a service as a process: the whole of `__main__`."""
    settings = service.settings
    configure(service.name, form=settings.log_format, level=settings.log_level, instance_id=settings.instance_id)
    _raise_open_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(service.run())
