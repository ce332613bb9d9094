"""The desk: what it sends, what it says to each outcome, what it never loses."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from contracts import (
    CommandError,
    CommandReply,
    CoreWebinarSetCtaVisibility,
    CoreWebinarSetStatus,
    CoreWebinarUpsert,
    CtaVisibility,
    ErrorCode,
    PostWebinarFollowupControl,
    StatusContext,
    WebinarEvent,
    WebinarStatus,
)
from room_ui.pages.forms import FIELDS
from room_ui.testing import NOON, Member, Web, later, webinar_event
from servicekit import CommandNotSent, CommandUnanswered

FORM = {
    "title": "New title",
    "description": "",
    "scheduled_at": "2026-03-05T19:00",
    "time_zone": "Europe/Moscow",
    "duration_minutes": "60",
    "player_src": "https://youtu.be/dQw4w9WgXcQ",
    "cta_link": "/account/contacts/",
}


def refusal(code: ErrorCode, field: str | None = None, message: str = "words for a log") -> CommandReply:
    return CommandReply(ok=False, error=CommandError(code=code, message=message, field=field))


async def desk_of(web: Web, webinar: WebinarEvent, role: str = "speaker") -> tuple[Member, str]:
    await web.know(webinar)
    return await web.member(role), f"/admin_webinar/{webinar.webinar_id}"


@pytest.mark.parametrize("path", ["/admin_webinar/", "/admin_webinar/new", "/admin_webinar/people/"])
async def test_a_candidate_is_refused_and_a_guest_signs_in(web: Web, path: str) -> None:
    candidate, partner = await web.member(), await web.member("partner")

    refused = await candidate.browser.get(path)

    assert refused.status_code == 403
    assert 'data-error-code="forbidden"' in refused.text
    assert (await partner.browser.get(path)).status_code == 403
    assert (await web.browser().get(path)).headers["location"] == f"/account/login/?next={path}"


@pytest.mark.parametrize(
    "path", ["start", "stop", "cta/show", "cta/hide", "followups/hold", "followups/resend", "overrun", ""]
)
async def test_a_candidate_presses_nothing(web: Web, path: str) -> None:
    webinar = webinar_event("live")
    candidate, desk = await desk_of(web, webinar, "candidate")

    assert (await candidate.post(f"{desk}/{path}".rstrip("/"), data={"confirm": "confirm"})).status_code == 403
    assert web.commands.sent == []


async def test_speakers_do_not_reach_people_and_texts(web: Web) -> None:
    speaker = await web.member("speaker")

    for path in ("/admin_webinar/people/", "/admin_webinar/messages/", "/admin_webinar/people-import/"):
        assert (await speaker.browser.get(path)).status_code == 403
    page = (await speaker.browser.get("/admin_webinar/new")).text
    assert 'name="stream_type"' not in page
    assert "/admin_webinar/people/" not in page


async def test_the_form_has_the_canonical_names_and_buttons(web: Web) -> None:
    admin, desk = await desk_of(web, webinar_event("draft"), "admin")

    page = (await admin.browser.get(desk)).text

    for name in {*FIELDS} - {"overrun_minutes"}:
        assert re.search(rf'<(input|select|textarea)[^>]* name="{name}"', page), name
    assert 'name="action" value="publish"' in page
    assert 'name="action" value="draft"' in page
    assert 'value="2026-03-02T15:00"' in page


@pytest.mark.parametrize(
    ("webinar", "actions", "paths"),
    [
        (webinar_event("draft"), {"publish", "draft"}, set()),
        (webinar_event("scheduled"), {"publish", "cancel"}, {"start"}),
        (webinar_event("scheduled", cancelled=True), {"publish", "restore"}, set()),
        (webinar_event("live"), {"draft"}, {"stop", "cta/show", "overrun"}),
        (webinar_event("paused", cta_visibility="visible"), {"draft"}, {"stop", "cta/hide", "overrun"}),
        (webinar_event("finished"), {"draft"}, {"cta/show", "followups/hold", "followups/cancel"}),
        (webinar_event("finished", finished_at=NOON - timedelta(minutes=11)), {"draft"}, {"cta/show"}),
    ],
)
async def test_each_state_offers_its_buttons(
    web: Web, webinar: WebinarEvent, actions: set[str], paths: set[str]
) -> None:
    webinar = webinar.model_copy(update={"automatic_stop_at": NOON + timedelta(hours=2)})
    speaker, desk = await desk_of(web, webinar)

    page = (await speaker.browser.get(desk)).text

    assert set(re.findall(r'name="action" value="(\w+)"', page)) == actions
    assert set(re.findall(rf'action="{desk}/([^"]+)"', page)) == paths


async def test_a_new_webinar_is_one_command_with_the_forms_own_id(web: Web) -> None:
    speaker = await web.member("speaker")
    page = (await speaker.browser.get("/admin_webinar/new")).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.split("data-webinar-form")[1]))
    webinar_id = UUID(hidden["webinar_id"])
    made = webinar_event(webinar_id=webinar_id, title="New title")
    web.commands.answer = CommandReply(ok=True, webinar=made)

    first = await speaker.post("/admin_webinar/new", data={**hidden, **FORM, "action": "publish"})
    second = await speaker.post("/admin_webinar/new", data={**hidden, **FORM, "action": "publish"})
    third = await speaker.post("/admin_webinar/new", data={**hidden, **FORM, "title": "Other", "action": "publish"})

    assert first.status_code == 303
    assert first.headers["location"] == f"/admin_webinar/{webinar_id}?done=publish"
    [(command, actor, one), (_, _, two), (_, _, other)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert (command.webinar_id, command.expected_version, command.action) == (webinar_id, 0, "publish")
    assert command.changes["player_src"] == "https://www.youtube.com/embed/dQw4w9WgXcQ"
    assert command.changes["scheduled_at"] == "2026-03-05T19:00"
    assert "csrf_token" not in command.changes
    assert actor.account_id == speaker.account_id
    assert one == two != other
    assert second.status_code == third.status_code == 303


async def test_what_core_answered_is_on_the_next_page_before_its_event_came(web: Web) -> None:
    speaker = await web.member("speaker")
    made = webinar_event(title="Just made")
    web.commands.answer = CommandReply(ok=True, webinar=made)

    answer = await speaker.post("/admin_webinar/new", data={"webinar_id": str(made.webinar_id), **FORM})
    page = await speaker.browser.get(answer.headers["location"])

    assert page.status_code == 200
    assert "Just made" in page.text


@pytest.mark.parametrize(
    ("webinar", "action", "done"),
    [
        (webinar_event("draft"), "publish", "publish"),
        (webinar_event("draft"), "draft", "draft"),
        (webinar_event("scheduled"), "publish", "saved"),
        (webinar_event("scheduled", cancelled=True), "publish", "saved"),
        (webinar_event("scheduled", cancelled=True), "restore", "restore"),
        (webinar_event("live"), "draft", "saved"),
        (webinar_event("live"), "", "saved"),
    ],
)
async def test_a_save_says_published_only_of_what_was_a_draft(
    web: Web, webinar: WebinarEvent, action: str, done: str
) -> None:
    speaker, desk = await desk_of(web, webinar)
    is_published = action == "publish" and webinar.status is WebinarStatus.DRAFT
    status = WebinarStatus.SCHEDULED if is_published else webinar.status
    web.commands.answer = CommandReply(ok=True, webinar=later(webinar, status=status))

    answer = await speaker.post(desk, data={"title": "Another", "action": action})

    assert answer.headers["location"] == f"{desk}?done={done}"


async def test_enter_in_the_form_publishes_nothing(web: Web) -> None:
    speaker, desk = await desk_of(web, webinar_event("draft"))

    for path in (desk, "/admin_webinar/new"):
        form = (await speaker.browser.get(path)).text.split("data-webinar-form")[1].split("</form>")[0]
        # Enter presses the first of them.
        assert re.findall(r'<button class="[^"]*" name="action" value="(\w+)"', form) == ["draft", "publish"]


async def test_a_webinar_is_called_off_only_after_a_second_question_and_nothing_is_saved_with_it(web: Web) -> None:
    planned, live = webinar_event("scheduled"), webinar_event("live")
    speaker, desk = await desk_of(web, planned)
    await web.know(live)
    form = {**FORM, "action": "cancel", "expected_version": "1"}

    asked = await speaker.post(desk, data=form)
    assert web.commands.sent == []
    web.commands.answer = CommandReply(ok=True, webinar=later(planned, cancelled=True))
    answer = await speaker.post(desk, data={**form, "confirm": "confirm"})
    web.commands.answer = refusal(ErrorCode.INVALID_REWIND)
    refused = await speaker.post(f"/admin_webinar/{live.webinar_id}", data={"action": "cancel"})

    assert 'name="confirm" value="confirm"' in asked.text
    assert f'action="{desk}"' in asked.text
    assert 'name="action" value="cancel"' in asked.text
    assert 'name="expected_version" value="1"' in asked.text
    assert answer.headers["location"] == f"{desk}?done=cancel"
    (command, _, _), _ = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert (command.action, command.expected_version, command.changes) == ("cancel", 1, {})
    assert (refused.status_code, 'data-error-code="webinar_state_invalid_rewind"' in refused.text) == (409, True)


@pytest.mark.parametrize(
    ("code", "field", "status"),
    [
        (ErrorCode.INVALID_FIELD, "duration_minutes", 422),
        (ErrorCode.INVALID_FIELD, "player_src", 422),
        (ErrorCode.FIELD_LOCKED, "title", 409),
        (ErrorCode.LOCKED, None, 409),
        (ErrorCode.INVALID_REWIND, None, 409),
        (ErrorCode.STATUS_MUTATION_FORBIDDEN, None, 409),
        (ErrorCode.FORBIDDEN, "stream_type", 403),
        (ErrorCode.EXPIRED, None, 503),
        (ErrorCode.UNAVAILABLE, None, 503),
    ],
)
async def test_a_refused_form_keeps_every_word_and_shows_the_code(
    web: Web, code: ErrorCode, field: str | None, status: int
) -> None:
    speaker, desk = await desk_of(web, webinar_event())
    web.commands.answer = refusal(code, field)

    answer = await speaker.post(desk, data={**FORM, "cta_text": "Typed <words>", "expected_version": "1"})

    assert answer.status_code == status
    assert f'data-error-code="{code}"' in answer.text
    assert 'value="New title"' in answer.text
    assert 'value="Typed &lt;words&gt;"' in answer.text
    if field is not None and f'id="f-{field}"' in answer.text:
        assert re.search(rf'id="f-{field}"[^>]*aria-invalid="true"', answer.text)
        assert f'id="e-{field}"' in answer.text


async def test_a_refused_new_form_keeps_its_id_and_its_words(web: Web) -> None:
    speaker = await web.member("speaker")
    webinar_id = uuid4()
    web.commands.answer = refusal(ErrorCode.INVALID_FIELD, "scheduled_at", "This time has passed already.")

    answer = await speaker.post("/admin_webinar/new", data={**FORM, "webinar_id": str(webinar_id)})

    assert answer.status_code == 422
    assert f'name="webinar_id" value="{webinar_id}"' in answer.text
    assert 'value="2026-03-05T19:00"' in answer.text
    assert "Это время уже прошло." in answer.text


async def test_a_conflict_shows_what_it_is_now_and_reverts_nobody_elses_fields(web: Web) -> None:
    first = webinar_event(title="Old", cta_text="Old button")
    speaker, desk = await desk_of(web, first)
    page = (await speaker.browser.get(desk)).text
    await web.know(later(first, title="Theirs", cta_text="Their button"))
    web.commands.answer = refusal(ErrorCode.VERSION_CONFLICT, "title")
    original = re.search(r'name="original" value="([^"]*)"', page)
    assert original is not None

    answer = await speaker.post(
        desk,
        data={
            "title": "Mine",
            "cta_text": "Old button",
            "expected_version": "1",
            "original": original[1].replace("&#34;", '"').replace("&#39;", "'"),
        },
    )

    assert answer.status_code == 409
    assert 'data-error-code="webinar_version_conflict"' in answer.text
    assert "Сейчас там: Theirs" in answer.text
    assert 'name="title" type="text" value="Mine"' in answer.text
    assert 'value="Their button"' in answer.text
    assert 'name="expected_version" value="2"' in answer.text


async def test_a_command_that_was_not_sent_says_that_nothing_was_changed(web: Web) -> None:
    speaker, desk = await desk_of(web, webinar_event())
    web.commands.answer = CommandNotSent("broker away")

    form = await speaker.post(desk, data=FORM)
    button = await speaker.post(f"{desk}/start")

    for answer in (form, button):
        assert answer.status_code == 503
        assert "Ничего не изменено" in answer.text
    assert 'value="New title"' in form.text


async def test_an_unanswered_command_is_not_known_yet_and_the_page_shows_what_is(web: Web) -> None:
    speaker, desk = await desk_of(web, webinar_event("live"))
    web.commands.answer = CommandUnanswered("slow")

    pressed = await speaker.post(f"{desk}/stop", data={"confirm": "confirm"})
    page = await speaker.browser.get(pressed.headers["location"])
    new = await speaker.post("/admin_webinar/new", data=FORM)

    assert pressed.headers["location"] == f"{desk}?done=unknown"
    assert "Пока неизвестно" in page.text
    assert "В эфире" in page.text
    assert new.status_code == 200
    assert "Пока неизвестно" in new.text
    assert 'value="New title"' in new.text


async def test_an_unanswered_save_keeps_what_was_typed_and_can_be_repeated(web: Web) -> None:
    planned = webinar_event(title="Old", cta_text="Old button")
    speaker, desk = await desk_of(web, planned)
    web.commands.answer = CommandUnanswered("slow")

    form = {"title": "Mine", "description": "A long text", "expected_version": "1", "original": '{"title": "Old"}'}
    answer = await speaker.post(desk, data={**form, "action": "publish"})

    assert answer.status_code == 200
    assert "Пока неизвестно, сохранилось ли это" in answer.text
    assert 'name="title" type="text" value="Mine"' in answer.text
    assert "A long text</textarea>" in answer.text
    assert 'data-typed="true"' in answer.text
    assert 'name="expected_version" value="1"' in answer.text
    assert 'name="original" value="{&#34;title&#34;: &#34;Old&#34;}"' in answer.text
    assert 'value="Old button"' in answer.text


async def test_start_sends_who_and_tells_the_outcome(web: Web) -> None:
    webinar = webinar_event()
    speaker, desk = await desk_of(web, webinar)
    web.commands.answer = CommandReply(ok=True, webinar=later(webinar, status=WebinarStatus.LIVE, started_at=NOON))

    answer = await speaker.post(f"{desk}/start")
    page = await speaker.browser.get(answer.headers["location"])

    [(command, _, _)] = web.commands.sent
    context = StatusContext(source="desk", actor_id=speaker.account_id)
    assert command == CoreWebinarSetStatus(webinar_id=webinar.webinar_id, status="start", context=context)
    assert answer.headers["location"] == f"{desk}?done=start"
    assert "Начали" in page.text
    assert f'action="{desk}/stop"' in page.text
    assert (await web.parts.rooms.room(webinar.webinar_id, speaker.viewer)).webinar.status == "live"


@pytest.mark.parametrize(("minutes", "asks"), [(-10, False), (14, False), (15, False), (16, True)])
async def test_a_start_more_than_a_quarter_of_an_hour_early_asks_first(web: Web, minutes: int, asks: bool) -> None:
    speaker, desk = await desk_of(web, webinar_event(scheduled_at=NOON + timedelta(minutes=minutes)))

    answer = await speaker.post(f"{desk}/start")

    assert (web.commands.sent == []) is asks
    if asks:
        assert 'name="confirm" value="confirm"' in answer.text
        assert f'action="{desk}/start"' in answer.text
        await speaker.post(f"{desk}/start", data={"confirm": "confirm"})
        assert len(web.commands.sent) == 1


async def test_stop_asks_first_and_what_is_not_on_air_is_left_to_core(web: Web) -> None:
    live, planned = webinar_event("live"), webinar_event()
    speaker, desk = await desk_of(web, live)
    await web.know(planned)

    asked = await speaker.post(f"{desk}/stop")
    assert web.commands.sent == []
    await speaker.post(f"{desk}/stop", data={"confirm": "confirm"})
    web.commands.answer = refusal(ErrorCode.INVALID_STOP)
    refused = await speaker.post(f"/admin_webinar/{planned.webinar_id}/stop")

    assert 'name="confirm" value="confirm"' in asked.text
    [(command, _, _), _] = web.commands.sent
    assert isinstance(command, CoreWebinarSetStatus)
    assert command.status == "stop"
    assert refused.status_code == 409
    assert 'data-error-code="webinar_state_invalid_stop"' in refused.text


@pytest.mark.parametrize(("wish", "visible"), [("show", True), ("hide", False)])
async def test_the_cta_is_shown_and_hidden(web: Web, wish: str, visible: bool) -> None:
    webinar = webinar_event("live")
    speaker, desk = await desk_of(web, webinar)
    answer = later(webinar, cta_visibility=CtaVisibility.VISIBLE if visible else CtaVisibility.HIDDEN)
    web.commands.answer = CommandReply(ok=True, webinar=answer)

    pressed = await speaker.post(f"{desk}/cta/{wish}")

    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarSetCtaVisibility)
    assert command.visible is visible
    assert pressed.headers["location"] == f"{desk}?done=cta-{wish}"


async def test_a_command_belongs_to_the_webinars_story_from_its_start_on(web: Web) -> None:
    planned, live = webinar_event(), webinar_event("live")
    speaker, desk = await desk_of(web, planned)
    await web.know(live)

    await speaker.post(f"{desk}/start")
    before = web.commands.correlation_id
    await speaker.post(f"/admin_webinar/{live.webinar_id}/cta/show")

    assert (before, web.commands.correlation_id) == (None, str(live.webinar_id))


async def test_the_automatic_stop_is_warned_of_and_put_off(web: Web) -> None:
    webinar = webinar_event("live", automatic_stop_at=NOON + timedelta(hours=2))
    speaker, desk = await desk_of(web, webinar)
    in_time = (await speaker.browser.get(desk)).text
    web.under_test.clock.advance(3700)
    overdue = (await speaker.browser.get(desk)).text
    web.commands.answer = CommandReply(ok=True, webinar=later(webinar, overrun_minutes=120))

    answer = await speaker.post(f"{desk}/overrun", data={"overrun_minutes": "120", "expected_version": "1"})

    assert "Завершится сам в <time" in in_time
    assert ">17:00 (Москва, стандартное время)</time>" in in_time
    assert "<span data-when-after hidden>Запланированное время вышло.</span>" in in_time
    assert "<span data-when-after>Запланированное время вышло.</span>" in overdue
    assert 'name="overrun_minutes" value="120"' in overdue
    [(command, _, _)] = web.commands.sent
    assert isinstance(command, CoreWebinarUpsert)
    assert (command.changes, command.expected_version) == ({"overrun_minutes": 120}, 1)
    assert answer.headers["location"] == f"{desk}?done=overrun"


@pytest.mark.parametrize("action", ["hold", "release", "cancel"])
async def test_the_messages_are_controlled(web: Web, action: str) -> None:
    webinar = webinar_event("finished")
    speaker, desk = await desk_of(web, webinar)
    web.commands.answer = CommandReply(ok=True, affected=3)

    answer = await speaker.post(f"{desk}/followups/{action}", data={"confirm": "confirm"})

    [(command, _, _)] = web.commands.sent
    assert command == PostWebinarFollowupControl(action=action, webinar_id=webinar.webinar_id)
    assert answer.status_code == 303


async def test_messages_are_cancelled_only_after_a_second_question(web: Web) -> None:
    speaker, desk = await desk_of(web, webinar_event("finished"))

    asked = await speaker.post(f"{desk}/followups/cancel")

    assert web.commands.sent == []
    assert f'action="{desk}/followups/cancel"' in asked.text
    assert 'name="confirm" value="confirm"' in asked.text


async def test_one_message_is_sent_again(web: Web) -> None:
    speaker, desk = await desk_of(web, webinar_event("finished"))
    delivery_id = uuid4()
    web.commands.answer = CommandReply(ok=True, affected=1)

    await speaker.post(f"{desk}/followups/resend", data={"delivery_id": str(delivery_id)})

    [(command, _, _)] = web.commands.sent
    assert command == PostWebinarFollowupControl(action="resend", delivery_id=delivery_id)


@pytest.mark.parametrize(
    "path",
    ["nonsense", "cta/perhaps", "followups/explode", "start/now"],
)
async def test_a_button_that_is_not_there_is_a_404(web: Web, path: str) -> None:
    speaker, desk = await desk_of(web, webinar_event("live"))

    assert (await speaker.post(f"{desk}/{path}")).status_code == 404
    assert web.commands.sent == []


@pytest.mark.parametrize("path", ["start", "stop", "cta/show", ""])
async def test_an_unknown_webinar_is_a_404_with_its_code(web: Web, path: str) -> None:
    speaker = await web.member("speaker")
    web.commands.answer = refusal(ErrorCode.NOT_FOUND)

    answer = await speaker.post(f"/admin_webinar/{uuid4()}/{path}".rstrip("/"), data=FORM)

    assert answer.status_code == 404
    assert 'data-error-code="webinar_not_found"' in answer.text


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"title": "\x00"},
        {"title": "x" * 10_000, "expected_version": "9" * 30, "message_id": "?", "webinar_id": "?"},
        {"duration_minutes": "1e9", "completion_percent": "-1", "scheduled_at": "yesterday", "original": "[]"},
    ],
)
async def test_nothing_that_is_typed_is_an_error_page(web: Web, form: dict[str, Any]) -> None:
    speaker, desk = await desk_of(web, webinar_event())
    web.commands.answer = refusal(ErrorCode.INVALID_FIELD, "title")

    for path in (desk, "/admin_webinar/new", f"{desk}/overrun", f"{desk}/followups/resend"):
        assert (await speaker.post(path, data=form)).status_code == 422


async def test_a_duplicate_has_everything_but_time_and_recording(web: Web) -> None:
    webinar = webinar_event("finished", title="Again", recording_url="https://recording.example/")
    speaker, _ = await desk_of(web, webinar)

    page = (await speaker.browser.get(f"/admin_webinar/new?from={webinar.webinar_id}")).text

    assert 'name="title" type="text" value="Again"' in page
    assert 'name="scheduled_at" type="datetime-local" value=""' in page
    assert "recording.example" not in page
    assert f'name="webinar_id" value="{webinar.webinar_id}"' not in page
    assert (await speaker.browser.get(f"/admin_webinar/new?from={uuid4()}")).status_code == 404


async def test_the_last_one_is_taken_as_a_start(web: Web) -> None:
    speaker = await web.member("speaker")
    assert "from=last" not in (await speaker.browser.get("/admin_webinar/new")).text
    own = webinar_event("finished", title="My last", speaker_id=speaker.account_id, scheduled_at=NOON)
    earlier = webinar_event("finished", title="My first", speaker_id=speaker.account_id, started_at=NOON - timedelta(1))
    others = webinar_event(title="Not mine", scheduled_at=NOON + timedelta(days=1))
    await web.know(own, earlier, others)

    empty = (await speaker.browser.get("/admin_webinar/new")).text
    filled = (await speaker.browser.get("/admin_webinar/new?from=last")).text
    other_speaker = await web.member("speaker")
    another = (await other_speaker.browser.get("/admin_webinar/new?from=last")).text

    assert 'href="/admin_webinar/new?from=last"' in empty
    assert 'name="title" type="text" value=""' in empty
    assert 'name="title" type="text" value="My last"' in filled
    assert 'name="scheduled_at" type="datetime-local" value=""' in filled
    assert 'name="title" type="text" value="Not mine"' in another


@pytest.mark.parametrize("field", ["player_src", "chat_src"])
async def test_the_page_of_a_channel_is_refused_in_words_without_asking_core(web: Web, field: str) -> None:
    speaker, desk = await desk_of(web, webinar_event())

    answer = await speaker.post(desk, data={**FORM, field: "https://www.youtube.com/@channel/live"})

    assert answer.status_code == 422
    assert web.commands.sent == []
    assert 'data-error-code="invalid_field"' in answer.text
    assert re.search(rf'id="e-{field}">Это страница YouTube, а не видео', answer.text)
    assert 'value="https://www.youtube.com/@channel/live"' in answer.text
    assert 'value="New title"' in answer.text


async def test_a_page_of_a_channel_may_be_opened_in_a_tab_of_its_own(web: Web) -> None:
    admin, desk = await desk_of(web, webinar_event(), "admin")

    await admin.post(desk, data={**FORM, "stream_type": "telegram", "player_src": "https://www.youtube.com/@channel"})

    assert len(web.commands.sent) == 1


@pytest.mark.parametrize(
    ("place", "link", "host"),
    [
        ("player", "https://youtu.be/dQw4w9WgXcQ", "https://www.youtube.com"),
        ("chat", "https://youtu.be/dQw4w9WgXcQ", "https://www.youtube.com"),
        ("player", "https://player.example/1", "https://player.example"),
    ],
)
async def test_a_link_is_previewed_in_a_page_of_ours_that_names_its_host(
    web: Web, place: str, link: str, host: str
) -> None:
    speaker = await web.member("speaker")

    frame = await speaker.post(f"/admin_webinar/preview/{place}", data={"address": link})
    words = await speaker.post(f"/admin_webinar/preview/{place}", data={"address": link}, headers={"x-part": "words"})

    assert f"frame-src {host}" in frame.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in frame.headers["content-security-policy"]
    assert f'<iframe src="{host}/' in frame.text
    assert "<iframe" not in words.text
    assert ('data-link="kept"' if "example" in link else 'data-link="changed"') in words.text


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("https://live.vkvideo.ru/channel", "refused"),
        ("http://player.example/1", "wrong"),
        ("https://[broken", "wrong"),
        ("javascript:alert(1)", "wrong"),
        ("just words", "wrong"),
    ],
)
async def test_what_cannot_be_shown_has_no_preview_and_says_so(web: Web, link: str, said: str) -> None:
    speaker = await web.member("speaker")

    frame = await speaker.post("/admin_webinar/preview/player", data={"address": link})
    words = await speaker.post("/admin_webinar/preview/player", data={"address": link}, headers={"x-part": "words"})

    assert frame.status_code == 422
    assert "<iframe" not in frame.text
    assert f'data-link="{said}"' in words.text


async def test_nobody_but_hosts_has_previews_and_no_link_from_outside_shows_one(web: Web) -> None:
    candidate, speaker = await web.member(), await web.member("speaker")
    address = {"address": "https://player.example/1"}

    assert (await candidate.post("/admin_webinar/preview/player", data=address)).status_code == 403
    assert (await speaker.browser.post("/admin_webinar/preview/player", data=address)).status_code == 403
    assert (await speaker.browser.get("/admin_webinar/preview/player", params=address)).status_code == 405


async def test_locked_fields_cannot_be_typed_into(web: Web) -> None:
    live, over = webinar_event("live"), webinar_event("finished")
    speaker, desk = await desk_of(web, live)
    await web.know(over)

    def open_fields(page: str) -> set[str]:
        form = page.split("data-webinar-form")[1]
        fields = re.findall(r'<(?:input|textarea|select) id="f-(\w+)"[^>]*?( disabled)?[ >\n]', form)
        return {name for name, _ in fields} - set(re.findall(r'id="f-(\w+)"[^>]* disabled', form))

    assert not {"scheduled_at", "time_zone", "duration_minutes"} & open_fields((await speaker.browser.get(desk)).text)
    assert "player_src" in open_fields((await speaker.browser.get(desk)).text)
    over_page = (await speaker.browser.get(f"/admin_webinar/{over.webinar_id}")).text
    assert open_fields(over_page) == {"description", "cta_text", "cta_link", "recording_url"}
