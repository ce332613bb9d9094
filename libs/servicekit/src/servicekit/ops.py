"""The internal port: alive, ready, metrics."""

from collections.abc import Awaitable, Callable

from prometheus_client import CONTENT_TYPE_LATEST, disable_created_metrics, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from servicekit import metrics
from servicekit.work import Work

Readiness = Callable[[], Awaitable[dict[str, bool]]]


def ops_app(service: str, readiness: Readiness, is_broker_connected: Callable[[], bool]) -> Starlette:
    """Return the app of `/health/live`, `/health/ready` and `/metrics`."""
    # When a counter began is a second line for each, which nothing here asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]

    async def live(_: Request) -> Response:
        return JSONResponse({"service": service, "live": True})

    async def ready(_: Request) -> Response:
        checks = await readiness()
        is_ready = all(checks.values())
        return JSONResponse(
            {"service": service, "ready": is_ready, "checks": checks}, status_code=200 if is_ready else 503
        )

    async def metrics_page(_: Request) -> Response:
        for check, holds in (await readiness()).items():
            metrics.READY.labels(check).set(holds)
        metrics.BROKER_CONNECTED.set(is_broker_connected())
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", metrics_page)]
    )


async def measure_backlog(work: Work) -> None:
    """Measure the outbox and the dead letters for the metrics."""
    row = await work.connection.fetchrow(
        "select count(*) filter (where parked_at is null) as waiting, count(*) filter (where parked_at is not null) "
        "as parked, coalesce(extract(epoch from clock_timestamp() - min(created_at) "
        "filter (where parked_at is null)), 0)::float8 as oldest from outbox"
    )
    metrics.OUTBOX_ROWS.labels("waiting").set(row["waiting"])
    metrics.OUTBOX_ROWS.labels("parked").set(row["parked"])
    metrics.OUTBOX_AGE.set(row["oldest"])
    metrics.DEAD_ROWS.set(await work.connection.fetchval("select count(*) from dead_letter"))
