"""Watching: a webinar runs and no alert has anything to say; a service stops, and one does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.topology import ATTENDANCE, THE_FIVE
from local_stack.rabbitmq import RabbitMQ
from local_stack.servers import Servers
from watching import files
from world.desk import Desk
from world.people import Cast
from world.prometheus import Prometheus, wait_until, watching
from world.streams import Crowd
from world.system import World

# What Prometheus writes down itself, and only when there is something.
ONLY_WHEN_FIRING = {"ALERTS"}


@pytest.fixture
def prometheus(world: World, own_servers: Servers, tmp_path: Path) -> Iterator[Prometheus]:
    """A Prometheus that has read everybody once."""
    if not isinstance(own_servers.rabbitmq, RabbitMQ):
        pytest.skip("only the private broker shows its own metrics here")
    with watching(world, own_servers.rabbitmq.metrics_port, tmp_path) as found:
        everybody = {f"webinars {name}" for name in THE_FIVE} | {"rabbitmq rabbitmq", "rabbitmq-queues rabbitmq"}
        wait_until(lambda: found.targets() == dict.fromkeys(everybody, "up"), found.targets)
        # It looks for them only after five seconds, and until then misses them.
        wait_until(lambda: found.alerts() == [], found.alerts)
        yield found


def test_a_webinar_is_silent_and_a_service_that_stops_is_told_of(
    world: World, cast: Cast, desk: Desk, prometheus: Prometheus
) -> None:
    began = time.monotonic()
    _, [candidate] = cast.family(1, linked=True)
    webinar_id = desk.plan("Под присмотром")
    facts = world.facts(webinar_id)
    crowd = Crowd(world.background, world.base_url, webinar_id)
    crowd.join({candidate.login: cast.caller(candidate).cookies()})
    started = desk.start(webinar_id)
    crowd.wait_for(lambda stream: stream.first("live"))
    is_told(prometheus, 'max(room_ui_open_rooms{status="live"})')
    is_told(prometheus, "max(room_ui_viewers)")
    is_told(prometheus, "sum(room_ui_streams)")
    # As its page does when the webinar goes on the air.
    cast.caller(candidate).say("/webinar/v1/seen", {"webinar_id": str(webinar_id)})
    world.let_run(started, 7)
    desk.stop(webinar_id)
    crowd.leave()
    facts.wait_for_delivery(candidate, "attended", "sent")
    facts.wait_for_delivery(candidate, "partner_notice", "sent")
    is_told(prometheus, 'sum(post_webinar_messages_total{outcome="sent"})', at_least=2)

    asked = {name for expression in files.all_expressions() for name in files.metrics_in(expression)}
    assert asked - ONLY_WHEN_FIRING - prometheus.names() == set()
    wait_until(lambda: prometheus.alerts() == [], prometheus.alerts)
    since = f"{time.monotonic() - began:.0f}s"
    assert prometheus.ask(f'count_over_time(ALERTS{{alertstate="firing"}}[{since}])') == []

    process = world.stack.service(ATTENDANCE)
    process.stop()
    try:
        wait_until(lambda: prometheus.alerts("firing") != [], prometheus.alerts)
        [alert] = prometheus.alerts("firing")
    finally:
        process.start()
    assert (alert["alertname"], alert["service"]) == ("ServiceDown", ATTENDANCE)
    wait_until(lambda: prometheus.alerts() == [], prometheus.alerts)


def is_told(prometheus: Prometheus, expression: str, *, at_least: float = 1) -> None:
    """Return when Prometheus has read that something is so many."""

    def value() -> float:
        return max((number for _, number in prometheus.ask(expression)), default=0)

    wait_until(lambda: value() >= at_least, lambda: f"{expression} is {value()}")
