"""docker-compose.yml as an operator runs it: up, the loop, loss and restore, down."""

import json
from collections.abc import Iterator

import pytest
from composed.house import House
from composed.project import Compose, documented, running
from contracts.topology import THE_FIVE

FACTS = (
    "client_webinar_entered",
    "client_webinar_completed",
    "webinar_completed",
    "client_webinar_attendance_classified",
    "post_webinar_route",
)

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    with running(Compose(tmp_path_factory.mktemp("compose"))) as project:
        yield project


@pytest.fixture(scope="module")
def house(compose: Compose) -> Iterator[House]:
    house = House(compose)
    yield house
    house.close()


def test_the_loop_runs_in_containers(house: House) -> None:
    on_air = house.on_air("In containers")
    house.stop(on_air)

    heard = {topic: house.wire.of(topic, on_air.webinar_id) for topic in FACTS}
    assert {topic: len(said) for topic, said in heard.items()} == dict.fromkeys(FACTS, 1)
    assert heard["webinar_completed"][0].body["completed_by"] in {"present_at_stop", "watched_enough"}
    assert heard["client_webinar_attendance_classified"][0].body["attended"] is True
    assert heard["post_webinar_route"][0].body["route"] == "attended"
    assert house.readers("In containers") == [on_air.couple.candidate, on_air.couple.partner]


def test_services_run_without_root_and_cannot_write_where_they_live(compose: Compose) -> None:
    for service in THE_FIVE:
        assert compose.run("exec", "-T", service, "id", "-u").strip() == "10001"
        ran = compose.run("exec", "-T", service, "sh", "-c", "touch /app/x 2>/dev/null && echo written || echo refused")
        assert ran.strip() == "refused"


def test_a_house_restored_as_documented_runs_on_and_sends_nothing_twice(compose: Compose, house: House) -> None:
    dump, restore = documented("operating.md", "Back up and restore with Docker")
    settle = ("run", "--rm", "provision", "webinarctl", "after-restore", "--yes")
    before = house.on_air("Before the dumps")
    house.stop(before)
    at_the_dump = house.on_air("On air in the dumps")

    compose.shell(dump)

    house.stop(at_the_dump)
    after = house.on_air("After the dumps")
    house.stop(after)
    assert "stop all services first" in compose.refusal(*settle)

    found = compose.shell(restore)

    assert "on air when it was dumped: On air in the dumps" in found
    assert "held: On air in the dumps" in found
    once_more = json.loads(compose.run(*settle, "--json"))
    assert {one["service"] for one in once_more["settled"] if one["before"]} == set(THE_FIVE)
    assert compose.health() == dict.fromkeys(THE_FIVE, "healthy")
    house.desk = house.desk_of_the_speaker()
    house.stop(house.enter(at_the_dump.webinar_id, at_the_dump.couple), messages="held")
    next_one = house.on_air("Restored")
    house.stop(next_one)
    for title, on_air in (
        ("Before the dumps", before),
        ("On air in the dumps", at_the_dump),
        ("After the dumps", after),
        ("Restored", next_one),
    ):
        assert house.readers(title) == [on_air.couple.candidate, on_air.couple.partner], title
    assert compose.doctors_findings() == []
