"""One-time tokens are forgotten a day after they expired; what keeps a message from going twice never is."""

from datetime import timedelta

from post_webinar.handlers import forget_old_tokens
from servicekit.jobs import run_job
from servicekit.retention import SLICE
from servicekit.testing import NOON, ServiceUnderTest


async def offer(service: ServiceUnderTest, count: int, *, expired: timedelta) -> None:
    await service.database.pool.execute(
        "insert into link_token (token_id, token_hash, account_id, expires_at) "
        "select gen_random_uuid(), sha256(($1 || number)::bytea), 'anna', $2 "
        "from generate_series(1, $3::int) as number",
        str(expired),
        NOON - expired,
        count,
    )


async def test_tokens_are_forgotten_in_slices_a_day_after_they_expired(service: ServiceUnderTest) -> None:
    await offer(service, SLICE + 1, expired=timedelta(days=1, seconds=1))
    await offer(service, 2, expired=timedelta(days=1))

    job = service.service.handler(forget_old_tokens)
    assert [await run_job(service.database, job) for _ in range(2)] == [True, False]

    assert await service.database.pool.fetchval("select count(*) from link_token") == 2
