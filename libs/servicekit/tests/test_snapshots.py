"""Snapshots heal: asked for by who is empty, told in slices, at most once a minute, nobody forgotten."""

from collections.abc import Sequence
from typing import Any

import pytest
from contracts import AccountEvent, Role, SnapshotRequested, WebinarEvent
from contracts.topology import POST_WEBINAR, ROOM_UI
from servicekit import Heard, HouseClock, Router, Service, ServiceSettings, Work
from servicekit.live_testing import Outside, running
from servicekit.snapshots import announce_slices, ask_while_empty
from servicekit.testing import Harness, ServiceUnderTest, eventually

COUNT = 1203


def account(key: str) -> AccountEvent:
    return AccountEvent(
        account_id=key, display_name="somebody", role=Role.CANDIDATE, locale="ru", active=True, version=1
    )


class Owner:
    """Owns accounts, and remembers which slices it was asked for."""

    def __init__(self, count: int = COUNT) -> None:
        self.count = count
        self.slices: list[tuple[str, int]] = []
        self.router = Router(ROOM_UI)
        self.router.owns_snapshots(AccountEvent)(self.present)

    async def present(self, work: Work, after: str, limit: int) -> Sequence[tuple[str, AccountEvent]]:
        self.slices.append((after, limit))
        keys = [key for number in range(self.count) if (key := f"account-{number:05}") > after]
        return [(key, account(key)) for key in keys[:limit]]

    def create(self, settings: ServiceSettings) -> Service:
        return Service(ROOM_UI, settings=settings, router=self.router, migrations=None)


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
async def owning(owner: Owner, harness: Harness) -> ServiceUnderTest:
    return await harness(owner.create, ServiceSettings)


async def announce_all(owner: Owner, owning: ServiceUnderTest) -> list[str]:
    await owning.run(announce_slices(owner.router.owned_snapshots))
    return [event.account_id for event in owning.said(AccountEvent)]


def asked(topic: str = AccountEvent.topic) -> SnapshotRequested:
    return SnapshotRequested(topic_name=topic)


async def test_snapshots_are_told_in_slices(owner: Owner, owning: ServiceUnderTest) -> None:
    await owning.receive(asked(), asked("webinar_event"), asked("no such topic"))
    assert await announce_all(owner, owning) == [f"account-{number:05}" for number in range(COUNT)]
    assert owner.slices == [("", 500), ("account-00499", 500), ("account-00999", 500)]


async def test_however_many_ask_there_is_one_run_a_minute_and_nobody_is_forgotten(
    owner: Owner, owning: ServiceUnderTest
) -> None:
    await owning.receive(asked(), asked())
    await owning.receive(asked())
    assert len(await announce_all(owner, owning)) == COUNT
    await owning.receive(asked())
    owning.clock.advance(59)
    assert await announce_all(owner, owning) == []
    owning.clock.advance(1)
    assert len(await announce_all(owner, owning)) == COUNT, "who asked in between may have missed the first slices"
    owning.clock.advance(3600)
    assert await announce_all(owner, owning) == []
    await owning.receive(asked())
    assert len(await announce_all(owner, owning)) == COUNT


async def test_an_owner_without_snapshots_has_told_them_all(harness: Harness) -> None:
    nothing = Owner(0)
    owning = await harness(nothing.create, ServiceSettings)
    await owning.receive(asked())
    assert await announce_all(nothing, owning) == []
    assert await owning.database.pool.fetchval("select done from snapshot_run")


async def test_who_is_empty_asks_until_answered(owning: ServiceUnderTest) -> None:
    await owning.database.pool.execute("create table webinar (id int)")
    ask = ask_while_empty(WebinarEvent, "webinar")
    async with owning.database.work() as work:
        await ask(work)
    async with owning.database.work() as work:
        await ask(work)
    await owning.collect()
    assert [one.topic_name for one in owning.said(SnapshotRequested)] == ["webinar_event"], "one waits already"
    async with owning.database.work() as work:
        await ask(work)
    await owning.collect()
    assert len(owning.said(SnapshotRequested)) == 1
    await owning.database.pool.execute("insert into webinar values (1)")
    async with owning.database.work() as work:
        await ask(work)
    await owning.collect()
    assert owning.said(SnapshotRequested) == []
    with pytest.raises(ValueError, match="no table name"):
        ask_while_empty(WebinarEvent, "webinar; drop table outbox")


async def test_an_empty_service_fills_itself_from_the_owner(
    owner: Owner, kit_database: str, outside: Outside, harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Owner and asker, each with a database of its own, over a real broker; handlers with parts."""
    monkeypatch.setattr("servicekit.snapshots.ASK_SECONDS", 0.3)
    asker_database = (await harness(owner.create, ServiceSettings)).database
    await asker_database.pool.execute("create table account (id text primary key)")
    router, owning_router = Router(POST_WEBINAR), Router(ROOM_UI)
    router.needs_snapshots(AccountEvent, "account")

    @router.hears(AccountEvent)
    async def keep(accounts: Sequence[Heard[AccountEvent]], work: Work) -> None:
        ids = [heard.event.account_id for heard in accounts]
        await work.connection.execute("insert into account select unnest($1::text[]) on conflict do nothing", ids)

    @owning_router.owns_snapshots(AccountEvent)
    async def present(work: Work, after: str, limit: int, *, clock: HouseClock) -> Sequence[tuple[str, AccountEvent]]:
        assert clock.now() is not None
        return await owner.present(work, after, limit)

    def service(name: str, database: str, routes: Router) -> Service:
        settings: Any = ServiceSettings(
            service_database_url=database, service_rabbitmq_url=outside.url, ops_port=0, instance_id=name
        )
        return Service(name, settings=settings, router=routes, migrations=None)

    async with (
        running(service(POST_WEBINAR, asker_database.url, router)),
        running(service(ROOM_UI, kit_database, owning_router)),
    ):

        async def full() -> bool:
            return int(await asker_database.pool.fetchval("select count(*) from account")) == COUNT

        await eventually(full, seconds=20, what="a full table")
