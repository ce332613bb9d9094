"""What post-webinar hears: in any order, twice, in crowds."""

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from contracts import (
    ChatLinkEvent,
    DeliveryState,
    MessageTemplateEvent,
    PostWebinarDelivery,
    PostWebinarFollowupControl,
    PostWebinarRoute,
    Recipient,
    Role,
    Route,
    SnapshotRequested,
    Step,
    WebinarStatus,
)
from post_webinar.handlers import keep_templates_complete, settle_due_deliveries
from post_webinar.tables import PostWebinarTable
from post_webinar.testing import END, PAUL, SPEAKER, ledger, link_chat, newest, person, tell, verdict, webinar
from servicekit.jobs import run_job
from servicekit.snapshots import announce_slices
from servicekit.testing import ServiceUnderTest, assert_migrations_match


async def test_the_migrations_make_the_tables(service: ServiceUnderTest) -> None:
    await assert_migrations_match(service, PostWebinarTable.metadata)


async def test_a_classified_candidate_gets_a_route_a_follow_up_and_a_notice(service: ServiceUnderTest) -> None:
    ended = webinar()
    await service.receive(ended, person(), PAUL, verdict(ended.webinar_id))
    [route] = service.said(PostWebinarRoute)
    assert (route.lead_id, route.route, route.attended) == ("anna", Route.ATTENDED, True)
    assert service.said(PostWebinarDelivery) == []

    await service.receive(route)
    followup, notice = service.said(PostWebinarDelivery)
    assert (followup.recipient, followup.step, followup.state) == (Recipient.CANDIDATE, Step.ATTENDED, "planned")
    assert (notice.recipient, notice.step, notice.lead_id) == (Recipient.PARTNER, Step.PARTNER_NOTICE, "anna")
    assert followup.due_at == END + timedelta(minutes=5)


async def test_there_is_no_route_before_the_webinar_has_finished(service: ServiceUnderTest) -> None:
    running = webinar(status=WebinarStatus.LIVE, version=4)
    await service.receive(running, person(), verdict(running.webinar_id))
    assert service.said(PostWebinarRoute) == []
    assert await service.database.pool.fetchval("select state from verdict") == "waiting_for_webinar"
    await service.receive(webinar(running.webinar_id))
    assert len(service.said(PostWebinarRoute)) == 1


async def test_a_lead_without_an_account_waits_for_it(service: ServiceUnderTest) -> None:
    ended = webinar()
    await service.receive(ended, verdict(ended.webinar_id))
    assert await service.database.pool.fetchval("select state from verdict") == "waiting_for_account"
    assert service.said(PostWebinarRoute) == []
    await service.receive(person("boris"))
    assert service.said(PostWebinarRoute) == []
    await service.receive(person())
    [route] = service.said(PostWebinarRoute)
    assert route.lead_id == "anna"


async def test_who_does_not_participate_gets_nothing(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(role=Role.SPEAKER), verdict(ended.webinar_id))
    assert await ledger(service) == []
    assert await service.database.pool.fetchval("select state from verdict") == "not_participating"


async def test_a_partner_who_took_part_gets_the_message_and_nobody_a_notice(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, PAUL, verdict(ended.webinar_id, "paul"))
    [row] = await ledger(service)
    assert (row["account_id"], row["step"]) == ("paul", "attended")


@pytest.mark.parametrize("seed", range(6))
async def test_facts_in_any_order_and_twice_make_each_message_once(service: ServiceUnderTest, seed: int) -> None:
    ended = webinar(recording_url="https://video.example/1")
    facts: list[Any] = [
        webinar(ended.webinar_id, status=WebinarStatus.LIVE, version=4),
        ended,
        PAUL,
        person(),
        person("boris"),
        verdict(ended.webinar_id),
        verdict(ended.webinar_id, "boris", attended=False),
        verdict(ended.webinar_id, "paul"),
    ]
    shuffled = facts * 2
    random.Random(seed).shuffle(shuffled)
    for fact in shuffled:
        await tell(service, fact)
    told = newest(service.said(PostWebinarDelivery))
    assert told == {
        ("anna", "attended"): DeliveryState.PLANNED,
        ("anna", "partner_notice"): DeliveryState.PLANNED,
        ("boris", "not_attended"): DeliveryState.PLANNED,
        ("boris", "partner_notice"): DeliveryState.PLANNED,
        ("boris", "recording"): DeliveryState.PLANNED,
        ("paul", "attended"): DeliveryState.PLANNED,
    }
    rows = await ledger(service)
    assert len(rows) == 6
    assert {row["due_at"] for row in rows} == {END + timedelta(minutes=5)}


async def test_every_order_of_the_four_streams_ends_the_same(service: ServiceUnderTest) -> None:
    """The route may even be heard before what it follows from: after a restore, say."""
    for number, order in enumerate(itertools.permutations(range(4))):
        lead_id, ended = f"lead-{number}", webinar()
        facts: list[Any] = [
            ended,
            person(lead_id),
            verdict(ended.webinar_id, lead_id),
            PostWebinarRoute(
                lead_id=lead_id, webinar_id=ended.webinar_id, attended=True, timestamp=END, route=Route.ATTENDED
            ),
        ]
        for position in order:
            await service.receive(facts[position])
        told = [one for one in service.said(PostWebinarDelivery) if one.lead_id == lead_id]
        assert sorted(one.step for one in told) == [Step.ATTENDED, Step.PARTNER_NOTICE], order
        service.said(PostWebinarRoute)


async def test_the_first_verdict_stays(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(), verdict(ended.webinar_id))
    await tell(service, verdict(ended.webinar_id, attended=False))
    assert [row["step"] for row in await ledger(service)] == ["attended", "partner_notice"]


async def test_an_older_snapshot_changes_nothing(service: ServiceUnderTest) -> None:
    ended = webinar()
    await service.receive(ended, person(version=7))
    await service.receive(webinar(ended.webinar_id, version=4, title="Old"), person(version=6, display_name="Old"))
    assert await service.database.pool.fetchval("select title from webinar") == "How to begin"
    assert await service.database.pool.fetchval("select display_name from account") == "Anna"


async def test_a_recording_saved_later_goes_once_to_who_did_not_attend(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(), person("boris"), verdict(ended.webinar_id, attended=False))
    await tell(service, verdict(ended.webinar_id, "boris"))
    service.said(PostWebinarDelivery)
    saved = END + timedelta(days=6)
    service.clock.set(saved)
    for version in (6, 7):
        await service.receive(webinar(ended.webinar_id, version=version, recording_url="https://video.example/1"))
    [recording] = service.said(PostWebinarDelivery)
    assert (recording.lead_id, recording.step, recording.state) == ("anna", Step.RECORDING, "planned")


async def test_a_recording_is_there_since_it_was_first_told_of(service: ServiceUnderTest) -> None:
    ended = webinar(recording_url="https://video.example/1")
    await service.receive(ended, person())
    edited = webinar(ended.webinar_id, version=6, recording_url="https://video.example/2")
    await service.receive(edited, timestamp=END + timedelta(days=8))
    await tell(service, verdict(ended.webinar_id, attended=False))
    assert "recording" in {row["step"] for row in await ledger(service)}


@pytest.mark.parametrize(
    ("days", "action", "states"),
    [(6, None, ["planned"]), (6, "hold", ["held"]), (6, "cancel", ["cancelled"]), (8, None, ["cancelled"])],
)
async def test_a_recording_link_that_was_away_for_a_while_goes_out_in_time(
    service: ServiceUnderTest, days: int, action: str | None, states: list[str]
) -> None:
    ended = webinar(recording_url="https://video.example/1")
    await tell(service, ended, person(), verdict(ended.webinar_id, attended=False))
    await service.receive(webinar(ended.webinar_id, version=6))
    service.clock.advance(301)
    await service.run(settle_due_deliveries)
    assert newest(service.said(PostWebinarDelivery))["anna", "recording"] == "cancelled"
    if action:
        await service.obey(PostWebinarFollowupControl(action=action, webinar_id=ended.webinar_id), actor=SPEAKER)

    service.clock.set(END + timedelta(days=days))
    for version in (7, 8):
        await service.receive(webinar(ended.webinar_id, version=version, recording_url="https://video.example/2"))
    assert [row["state"] for row in await ledger(service) if row["step"] == "recording"] == states
    told = [one.state for one in service.said(PostWebinarDelivery) if one.step is Step.RECORDING]
    assert told == [state for state in states if state != "cancelled"]


async def test_a_recording_saved_too_late_goes_to_nobody(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(), verdict(ended.webinar_id, attended=False))
    service.said(PostWebinarDelivery)
    late = webinar(ended.webinar_id, version=6, recording_url="https://video.example/1")
    await service.receive(late, timestamp=END + timedelta(days=7, seconds=1))
    assert service.said(PostWebinarDelivery) == []


async def test_a_deactivated_account_gets_nothing_more_and_facts_stay(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(), PAUL, verdict(ended.webinar_id))
    service.said(PostWebinarDelivery)
    await tell(service, person(version=2, active=False), person(version=2, active=False))
    [suppressed] = service.said(PostWebinarDelivery)
    assert (suppressed.step, suppressed.state) == (Step.ATTENDED, DeliveryState.SUPPRESSED)
    other = webinar()
    await tell(service, other, verdict(other.webinar_id))
    assert newest(service.said(PostWebinarDelivery)) == {
        ("anna", "attended"): DeliveryState.SUPPRESSED,
        ("anna", "partner_notice"): DeliveryState.PLANNED,
    }


async def test_a_deactivated_partner_gets_no_notice_whenever_that_was_told(service: ServiceUnderTest) -> None:
    before, after = webinar(), webinar()
    await tell(service, person(), PAUL, before, after, verdict(before.webinar_id))
    await tell(service, person("paul", Role.PARTNER, version=2, active=False))
    await tell(service, verdict(after.webinar_id))
    rows = [row for row in await ledger(service) if row["step"] == "partner_notice"]
    assert [(row["state"], row["reason"]) for row in rows] == [("suppressed", "account_inactive")] * 2
    assert {row["state"] for row in await ledger(service) if row["step"] == "attended"} == {"planned"}


async def test_what_is_due_and_cannot_be_sent_says_why(service: ServiceUnderTest) -> None:
    ended = webinar(recording_url="https://video.example/1")
    people = [person(name) for name in ("anna", "boris", "vera")]
    await tell(service, ended, *people, *(verdict(ended.webinar_id, one.account_id, attended=False) for one in people))
    await link_chat(service, "boris", 2)
    await service.database.pool.execute("update chat_link set blocked = true")
    await link_chat(service, "vera", 3)
    await service.receive(webinar(ended.webinar_id, version=6, recording_url=None))
    await service.run(settle_due_deliveries)
    service.said(PostWebinarDelivery)
    assert {row["state"] for row in await ledger(service)} == {"planned"}

    service.clock.advance(301)
    await service.run(settle_due_deliveries)
    found = {(row["lead_id"], row["step"]): (row["state"], row["reason"]) for row in await ledger(service)}
    for name in ("anna", "boris", "vera"):
        assert found.pop((name, "partner_notice")) == ("not_linked", "no_chat_linked")
        assert found.pop((name, "recording")) == ("cancelled", "no_recording_link")
    assert found == {
        ("anna", "not_attended"): ("not_linked", "no_chat_linked"),
        ("boris", "not_attended"): ("blocked", "chat_blocked"),
        ("vera", "not_attended"): ("planned", None),
    }
    told = service.said(PostWebinarDelivery)
    assert len(told) == 8
    assert all(one.version > 0 for one in told)


async def test_versions_of_a_delivery_grow(service: ServiceUnderTest) -> None:
    ended = webinar()
    await tell(service, ended, person(partner_id=None), verdict(ended.webinar_id))
    service.clock.advance(301)
    await service.run(settle_due_deliveries)
    await tell(service, person(version=2, active=False, partner_id=None))
    told = service.said(PostWebinarDelivery)
    assert [one.state for one in told] == ["planned", "not_linked", "suppressed"]
    assert [one.version for one in told] == sorted({one.version for one in told})


async def test_a_crowd_is_planned_in_few_statements(service: ServiceUnderTest) -> None:
    """2,000 verdicts that waited for the end: one transaction plans their routes, and a few their messages."""
    running = webinar(status=WebinarStatus.LIVE, version=4)
    crowd = [f"lead-{number:05}" for number in range(2_000)]
    pool = service.database.pool
    await service.receive(running, PAUL)
    await pool.execute(
        "insert into account select id, 1, id, 'candidate', 'paul', 'ru', true from unnest($1::text[]) as id", crowd
    )
    await pool.execute(
        "insert into verdict select $1, id, true, 2400, 'finish', $3, 'waiting_for_webinar' "
        "from unnest($2::text[]) as id",
        running.webinar_id,
        crowd,
        END,
    )
    counted = _count_statements(service)
    await service.receive(webinar(running.webinar_id))
    routes = service.said(PostWebinarRoute)
    assert len(routes) == len(crowd)
    assert counted() < 20
    await service.receive(*routes)
    assert counted() < 20
    assert len(service.said(PostWebinarDelivery)) == 2 * len(crowd)
    assert await pool.fetchval("select count(*) from delivery where step = 'partner_notice'") == len(crowd)


def _count_statements(service: ServiceUnderTest) -> Any:
    """Count the statements of the handlers' transactions; the returned function tells and begins anew."""
    count = 0
    original = service.database.work

    class Counting:
        def __init__(self, connection: Any) -> None:
            self._connection = connection

        def __getattr__(self, name: str) -> Any:
            nonlocal count
            if name in {"fetch", "fetchrow", "fetchval", "execute", "executemany"}:
                count += 1
            return getattr(self._connection, name)

    def work() -> Any:
        context = original()
        enter = context.__aenter__

        class Entering:
            async def __aenter__(self) -> Any:
                found = await enter()
                found.connection = Counting(found.connection)
                return found

            async def __aexit__(self, *details: Any) -> Any:
                return await context.__aexit__(*details)

        return Entering()

    service.database.work = work  # type: ignore[method-assign]

    def told() -> int:
        nonlocal count
        found, count = count, 0
        return found

    return told


async def test_the_default_texts_are_announced_at_the_first_start_alone(service: ServiceUnderTest) -> None:
    await service.run(keep_templates_complete)
    told = service.said(MessageTemplateEvent)
    assert {(one.step, one.locale) for one in told} == set(itertools.product(Step, ("ru", "en")))
    await service.run(keep_templates_complete)
    assert service.said(MessageTemplateEvent) == []


async def test_present_snapshots_are_told_to_who_asks(service: ServiceUnderTest) -> None:
    ended = webinar()
    await service.run(keep_templates_complete)
    await tell(service, ended, person(), PAUL, verdict(ended.webinar_id))
    for chat_id, account_id in enumerate(("anna", "paul"), start=1):
        await link_chat(service, account_id, chat_id)
    await service.collect()
    topics: tuple[Any, ...] = (PostWebinarDelivery, ChatLinkEvent, MessageTemplateEvent)
    told = {topic: sorted(service.said(topic), key=lambda one: one.meaning_key) for topic in topics}
    await service.receive(*(SnapshotRequested(topic_name=topic.topic) for topic in topics))
    while await run_job(service.database, announce_slices(service.service.router.owned_snapshots)):
        pass
    await service.collect()
    for topic in topics:
        assert sorted(service.said(topic), key=lambda one: one.meaning_key) == told[topic]
        assert told[topic]


async def test_slices_of_snapshots_follow_one_another(service: ServiceUnderTest) -> None:
    await service.run(keep_templates_complete)
    ended = webinar()
    await tell(service, ended, *(person(f"lead-{number}") for number in range(5)))
    await tell(service, *(verdict(ended.webinar_id, f"lead-{number}") for number in range(5)))
    for topic, present in service.service.router.owned_snapshots.items():
        async with service.database.work() as work:
            whole = await present(work, "", 100)
            found, after = [], ""
            while part := await present(work, after, 3):
                found += part
                after = part[-1][0]
        assert found == whole, topic
        assert [key for key, _ in whole] == sorted(key for key, _ in whole)


async def test_the_account_and_its_verdict_at_the_same_moment_do_not_miss_each_other(
    service: ServiceUnderTest,
) -> None:
    """Each of the two transactions begins before the other has committed."""
    ended = webinar(uuid4())
    await service.receive(ended)
    verdict_handler, account_handler = (
        next(one.handler for one in service.service.hearings() if one.message is type(event))
        for event in (verdict(ended.webinar_id), person())
    )
    async with service.database.work() as first:
        await verdict_handler([service.heard(verdict(ended.webinar_id))], first)

        async def account_arrives() -> None:
            async with service.database.work() as second:
                await account_handler([service.heard(person())], second)

        arriving = asyncio.create_task(account_arrives())
        while not await service.database.pool.fetchval(
            "select exists (select from pg_locks where not granted and database = "
            "(select oid from pg_database where datname = current_database()))"
        ):
            assert not arriving.done(), "the account did not wait for the verdict"
            await asyncio.sleep(0.01)
    await arriving
    await service.collect()
    assert len(service.said(PostWebinarRoute)) == 1
