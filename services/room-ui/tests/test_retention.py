"""A flood of sign-ins that failed is swept away in slices, before anybody has to wait for it."""

from datetime import timedelta

from room_ui.handlers import sweep_accounts
from room_ui.testing import NOON, Web
from servicekit.jobs import run_job
from servicekit.retention import SLICE, is_alone


async def fail_to_sign_in(web: Web, count: int, *, ago: timedelta) -> None:
    await web.parts.database.pool.execute(
        "insert into sign_in_attempt (attempt_id, login, address, at) "
        "select gen_random_uuid(), 'anna' || number, '192.0.2.1', $1 from generate_series(1, $2::int) as number",
        NOON - ago,
        count,
    )


async def left(web: Web) -> int:
    return int(await web.parts.database.pool.fetchval("select count(*) from sign_in_attempt"))


async def test_a_flood_of_attempts_goes_in_slices(web: Web) -> None:
    await fail_to_sign_in(web, 2 * SLICE + 5, ago=timedelta(minutes=16))
    await fail_to_sign_in(web, 3, ago=timedelta(minutes=14))
    sweep = web.under_test.service.handler(sweep_accounts)

    assert [await run_job(web.parts.database, sweep) for _ in range(3)] == [True, True, False]

    assert await left(web) == 3


async def test_one_instance_sweeps_at_a_time(web: Web) -> None:
    await fail_to_sign_in(web, 1, ago=timedelta(hours=1))
    async with web.parts.database.work() as other:
        assert await is_alone(other, "sweep_accounts")
        await web.under_test.run(sweep_accounts)
        assert await left(web) == 1
    await web.under_test.run(sweep_accounts)
    assert await left(web) == 0
