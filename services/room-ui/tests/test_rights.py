"""The rights matrix, asked of the application and of the push around it: the same session, the same answer."""

from collections.abc import Mapping
from uuid import uuid4

import pytest
from contracts import CAPABILITIES, Capability, Role
from room_ui.testing import Member, Web, webinar_event

WHO: tuple[Role | None, ...] = (None, *Role)
NEEDS: Mapping[str, Capability] = {
    "/webinar/v1/webinars": Capability.SCHEDULE_VIEW,  # the push
    "/webinar/v1/state": Capability.WEBINAR_JOIN,  # the push
    "/webinar/v1/participants": Capability.WEBINAR_JOIN,  # the application
}
POSTS: Mapping[str, Capability] = {
    "/webinar/v1/seen": Capability.WEBINAR_JOIN,
    "/webinar/v1/finish": Capability.WEBINAR_PARTICIPATE,
    "/webinar/v1/cta_clicked": Capability.WEBINAR_PARTICIPATE,
}


async def visitor(web: Web, role: Role | None) -> Member | None:
    return None if role is None else await web.member(role)


def expected(role: Role | None, needs: Capability) -> int:
    if needs in CAPABILITIES[role]:
        return 200
    return 401 if role is None else 403


@pytest.mark.parametrize("role", WHO)
async def test_reading(web: Web, role: Role | None) -> None:
    await web.know(webinar_event("live"))
    member = await visitor(web, role)
    browser = member.browser if member else web.browser()

    for path, needs in NEEDS.items():
        response = await browser.get(path)
        assert response.status_code == expected(role, needs), path
        if response.status_code >= 400:
            assert set(response.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("role", list(Role))
async def test_writing(web: Web, role: Role) -> None:
    webinar = webinar_event("live", cta_visibility="visible")
    await web.know(webinar)
    member = await web.member(role)

    for path, needs in POSTS.items():
        response = await member.post(path, json={"webinar_id": str(webinar.webinar_id)})
        assert response.status_code == expected(role, needs), path


@pytest.mark.parametrize("role", WHO)
async def test_a_draft_is_not_there_for_who_may_not_manage(web: Web, role: Role | None) -> None:
    draft, archived = webinar_event("draft"), webinar_event("archived")
    await web.know(draft, archived)
    member = await visitor(web, role)
    browser = member.browser if member else web.browser()
    sees = Capability.WEBINAR_MANAGE in CAPABILITIES[role]

    for path in ("/webinar/v1/state", "/webinar/v1/participants"):
        answers = [
            (await browser.get(path, params={"webinar_id": str(one)}))
            for one in (draft.webinar_id, uuid4(), "nonsense")
        ]
        if role is None:
            assert [answer.status_code for answer in answers[:2]] == [401, 401]
        else:
            assert [answer.status_code for answer in answers] == [200 if sees else 404, 404, 404]
            assert answers[1].json()["error"]["code"] == "webinar_not_found"
            found = await browser.get(path, params={"webinar_id": str(archived.webinar_id)})
            assert found.status_code == 200


async def test_who_is_signed_in_and_may_not_join_is_refused_by_both(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    await web.know(webinar_event("live"))
    monkeypatch.setitem(CAPABILITIES, Role.CANDIDATE, frozenset({Capability.SCHEDULE_VIEW}))
    member = await web.member(Role.CANDIDATE)

    for path in ("/webinar/v1/state", "/webinar/v1/state/stream", "/webinar/v1/participants", "/account/webinar_room/"):
        assert (await member.browser.get(path)).status_code == 403, path


async def test_without_a_current_webinar_there_is_no_state(web: Web) -> None:
    member = await web.member()
    response = await member.browser.get("/webinar/v1/state")

    assert (response.status_code, response.json()["error"]["code"]) == (404, "no_webinar")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/webinar/v1/state", "/webinar/v1/state/stream", "/webinar/v1/webinars"])
async def test_the_state_is_read_only(web: Web, method: str, path: str) -> None:
    response = await web.browser().request(method, path)

    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/webinar/v1/state", "/webinar/v1/participants", "/webinar/v1/state/stream"])
async def test_an_ended_session_is_refused_by_both(web: Web, path: str) -> None:
    await web.know(webinar_event("live"))
    member = await web.member()
    await web.parts.accounts.set_active(member.account_id, active=False)

    response = await member.browser.get(path)

    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthenticated")
    assert response.headers["set-cookie"].startswith('wh_session=""')


@pytest.mark.parametrize("path", ["/webinar/v1/state", "/webinar/v1/participants", "/webinar/v1/nowhere", "/webinars/"])
async def test_every_answer_carries_the_same_security_headers(web: Web, path: str) -> None:
    headers = (await web.browser().get(path)).headers

    assert "script-src 'self';" in headers["content-security-policy"]
    assert "frame-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "strict-origin-when-cross-origin"
