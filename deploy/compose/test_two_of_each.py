"""The profile `scale` and Prometheus: two of each behind nginx, replaced in turn while a webinar is on air."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from composed.house import House, until
from composed.project import Compose, documented, running
from contracts.topology import THE_FIVE
from world.audience import pressing
from world.facts import COMPLETED

INSTANCES = {f"{service}{which}" for service in THE_FIVE for which in ("", "-2")}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with running(Compose(tmp_path_factory.mktemp("scale"), profile="scale")) as project:
        yield project


@pytest.fixture(scope="module")
def house(compose: Compose) -> Iterator[House]:
    house = House(compose)
    yield house
    house.close()


def test_each_is_replaced_in_turn_while_a_webinar_is_on_air(compose: Compose, house: House) -> None:
    (replace,) = (block for block in documented("scaling.md", "With Docker") if "--no-deps" in block)
    before = compose.containers()
    assert set(before) == INSTANCES
    on_air = house.on_air("Two of each")
    # Something that every service is told, so that Compose makes a new container of each.
    compose.set(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")

    with pressing(house.desk, on_air.webinar_id) as unanswered:
        compose.shell("\n".join(replace.replace("room-ui", service) for service in THE_FIVE))
        after = compose.containers()

    assert {name for name in INSTANCES if before[name] == after[name]} == set()
    assert compose.health() == dict.fromkeys(INSTANCES, "healthy")
    assert unanswered == []
    house.stop(on_air)
    heard = {topic: len(house.wire.of(topic, on_air.webinar_id)) for topic in COMPLETED}
    assert heard == dict.fromkeys(COMPLETED, 1)
    assert house.readers("Two of each") == [on_air.couple.candidate, on_air.couple.partner]
    assert compose.doctors_findings() == []


def test_prometheus_sees_every_instance_and_nothing_amiss(compose: Compose, house: House) -> None:
    compose.run("up", "--detach", "--wait", "prometheus")
    with httpx.Client(base_url=compose.prometheus_url) as prometheus:

        def asked(query: str) -> list[dict[str, Any]]:
            answer = prometheus.get("/api/v1/query", params={"query": query})
            found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
            return found

        def seen() -> list[str]:
            return sorted(one["metric"]["service"] for one in asked("up == 1"))

        expected = sorted([*THE_FIVE, *THE_FIVE, "rabbitmq", "rabbitmq"])
        until(lambda: _answers(prometheus) and seen() == expected, "Prometheus sees every instance")
        loaded = prometheus.get("/api/v1/rules").json()["data"]["groups"]
        assert sum(len(group["rules"]) for group in loaded) > 0
        until(lambda: bool(asked('webinars_ready{check="topology"} == 1')), "it has read a first time")
        assert asked("ALERTS") == []


def _answers(prometheus: httpx.Client) -> bool:
    try:
        return prometheus.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False
