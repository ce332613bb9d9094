"""What a service shows of itself from its first moment on."""

import httpx
from prometheus_client import REGISTRY
from servicekit import metrics
from servicekit.ops import ops_app


async def page(checks: dict[str, bool], *, connected: bool) -> str:
    """Return the page of metrics as Prometheus reads it."""

    async def readiness() -> dict[str, bool]:
        return checks

    transport = httpx.ASGITransport(app=ops_app("tracker", readiness, lambda: connected))
    async with httpx.AsyncClient(transport=transport, base_url="http://ops") as prometheus:
        return (await prometheus.get("/metrics")).text


async def test_what_is_missing_is_told_as_of_the_moment_of_reading() -> None:
    before = await page({"database": False, "relay": True}, connected=False)
    after = await page({"database": True, "relay": True}, connected=True)

    assert 'webinars_ready{check="database"} 0.0' in before
    assert 'webinars_ready{check="relay"} 1.0' in before
    assert "webinars_broker_connected 0.0" in before
    assert 'webinars_ready{check="database"} 1.0' in after
    assert "webinars_broker_connected 1.0" in after


async def test_the_page_has_no_second_line_for_each_counter() -> None:
    assert "_created" not in await page({}, connected=True)


def test_a_queue_is_there_before_its_first_message() -> None:
    queue = "tracker.a_queue_of_this_test"

    metrics.begin_queue(queue)

    messages = (f"webinars_messages_{what}_total" for what in ("received", "handled", "failed", "dead"))
    histograms = (f"webinars_{what}_seconds_count" for what in ("batch", "critical_time"))
    for name in (*messages, "webinars_dead_letters_forgotten_total", *histograms):
        assert REGISTRY.get_sample_value(name, {"queue": queue}) == 0, name
    for level in "1234":
        labels = {"queue": queue, "level": level}
        assert REGISTRY.get_sample_value("webinars_messages_delayed_total", labels) == 0, level
