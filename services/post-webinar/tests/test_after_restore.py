"""After a restore: what may have been sent is not sent again by the machine, now or later."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from contracts import DeliveryState, PostWebinarDelivery, PostWebinarRoute, WebinarStatus
from post_webinar.after_restore import settle
from post_webinar.handlers import settle_due_deliveries
from post_webinar.repository.claims import claim_next
from post_webinar.settings import PostWebinarSettings
from post_webinar.testing import END, ledger, link_chat, person, tell, verdict, webinar
from servicekit.after_restore import Finding, version_at
from servicekit.testing import NOON, ServiceUnderTest

EARLY = NOON + timedelta(seconds=299)
DUE = NOON + timedelta(seconds=300)


async def restore(service: ServiceUnderTest) -> list[Finding]:
    async with service.database.work() as work:
        found = await settle(work)
    await service.collect()
    return list(found)


async def states(service: ServiceUnderTest) -> dict[str, str]:
    return {row["lead_id"]: row["state"] for row in await ledger(service)}


async def next_claim(service: ServiceUnderTest) -> object:
    settings = PostWebinarSettings.model_validate(service.service.settings.model_dump())
    async with service.database.work() as work:
        return await claim_next(work, [], settings)


@pytest.fixture
async def over(service: ServiceUnderTest) -> UUID:
    """A webinar that is over, with a message to `anna` that is due five minutes after its end."""
    await service.receive(person(partner_id=None))
    await link_chat(service, "anna", 1)
    webinar_id = uuid4()
    await tell(service, webinar(webinar_id), verdict(webinar_id))
    return webinar_id


async def test_what_was_due_may_have_been_sent_and_is_for_a_person_to_decide(
    service: ServiceUnderTest, over: UUID
) -> None:
    del over
    service.clock.set(DUE)

    found = await restore(service)

    assert await states(service) == {"anna": "uncertain"}
    assert [row["reason"] for row in await ledger(service)] == ["restored_from_backup"]
    assert found[0].count == 1
    assert await next_claim(service) is None


async def test_what_was_on_its_way_is_uncertain(service: ServiceUnderTest, over: UUID) -> None:
    del over
    service.clock.set(DUE)
    assert await next_claim(service)
    await restore(service)
    assert await states(service) == {"anna": "uncertain"}


async def test_what_is_not_due_yet_cannot_have_gone_and_is_held_until_somebody_has_looked(
    service: ServiceUnderTest, over: UUID
) -> None:
    del over
    service.clock.set(EARLY)

    found = await restore(service)

    assert await states(service) == {"anna": "held"}
    assert [(one.what, one.count) for one in found if one.what.startswith("held")] == [("held: How to begin", 1)]


async def test_a_verdict_that_comes_again_sends_nothing_by_itself(service: ServiceUnderTest) -> None:
    """The webinar was on air in the dump: it ended, and its messages went, in the time that was lost."""
    await service.receive(person(partner_id=None))
    await link_chat(service, "anna", 1)
    webinar_id = uuid4()
    await tell(service, webinar(webinar_id, status=WebinarStatus.LIVE))
    await restore(service)

    await tell(service, webinar(webinar_id, version=6), verdict(webinar_id))
    service.clock.set(DUE + timedelta(days=1))

    assert await states(service) == {"anna": "held"}
    assert await next_claim(service) is None


async def test_a_recording_that_is_saved_again_sends_nothing_by_itself(service: ServiceUnderTest) -> None:
    await service.receive(person(partner_id=None))
    await link_chat(service, "anna", 1)
    webinar_id = uuid4()
    await tell(service, webinar(webinar_id), verdict(webinar_id, attended=False))
    await service.database.pool.execute("update delivery set state = 'sent'")
    await restore(service)

    await tell(service, webinar(webinar_id, version=6, recording_url="https://video.example/1"))

    assert {row["step"]: row["state"] for row in await ledger(service)} == {"not_attended": "sent", "recording": "held"}


async def test_who_links_a_chat_again_gets_nothing_by_itself(service: ServiceUnderTest) -> None:
    await service.receive(person(partner_id=None))
    webinar_id = uuid4()
    await tell(service, webinar(webinar_id), verdict(webinar_id))
    service.clock.set(DUE)
    await service.run(settle_due_deliveries)
    assert await states(service) == {"anna": "not_linked"}
    await restore(service)

    await link_chat(service, "anna", 1)
    await service.run(settle_due_deliveries)

    assert await states(service) == {"anna": "held"}


async def test_what_is_long_over_and_what_is_to_come_goes_on_as_it_was(service: ServiceUnderTest) -> None:
    await service.receive(person(partner_id=None))
    long_over, to_come = uuid4(), uuid4()
    await tell(service, webinar(long_over, finished_at=END - timedelta(days=8)))
    coming = {"started_at": None, "scheduled_at": NOON + timedelta(days=1), "status": WebinarStatus.SCHEDULED}
    await tell(service, webinar(to_come, **coming))

    found = await restore(service)

    assert [one for one in found if one.what.startswith("held")] == []


async def test_a_cancelled_webinar_stays_cancelled(service: ServiceUnderTest, over: UUID) -> None:
    await service.database.pool.execute("update followup set control = 'cancelled' where webinar_id = $1", over)
    await restore(service)
    assert await service.database.pool.fetchval("select control from followup") == "cancelled"


async def test_a_route_that_the_broker_has_lost_is_said_again(service: ServiceUnderTest) -> None:
    await service.receive(person(partner_id=None))
    webinar_id = uuid4()
    await service.receive(webinar(webinar_id), verdict(webinar_id))
    [first] = service.said(PostWebinarRoute)

    await restore(service)

    [again] = service.said(PostWebinarRoute)
    assert again == first
    await service.receive(again)
    assert await states(service) == {"anna": "held"}


async def test_the_ledger_is_told_under_versions_that_nobody_has_seen(service: ServiceUnderTest, over: UUID) -> None:
    del over
    told = max(one.version for one in service.said(PostWebinarDelivery))
    service.clock.set(DUE)
    await restore(service)
    [row] = await ledger(service)
    assert row["version"] == version_at(DUE) > told
    assert DeliveryState(row["state"]) is DeliveryState.UNCERTAIN
