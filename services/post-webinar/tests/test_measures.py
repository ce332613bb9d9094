"""The ledger and Telegram in figures."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiogram.exceptions import TelegramUnauthorizedError
from contracts import DeliveryState
from post_webinar.handlers import measure_ledger
from post_webinar.measures import OUTCOMES
from post_webinar.repository.measuring import _BY_STATE
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.bot import make_bot
from post_webinar.telegram.outcomes import Ending
from post_webinar.testing import END, PAUL, link_chat, person, tell, verdict, webinar
from prometheus_client import REGISTRY
from servicekit.jobs import run_job
from servicekit.testing import ServiceUnderTest
from telegram_sandbox.faults import Fault
from telegram_sandbox.server import Sandbox


async def measured(service: ServiceUnderTest) -> dict[str, float]:
    """Return what the metrics say of the ledger now; states only where there is something."""
    await run_job(service.database, service.service.handler(measure_ledger))
    names = ("uncertain", "due", "due_oldest_seconds")
    found = {name: REGISTRY.get_sample_value(f"post_webinar_{name}") or 0.0 for name in names}
    for state in DeliveryState:
        count = REGISTRY.get_sample_value("post_webinar_deliveries", {"state": state.value})
        assert count is not None, state
        if count:
            found[f"all {state.value}"] = count
    return found


async def set_state(service: ServiceUnderTest, lead: str, state: str, *, claimed: timedelta) -> None:
    await service.database.pool.execute(
        "update delivery set state = $2, claimed_at = $3 where lead_id = $1",
        lead,
        state,
        service.clock.now() - claimed,
    )


@pytest.fixture
async def ended(service: ServiceUnderTest) -> UUID:
    """A webinar with three candidates, all with a chat; their follow-ups fall due 300 s after its end."""
    event = webinar()
    await tell(service, event, PAUL)
    for number, name in enumerate(("anna", "boris", "vera")):
        await service.receive(person(name, partner_id=None))
        await link_chat(service, name, 100 + number)
        await tell(service, verdict(event.webinar_id, name))
    return event.webinar_id


async def test_what_is_due_counts_from_the_moment_it_is(service: ServiceUnderTest, ended: UUID) -> None:
    before = await measured(service)
    assert service.clock.now() < END + timedelta(seconds=300)
    service.clock.advance((END + timedelta(seconds=340) - service.clock.now()).total_seconds())

    after = await measured(service)

    assert before == {"uncertain": 0, "due": 0, "due_oldest_seconds": 0, "all planned": 3}
    assert after == {"uncertain": 0, "due": 3, "due_oldest_seconds": 40, "all planned": 3}


async def test_who_has_no_chat_any_more_is_not_waited_for(service: ServiceUnderTest, ended: UUID) -> None:
    await service.database.pool.execute("update chat_link set blocked = true where account_id = 'anna'")
    await service.database.pool.execute("update chat_link set chat_id = null where account_id = 'boris'")
    service.clock.advance((END + timedelta(seconds=340) - service.clock.now()).total_seconds())

    assert (await measured(service))["due"] == 1


async def test_an_uncertain_message_counts_until_it_is_sent_again_or_a_day_old(
    service: ServiceUnderTest, ended: UUID
) -> None:
    await set_state(service, "anna", "uncertain", claimed=timedelta(hours=1))
    await set_state(service, "boris", "uncertain", claimed=timedelta(hours=1))
    await set_state(service, "vera", "uncertain", claimed=timedelta(hours=25))
    before = await measured(service)
    await service.database.pool.execute(
        "insert into delivery select $1::uuid, webinar_id, lead_id, account_id, recipient, step, copy + 1, 'sent', "
        "reason, attempts, due_at, not_linked_at, version from delivery where lead_id = 'anna'",
        uuid4(),
    )

    after = await measured(service)

    assert (before["uncertain"], before["all uncertain"]) == (2, 3)
    assert (after["uncertain"], after["all sent"]) == (1, 1)


async def test_old_webinars_are_not_counted(service: ServiceUnderTest, ended: UUID) -> None:
    service.clock.advance(timedelta(days=8, hours=2).total_seconds())

    assert "all planned" not in await measured(service)


async def test_a_state_that_is_over_goes_back_to_nothing(service: ServiceUnderTest, ended: UUID) -> None:
    await measured(service)
    await set_state(service, "anna", "sent", claimed=timedelta(0))
    await set_state(service, "boris", "sent", claimed=timedelta(0))
    await set_state(service, "vera", "sent", claimed=timedelta(0))

    found = await measured(service)

    assert {name for name in found if name.startswith("all ")} == {"all sent"}


async def test_requests_count_by_how_they_end(sandbox: Sandbox, settings: PostWebinarSettings) -> None:
    def ended_so(outcome: str) -> float:
        labels = {"method": "getMe", "outcome": outcome}
        count = REGISTRY.get_sample_value("post_webinar_telegram_requests_total", labels)
        assert count is not None, f"{outcome} is there before the first"
        return count

    async with make_bot(settings) as bot:
        before = {outcome: ended_so(outcome) for outcome in ("ok", "no_token", "too_many", "not_reached", "unknown")}
        await bot.get_me()
        sandbox.api.faults.waiting.append(Fault("401", method="getme"))
        with pytest.raises(TelegramUnauthorizedError):
            await bot.get_me()

    after = {outcome: ended_so(outcome) for outcome in before}
    assert after == before | {"ok": before["ok"] + 1, "no_token": before["no_token"] + 1}


async def test_messages_are_counted_from_before_the_first(settings: PostWebinarSettings) -> None:
    OUTCOMES.clear()
    async with make_bot(settings):
        [family] = OUTCOMES.collect()

    counted = {one.labels["outcome"]: one.value for one in family.samples if one.name.endswith("_total")}
    assert counted == dict.fromkeys(("sent", *(ending.name.lower() for ending in Ending)), 0)


async def test_whether_a_message_was_sent_again_is_asked_of_uncertain_ones_alone(
    service: ServiceUnderTest, ended: UUID
) -> None:
    for lead in ("anna", "boris", "vera"):
        await set_state(service, lead, "sent" if lead != "vera" else "uncertain", claimed=timedelta(hours=1))

    day_before = END - timedelta(days=1)
    asked = await service.database.pool.fetch(f"explain (analyze, timing off) {_BY_STATE}", day_before, day_before)

    [how_often] = re.findall(r"SubPlan.*?loops=(\d+)", "\n".join(row[0] for row in asked), re.DOTALL)
    assert how_often == "1"
