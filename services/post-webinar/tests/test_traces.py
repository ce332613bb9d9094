"""A message to a person is in the trace that decided their verdict, however long it waits; and what is not in it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from contracts import PostWebinarRoute, WebinarStatus
from post_webinar.domain.allowance import Allowance
from post_webinar.settings import PostWebinarSettings
from post_webinar.telegram.bot import make_bot
from post_webinar.telegram.gate import Gate
from post_webinar.telegram.sender import Sender
from post_webinar.testing import QUICK, ledger, link_chat, person, verdict, webinar
from servicekit.batches import run_batch
from servicekit.span_testing import Seen, Spans, recorded_spans
from servicekit.testing import ServiceUnderTest, eventually
from telegram_sandbox.server import Sandbox

DECIDED, OVER = (f"00-{trace * 32}-{trace * 16}-01" for trace in "ab")


@pytest.fixture
def spans() -> Iterator[Spans]:
    with recorded_spans() as spans:
        yield spans


async def hear(service: ServiceUnderTest, event: Any, traceparent: str) -> None:
    [hearing] = [one for one in service.service.hearings() if one.message is type(event)]
    await run_batch(service.database, hearing.handler, [replace(service.heard(event), traceparent=traceparent)])


async def test_a_message_goes_out_in_the_trace_of_its_verdict_and_links_to_what_let_it_go(
    spans: Spans, service: ServiceUnderTest, sandbox: Sandbox, settings: PostWebinarSettings
) -> None:
    chat = sandbox.messenger.add_person("anna", started=True)
    live = webinar(status=WebinarStatus.LIVE, version=4)
    await service.receive(live, person("anna", partner_id=None))
    await link_chat(service, "anna", chat.chat_id)
    await hear(service, verdict(live.webinar_id, "anna"), DECIDED)
    spans.clear()

    await hear(service, webinar(live.webinar_id, title="For Anna alone"), OVER)
    route = spans.one(f"create {PostWebinarRoute.topic}")
    assert (route.trace_id, route.parent_id) == ("a" * 32, "a" * 16)
    assert route.links == [("b" * 32, "b" * 16)]
    await service.collect()
    [routed] = service.said(PostWebinarRoute)
    await hear(service, routed, route.traceparent)
    assert [row["traceparent"] for row in await ledger(service)] == [route.traceparent]

    service.clock.advance(301)
    spans.clear()
    gate = Gate(Allowance(asyncio.get_running_loop().time() - 10, QUICK))
    async with make_bot(settings) as bot:
        sender = asyncio.create_task(Sender(bot, service.database, settings, gate).run())

        async def is_sent() -> bool:
            return [row["state"] for row in await ledger(service)] == ["sent"]

        await eventually(is_sent, what="sent")
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
    [entry] = chat.entries
    assert "For Anna alone" in entry.text

    delivery, request = spans.one("deliver message"), spans.one("POST /bot{token}/sendMessage")
    assert (delivery.trace_id, delivery.parent_id) == (route.trace_id, route.span_id)
    assert (request.kind, request.parent_id) == ("CLIENT", delivery.span_id)
    assert spans.one("UPDATE delivery").parent_id == delivery.span_id
    assert request.attributes == {
        "http.request.method": "POST",
        "url.template": "/bot{token}/sendMessage",
        "server.address": "127.0.0.1",
    }
    _expect_nothing_personal(spans.all(), "anna", "Anna", "any-token-will-do", str(chat.chat_id))


def _expect_nothing_personal(spans: list[Seen], *words: str) -> None:
    said = repr([(span.name, span.attributes) for span in spans])
    assert [word for word in words if word in said] == []
