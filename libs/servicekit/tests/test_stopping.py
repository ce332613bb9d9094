"""The stages of a stop share one deadline, and none can hold up those after it."""

import asyncio

import pytest
from contracts import AccountEvent
from contracts.examples import example
from servicekit import Database, HouseClock, stopping
from servicekit.live_testing import Door, Outside
from servicekit.relay import Relay
from servicekit.stopping import Stopping, cancelled, finished


async def test_a_stage_gets_what_is_left_after_what_the_later_ones_need(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "STOP_SECONDS", 3.0)
    asked = Stopping()
    assert asked.within(8, keep=2) == 8, "nobody has asked yet"
    asked.ask()
    assert asked.within(8, keep=2) == pytest.approx(1, abs=0.1)
    assert asked.within(0.5, keep=2) == 0.5
    assert asked.within(8, keep=5) > 0, "what is ready at once is still done"


async def test_asking_again_gives_no_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Stopping()
    asked.ask()
    monkeypatch.setattr(stopping, "STOP_SECONDS", 100.0)
    asked.ask()
    assert asked.within(100) < 10


async def test_a_stage_that_holds_out_is_left_behind() -> None:
    over = asyncio.Event()

    async def hold_out() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    async with asyncio.timeout(2):
        assert not await finished("stubborn", hold_out(), 0.05)
    over.set()


async def test_a_stage_that_fails_is_logged_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise LookupError("a bug")

    assert not await finished("broken", fail(), 1)
    assert "stopping.failed" in caplog.text


async def test_cancelling_again_gets_through_to_what_waits_after_the_first_time() -> None:
    async def release() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            # As asyncpg does, for a server that is silent: a rollback, and then the way back to the pool.
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.Event().wait()

    task = asyncio.create_task(release())
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await cancelled([task], 1, insist=True)
    assert task.done()


async def test_a_relay_that_is_told_to_finish_leaves_nothing_to_be_said_again(
    kit_database: str, outside: Outside
) -> None:
    database = Database(kit_database, HouseClock())
    await database.open()

    async def announce(count: int) -> None:
        async with database.work() as work:
            for _ in range(count):
                work.announce(AccountEvent.from_json(example(AccountEvent.topic)))

    async with Door(outside.url) as broker:
        relay = Relay(kit_database, broker.url, app_id="room-ui", clock=HouseClock())
        running = asyncio.create_task(relay.run())
        await announce(1)
        await outside.listener.until(AccountEvent.topic)
        # The broker is given what comes now, and is about to confirm it when the stop comes.
        await announce(300)
        relay.wake()
        await outside.listener.until(AccountEvent.topic, 2)
        await relay.finish(running, 10)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        left = await database.pool.fetchval("select count(*) from outbox")
        await relay.close()
    await database.close()
    said = [message.message_id for message in await outside.listener.until(AccountEvent.topic, 301)]
    assert (len(said), len(set(said)), left) == (301, 301, 0)
