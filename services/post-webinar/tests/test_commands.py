"""What post-webinar obeys: the desk's control of follow-ups, texts, chat links."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    CAPABILITIES,
    ChatLinkRequested,
    CommandReply,
    DeliveryState,
    ErrorCode,
    MessageTemplateEvent,
    MessageTemplateSet,
    PostWebinarDelivery,
    PostWebinarFollowupControl,
    Role,
    Step,
)
from post_webinar.domain.chat_tokens import token_hash
from post_webinar.handlers import doubt_long_sending, settle_due_deliveries
from post_webinar.repository import claims, deliveries, links
from post_webinar.settings import PostWebinarSettings
from post_webinar.testing import (
    ADMIN,
    CANDIDATE,
    END,
    PAUL,
    SPEAKER,
    ledger,
    link_chat,
    newest,
    person,
    tell,
    verdict,
    webinar,
)
from servicekit import Actor
from servicekit.testing import ServiceUnderTest


async def _control(service: ServiceUnderTest, action: str, **fields: Any) -> CommandReply:
    return await service.obey(PostWebinarFollowupControl(action=action, **fields), actor=SPEAKER)


async def _told(service: ServiceUnderTest) -> set[DeliveryState]:
    return set(newest(service.said(PostWebinarDelivery)).values())


def _code(reply: CommandReply) -> ErrorCode | None:
    assert reply.ok is (reply.error is None)
    return reply.error.code if reply.error else None


@pytest.fixture
async def planned(service: ServiceUnderTest) -> UUID:
    """A webinar with a planned follow-up to `anna` and a notice to `paul`."""
    ended = webinar()
    await tell(service, ended, person(), PAUL, verdict(ended.webinar_id, attended=False))
    service.said(PostWebinarDelivery)
    return ended.webinar_id


async def test_the_desk_holds_and_releases(service: ServiceUnderTest, planned: UUID) -> None:
    assert (await _control(service, "hold", webinar_id=planned)).affected == 2
    assert await _told(service) == {DeliveryState.HELD}
    assert (await _control(service, "hold", webinar_id=planned)).affected == 0
    await tell(service, person("boris"), verdict(planned, "boris"))
    assert await _told(service) == {DeliveryState.HELD}
    assert (await _control(service, "release", webinar_id=planned)).affected == 4
    assert await _told(service) == {DeliveryState.PLANNED}
    await tell(service, person("vera"), verdict(planned, "vera"))
    assert await _told(service) == {DeliveryState.PLANNED}


async def test_a_hold_before_anything_was_planned_holds_what_comes(service: ServiceUnderTest) -> None:
    ended = webinar()
    await service.receive(ended)
    assert (await _control(service, "hold", webinar_id=ended.webinar_id)).ok
    await tell(service, person(), verdict(ended.webinar_id))
    assert await _told(service) == {DeliveryState.HELD}


async def test_cancelled_is_for_good(service: ServiceUnderTest, planned: UUID) -> None:
    service.clock.advance(301)
    await service.run(settle_due_deliveries)
    assert await _told(service) == {DeliveryState.NOT_LINKED}
    assert (await _control(service, "cancel", webinar_id=planned)).affected == 2
    assert await _told(service) == {DeliveryState.CANCELLED}
    await tell(service, webinar(planned, version=6, recording_url="https://video.example/1"))
    assert await _told(service) == {DeliveryState.CANCELLED}
    for action in ("hold", "release"):
        assert _code(await _control(service, action, webinar_id=planned)) is ErrorCode.DELIVERY_STATE_INVALID
    assert (await _control(service, "cancel", webinar_id=planned)).affected == 0


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"action": "hold", "webinar_id": uuid4()}, ErrorCode.NOT_FOUND, None),
        ({"action": "hold"}, ErrorCode.INVALID_FIELD, "webinar_id"),
        ({"action": "burn", "webinar_id": uuid4()}, ErrorCode.INVALID_FIELD, "action"),
        ({"action": "resend"}, ErrorCode.INVALID_FIELD, "delivery_id"),
        ({"action": "resend", "delivery_id": uuid4()}, ErrorCode.DELIVERY_NOT_FOUND, None),
    ],
)
async def test_a_wrong_control_is_refused(
    service: ServiceUnderTest, fields: dict[str, Any], code: ErrorCode, field: str | None
) -> None:
    reply = await _control(service, **fields)
    assert _code(reply) is code
    assert reply.error
    assert reply.error.field == field


async def test_only_who_manages_webinars_controls_follow_ups(service: ServiceUnderTest, planned: UUID) -> None:
    command = PostWebinarFollowupControl(action="cancel", webinar_id=planned)
    assert _code(await service.obey(command, actor=CANDIDATE)) is ErrorCode.FORBIDDEN
    assert await _told(service) == set()


@pytest.mark.parametrize("state", sorted(DeliveryState))
async def test_a_message_is_sent_again_as_a_new_row(
    service: ServiceUnderTest, planned: UUID, state: DeliveryState
) -> None:
    await service.database.pool.execute("update delivery set state = $1 where step = 'not_attended'", state.value)
    [original] = [row for row in await ledger(service) if row["step"] == "not_attended"]
    service.clock.advance(1000)
    reply = await _control(service, "resend", delivery_id=original["delivery_id"])
    told = service.said(PostWebinarDelivery)
    if state in {DeliveryState.PLANNED, DeliveryState.HELD, DeliveryState.SENDING, DeliveryState.SENT}:
        assert _code(reply) is ErrorCode.DELIVERY_STATE_INVALID
        assert told == []
        return
    assert reply.affected == 1
    copy = told[-1]
    assert copy.delivery_id != original["delivery_id"]
    assert (copy.state, copy.attempts, copy.due_at) == (DeliveryState.PLANNED, 0, service.clock.now())
    again = await _control(service, "resend", delivery_id=original["delivery_id"])
    assert _code(again) is ErrorCode.DELIVERY_STATE_INVALID
    if state is DeliveryState.NOT_LINKED:
        assert (told[0].state, told[0].reason) == (DeliveryState.CANCELLED, "sent_again")


async def _claimed(service: ServiceUnderTest) -> claims.Claim:
    settings = service.service.settings
    assert isinstance(settings, PostWebinarSettings)
    async with service.database.work() as work:
        claim = await claims.claim_next(work, [], settings)
    assert claim
    return claim


async def test_what_is_sending_for_more_than_a_minute_is_uncertain_and_a_late_answer_corrects_it(
    service: ServiceUnderTest, planned: UUID
) -> None:
    await link_chat(service, "anna", 1)
    service.clock.advance(301)
    claim = await _claimed(service)
    service.clock.advance(60)
    await service.run(doubt_long_sending)
    await service.collect()
    assert await _told(service) == {DeliveryState.SENDING}
    service.clock.advance(1)
    await service.run(doubt_long_sending)
    assert await _told(service) == {DeliveryState.UNCERTAIN}
    async with service.database.work() as work:
        await claims.record_outcome(work, claim, DeliveryState.SENT, message_id=7)
    await service.collect()
    assert await _told(service) == {DeliveryState.SENT}
    async with service.database.work() as work:
        await claims.record_outcome(work, claim, DeliveryState.FAILED, "too late")
    await service.collect()
    assert await _told(service) == set()


@pytest.mark.parametrize(
    ("action", "state"),
    [("hold", DeliveryState.HELD), ("cancel", DeliveryState.CANCELLED), (None, DeliveryState.PLANNED)],
)
async def test_what_was_not_sent_after_all_obeys_what_the_desk_said_meanwhile(
    service: ServiceUnderTest, planned: UUID, action: str | None, state: DeliveryState
) -> None:
    await link_chat(service, "anna", 1)
    service.clock.advance(301)
    claim = await _claimed(service)
    if action:
        await _control(service, action, webinar_id=planned)
    await service.collect()
    service.said(PostWebinarDelivery)
    async with service.database.work() as work:
        await claims.record_outcome(work, claim, DeliveryState.PLANNED, "not reached")
    await service.collect()
    assert await _told(service) == {state}


async def test_a_message_with_a_copy_is_not_planned_again_by_a_late_answer(
    service: ServiceUnderTest, planned: UUID
) -> None:
    await link_chat(service, "anna", 1)
    service.clock.advance(301)
    claim = await _claimed(service)
    service.clock.advance(61)
    await service.run(doubt_long_sending)
    assert (await _control(service, "resend", delivery_id=claim.deliveries[0])).ok
    async with service.database.work() as work:
        await claims.record_outcome(work, claim, DeliveryState.PLANNED, "not reached")
    states = [row["state"] for row in await ledger(service) if row["step"] == "not_attended"]
    assert states == ["failed", "planned"]


async def test_a_message_that_arrived_after_all_is_not_sent_again(service: ServiceUnderTest, planned: UUID) -> None:
    await link_chat(service, "anna", 1)
    service.clock.advance(301)
    claim = await _claimed(service)
    service.clock.advance(61)
    await service.run(doubt_long_sending)
    assert (await _control(service, "resend", delivery_id=claim.deliveries[0])).ok
    service.said(PostWebinarDelivery)
    async with service.database.work() as work:
        await claims.record_outcome(work, claim, DeliveryState.SENT, message_id=7)
    await service.collect()
    assert [(one.state, one.reason) for one in service.said(PostWebinarDelivery)] == [
        ("sent", None),
        ("cancelled", "arrived_after_all"),
    ]


async def test_who_links_within_48_hours_gets_what_was_due_and_later_does_not(
    service: ServiceUnderTest, planned: UUID
) -> None:
    service.clock.advance(301)
    await service.run(settle_due_deliveries)
    service.said(PostWebinarDelivery)
    service.clock.set(END + timedelta(hours=48, minutes=5))
    async with service.database.work() as work:
        deliveries.announce_changes(work, await deliveries.plan_what_waited_for_chat(work, "anna"))
    service.clock.advance(60)
    async with service.database.work() as work:
        deliveries.announce_changes(work, await deliveries.plan_what_waited_for_chat(work, "paul"))
    await service.collect()
    assert newest(service.said(PostWebinarDelivery)) == {("anna", "not_attended"): DeliveryState.PLANNED}


async def test_the_48_hours_begin_when_a_message_could_have_gone(service: ServiceUnderTest, planned: UUID) -> None:
    """Held for three days, or planned late: it was not the person who let the time pass."""
    await _control(service, "hold", webinar_id=planned)
    service.clock.advance(3 * 86400)
    await _control(service, "release", webinar_id=planned)
    await service.run(settle_due_deliveries)
    assert await _told(service) == {DeliveryState.NOT_LINKED}
    service.clock.advance(47 * 3600)
    async with service.database.work() as work:
        deliveries.announce_changes(work, await deliveries.plan_what_waited_for_chat(work, "anna"))
    await service.collect()
    assert newest(service.said(PostWebinarDelivery)) == {("anna", "not_attended"): DeliveryState.PLANNED}


@pytest.mark.parametrize(("held", "state"), [(False, "planned"), (True, "held")])
async def test_a_chat_that_is_linked_while_messages_are_settled_is_not_missed(
    service: ServiceUnderTest, planned: UUID, held: bool, state: str
) -> None:
    service.clock.advance(301)
    async with service.database.work() as settling:
        await deliveries.settle(settling)
        await link_chat(service, "anna", 1)
        async with service.database.work() as linking:
            assert await deliveries.plan_what_waited_for_chat(linking, "anna") == []
    if held:
        await _control(service, "hold", webinar_id=planned)
    await service.run(settle_due_deliveries)
    assert newest(service.said(PostWebinarDelivery))["anna", "not_attended"] == state
    service.clock.advance(49 * 3600)
    await link_chat(service, "paul", 2)
    await service.run(settle_due_deliveries)
    assert {row["step"]: row["state"] for row in await ledger(service)}["partner_notice"] == "not_linked"


async def test_an_admin_sets_a_text(service: ServiceUnderTest) -> None:
    versions = []
    for text in ("Hello {name}", " Good day,\r\n{name} \n"):
        reply = await service.obey(MessageTemplateSet(step="attended", locale="en", text=text), actor=ADMIN)
        assert reply.ok
        [told] = service.said(MessageTemplateEvent)
        assert (told.step, told.locale) == (Step.ATTENDED, "en")
        versions.append(told.version)
    assert told.text == "Good day,\n{name}"
    assert versions[1] > versions[0]


@pytest.mark.parametrize(
    ("step", "locale", "text", "field"),
    [
        ("greeting", "en", "Hello", "step"),
        ("attended", "de", "Hallo", "locale"),
        ("attended", "en", "Hello {nobody}", "text"),
        ("attended", "en", "", "text"),
    ],
)
async def test_a_wrong_text_is_refused(
    service: ServiceUnderTest, step: str, locale: str, text: str, field: str
) -> None:
    reply = await service.obey(MessageTemplateSet(step=step, locale=locale, text=text), actor=ADMIN)
    assert _code(reply) is ErrorCode.INVALID_FIELD
    assert reply.error
    assert reply.error.field == field
    assert service.said(MessageTemplateEvent) == []


async def test_a_speaker_does_not_set_texts(service: ServiceUnderTest) -> None:
    command = MessageTemplateSet(step="attended", locale="en", text="Hello")
    assert _code(await service.obey(command, actor=SPEAKER)) is ErrorCode.FORBIDDEN


async def _with_bot(service: ServiceUnderTest) -> None:
    async with service.database.work() as work:
        await links.set_bot(work, "webinar_bot")


async def test_an_account_gets_a_one_time_address_for_itself(service: ServiceUnderTest) -> None:
    await _with_bot(service)
    await service.receive(person())
    reply = await service.obey(ChatLinkRequested(account_id="anna"), actor=CANDIDATE)
    assert reply.ok
    assert reply.address
    start, _, token = reply.address.partition("?start=")
    assert start == "https://t.me/webinar_bot"
    assert len(token) == 22
    assert reply.expires_at == service.clock.now() + timedelta(minutes=15)
    row = await service.database.pool.fetchrow("select * from link_token")
    assert row["token_hash"] == token_hash(token)
    assert token.encode() not in bytes(row["token_hash"])


@pytest.mark.parametrize(
    ("prepare", "account_id", "actor", "code"),
    [
        ("all", "boris", CANDIDATE, ErrorCode.FORBIDDEN),
        ("all", "anna", ADMIN, ErrorCode.FORBIDDEN),
        ("all", "anna", Actor("anna", CAPABILITIES[None]), ErrorCode.FORBIDDEN),
        ("account", "anna", CANDIDATE, ErrorCode.UNAVAILABLE),
        ("bot", "anna", CANDIDATE, ErrorCode.UNAVAILABLE),
        ("inactive", "anna", CANDIDATE, ErrorCode.UNAVAILABLE),
    ],
)
async def test_no_address_for_others_or_without_bot_or_account(
    service: ServiceUnderTest, prepare: str, account_id: str, actor: Actor, code: ErrorCode
) -> None:
    if prepare != "account":
        await _with_bot(service)
    if prepare != "bot":
        await service.receive(person(active=prepare != "inactive"), person("boris"))
    assert _code(await service.obey(ChatLinkRequested(account_id=account_id), actor=actor)) is code
    assert await service.database.pool.fetchval("select count(*) from link_token") == 0


async def test_partners_may_link_too(service: ServiceUnderTest) -> None:
    await _with_bot(service)
    await service.receive(PAUL)
    actor = Actor("paul", CAPABILITIES[Role.PARTNER])
    assert (await service.obey(ChatLinkRequested(account_id="paul"), actor=actor)).ok
