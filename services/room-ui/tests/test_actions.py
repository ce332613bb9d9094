"""What the room's page says becomes a fact at most once, and only of who is signed in."""

from contracts import CtaClicked, CtaShown, Role, RoomFinish
from room_ui.handlers import announce_cta_shown
from room_ui.main import open_door
from room_ui.testing import NOON, Member, Web, later, open_web, webinar_event
from servicekit.testing import SIGNING_KEY, Harness


async def press_finish(member: Member, webinar_id: object, **more: str) -> int:
    return (await member.post("/webinar/v1/finish", json={"webinar_id": str(webinar_id), **more})).status_code


async def test_finish_is_announced_before_the_answer_and_once(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna = await web.member()

    assert [await press_finish(anna, webinar.webinar_id) for _ in range(2)] == [200, 200]

    await web.under_test.collect()
    assert web.under_test.said(RoomFinish) == [
        RoomFinish(lead_id=anna.account_id, webinar_id=webinar.webinar_id, at=NOON)
    ]


async def test_a_made_up_lead_changes_nothing(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna, boris = await web.member(), await web.member()

    await press_finish(anna, webinar.webinar_id, lead_id=boris.account_id, account_id=boris.account_id)

    await web.under_test.collect()
    assert [one.lead_id for one in web.under_test.said(RoomFinish)] == [anna.account_id]


async def test_finish_means_nothing_when_not_on_air(web: Web) -> None:
    anna = await web.member()
    for status, expected in {"draft": 404, "scheduled": 409, "paused": 200, "finished": 409, "archived": 409}.items():
        webinar = webinar_event(status)
        await web.know(webinar)
        assert await press_finish(anna, webinar.webinar_id) == expected, status

    await web.under_test.collect()
    assert len(web.under_test.said(RoomFinish)) == 1


async def test_who_saw_the_start_before_the_projection_has_it_can_finish(web: Web) -> None:
    webinar = webinar_event("scheduled")
    await web.know(webinar)
    anna = await web.member()
    web.parts.rooms.apply(later(webinar, status="live", started_at=NOON))

    assert await press_finish(anna, webinar.webinar_id) == 200


async def test_a_host_finishes_nothing(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)

    assert await press_finish(await web.member(Role.SPEAKER), webinar.webinar_id) == 403


async def test_the_call_to_action_is_clicked_once_and_only_while_it_is_shown(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna = await web.member()
    body = {"webinar_id": str(webinar.webinar_id)}
    assert (await anna.post("/webinar/v1/cta_clicked", json=body)).status_code == 409

    await web.know(later(webinar, cta_visibility="visible"))
    for _ in range(2):
        assert (await anna.post("/webinar/v1/cta_clicked", data=body)).status_code == 200

    await web.under_test.collect()
    assert [one.lead_id for one in web.under_test.said(CtaClicked)] == [anna.account_id]


async def test_to_whom_the_call_to_action_was_sent_is_told_once(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna, host = await web.member(), await web.member(Role.ADMIN)
    poll = f"/webinar/v1/state?webinar_id={webinar.webinar_id}&visible=1"
    for member in (anna, host):
        await member.browser.get(poll)
    await web.under_test.run(announce_cta_shown)
    assert web.under_test.said(CtaShown) == []

    await web.know(later(webinar, cta_visibility="visible"))
    for _ in range(2):
        for member in (anna, host):
            assert (await member.browser.get(poll)).json()["cta"] == {
                "text": "Join us",
                "link": "/account/contacts/",
            }
        await web.under_test.run(announce_cta_shown)

    assert [one.lead_id for one in web.under_test.said(CtaShown)] == [anna.account_id]


async def test_to_whom_it_was_sent_last_is_written_down_before_the_service_goes(harness: Harness) -> None:
    web = await open_web(harness, command_signing_key=SIGNING_KEY)
    webinar = webinar_event("live", cta_visibility="visible")
    await web.know(webinar)
    anna = await web.member()

    async with open_door(web.under_test.service):
        await anna.browser.get(f"/webinar/v1/state?webinar_id={webinar.webinar_id}&visible=1")
        await web.under_test.collect()
        assert web.under_test.said(CtaShown) == []

    await web.under_test.collect()
    assert [one.lead_id for one in web.under_test.said(CtaShown)] == [anna.account_id]


async def test_asking_without_being_in_the_room_is_not_being_shown(web: Web) -> None:
    webinar = webinar_event("live", cta_visibility="visible")
    await web.know(webinar)
    anna = await web.member()

    await anna.browser.get(f"/webinar/v1/state?webinar_id={webinar.webinar_id}")
    await web.under_test.run(announce_cta_shown)

    assert web.under_test.said(CtaShown) == []


async def test_the_list_of_who_is_here_shows_names_and_nothing_that_identifies(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    members = [
        await web.member(name="Яна", login="yana"),
        await web.member(name="анна", login="anna", country="KZ"),
        await web.member(Role.PARTNER, name="Борис", login="boris", telegram="boris_p"),
        await web.member(Role.SPEAKER, name="Ведущая", login="vedushaya"),
    ]
    for member in members:
        await member.browser.get("/webinar/v1/state?visible=0")
    web.parts.rooms.recount()

    answer = await members[0].browser.get("/webinar/v1/participants")

    listed = answer.json()["participants"]
    assert [one["name"] for one in listed] == ["Ведущая", "анна", "Борис", "Яна"]
    assert listed[1] == {"name": "анна", "role": "candidate", "country": "KZ", "host": False}
    assert (answer.json()["viewers"], answer.json()["total"], answer.json()["next"]) == (3, 4, None)
    for member in members:
        assert member.account_id not in answer.text
        assert member.login not in answer.text
    assert "boris_p" not in answer.text


async def test_the_list_is_searched_by_part_of_a_name_whatever_its_case(web: Web) -> None:
    await web.know(webinar_event("live"))
    members = [await web.member(name=name) for name in ("100% Анна", "Анна_К", "Борис")]
    for member in members:
        await member.browser.get("/webinar/v1/state?visible=0")

    async def found(search: str) -> list[str]:
        answer = await members[0].browser.get("/webinar/v1/participants", params={"q": search})
        return [one["name"] for one in answer.json()["participants"]]

    assert await found("анна") == ["100% Анна", "Анна_К"]
    assert await found("%") == ["100% Анна"]
    assert await found("_") == ["Анна_К"]
    assert await found("никто") == []
