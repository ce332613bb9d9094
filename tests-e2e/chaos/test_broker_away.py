"""The broker is away in mid-webinar: rooms go on, the desk says the truth, and nobody loses a minute."""

import os
import time
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from local_stack.servers import servers_to_crash
from playwright.sync_api import Browser, expect
from world.caller import error_code
from world.people import Person
from world.rooms import Browsers
from world.streams import Crowd

from chaos.system import System, running_system

AWAY = timedelta(seconds=float(os.environ.get("BROKER_AWAY_SECONDS", "20")))
"""Longer than three presence intervals, which would pass for no gap at all."""
INTERVAL_SECONDS = 5
PLAIN_ANSWER_SECONDS = 10.0
BACK_SECONDS = 60.0


@pytest.mark.timeout(240 + AWAY.total_seconds())
def test_a_broker_that_is_away_costs_nobody_their_minutes(the_browser: Browser, tmp_path: Path) -> None:
    with (
        servers_to_crash() as own,
        running_system(own, tmp_path / "stack", seed=0) as system,
    ):
        assert own.rabbitmq is not None
        desk = system.desks[0]
        _, people = system.cast.family(4)
        watches, stays, leaves, comes = people
        webinar_id = desk.plan("Без брокера", completion_percent="40")
        browsers = Browsers(the_browser, system.stack.base_url)
        room = browsers.room(system.cast.caller(watches), webinar_id)
        crowd = Crowd(system.background, system.stack.base_url, webinar_id)
        on_air_from = desk.start(webinar_id).moment("started_at")
        room.expect_screen("live")
        _join(system, crowd, stays, leaves)
        came = {person.login: on_air_from for person in (watches, stays, leaves)}
        system.ledger.wait_for(
            "tracker",
            "select count(*) from session where webinar_id = $1 and entered_at is not null",
            webinar_id,
            is_it=lambda count: count == len(came),
        )

        own.rabbitmq.stop()
        away_from = system.ledger.now()
        began = time.monotonic()
        answer = desk.press(webinar_id, "cta/show")
        assert time.monotonic() - began < PLAIN_ANSWER_SECONDS
        assert (answer.status_code, error_code(answer)) == (503, "unavailable")
        system.ledger.wait_until(away_from + AWAY / 2)
        crowd.leave(leaves.login)
        left = {leaves.login: system.ledger.now()}
        _join(system, crowd, comes)
        came[comes.login] = system.ledger.now()
        system.ledger.wait_until(away_from + AWAY)
        room.expect_screen("live")
        expect(room.player).to_have_count(1)
        expect(room.page.locator('[data-banner="lost"]')).to_be_hidden()
        assert room.is_same_document()
        own.rabbitmq.start()

        _wait_until_the_desk_works(system, webinar_id)
        on_air_until = desk.stop(webinar_id).moment("finished_at")
        room.expect_screen("finished")
        watched = _watched(system, webinar_id, people)
        for person in people:
            true = left.get(person.login, on_air_until) - came[person.login]
            assert abs(watched[person.login] - true.total_seconds()) <= INTERVAL_SECONDS, (person.login, watched, true)
        crowd.leave()
        browsers.close()


def _join(system: System, crowd: Crowd, *people: Person) -> None:
    crowd.join({person.login: system.cast.caller(person).cookies() for person in people})


def _wait_until_the_desk_works(system: System, webinar_id: UUID) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not system.wire.of("webinar_event", webinar_id, lambda body: body["cta_visibility"] == "visible"):
        assert time.monotonic() < deadline, "the desk is still not answered"
        system.desks[0].press(webinar_id, "cta/show")


def _watched(system: System, webinar_id: UUID, people: list[Person]) -> dict[str, int]:
    query = "select count(*) from participation where webinar_id = $1 and final"
    system.ledger.wait_for("room-ui", query, webinar_id, is_it=lambda count: count == len(people), patience=60)
    rows = system.ledger.rows(
        "room-ui", "select lead_id, watched_seconds from participation where webinar_id = $1", webinar_id
    )
    seconds = {row["lead_id"]: row["watched_seconds"] for row in rows}
    return {person.login: seconds[person.account_id] for person in people}
