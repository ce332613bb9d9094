"""Bad input gets a clear refusal with its code, or becomes a dead letter: never a 500, never a stuck queue."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from contracts import Step
from contracts.message_texts import DEFAULT_TEXTS
from contracts.topology import THE_FIVE, TOPICS, Topic, queues_of
from room_ui.accounts.tokens import SessionCookie, new_session_id, write_session_cookie
from world.caller import error_code
from world.desk import Desk
from world.people import Cast
from world.system import World

MALFORMED = [b"", b"not json", b"[]", b"{}", b'{"webinar_id": 7}', b"\xff\xfe\x00", b"[" * 5000, b"null"]
HEARD = [topic for topic in TOPICS if topic.heard_by]


@pytest.fixture
def dead(world: World) -> Iterator[None]:
    """Forget the dead letters that a test has asked for."""
    yield
    for service in THE_FIVE:
        world.ledger.rows(service, "delete from dead_letter where app_id = 'a-story'")


@pytest.mark.usefixtures("dead")
@pytest.mark.parametrize("topic", HEARD, ids=lambda topic: topic.name)
def test_a_malformed_message_becomes_a_dead_letter(world: World, topic: Topic) -> None:
    ids = [world.wire.say(topic.name, body) for body in MALFORMED]
    ids += [world.wire.say(topic.name, b"{}", message_id="no-uuid-at-all")]
    expected = 0 if topic.is_command else len(ids)

    for service in topic.heard_by:
        if topic.has_dead_letters or topic.is_command:
            query = "select count(*) from dead_letter where message_id = any($1::text[])"
            world.ledger.wait_for(service, query, ids, is_it=lambda count: count == expected)
        [queue] = [queue for queue in queues_of(service) if queue.topic.name == topic.name]
        world.wait_until_drained(queue.name)
        if queue.dead_letter_queue:
            world.wait_until_drained(queue.dead_letter_queue)
        assert world.stack.service(service).is_ready, service


@pytest.mark.usefixtures("dead")
def test_the_loop_runs_after_it(world: World, desk: Desk, cast: Cast) -> None:
    for topic in HEARD:
        world.wire.say(topic.name, b"not json")
    candidate = cast.one()
    webinar_id = desk.plan("После мусора")
    desk.start(webinar_id)
    caller = cast.caller(candidate)
    with caller.client.stream(
        "GET", "/webinar/v1/state/stream", params={"webinar_id": str(webinar_id), "visible": "1"}
    ) as stream:
        assert next(line for line in stream.iter_lines() if line.startswith("data:"))
        world.facts(webinar_id).wait_for("client_webinar_entered", candidate)
    desk.stop(webinar_id)
    world.facts(webinar_id).wait_for_outcome(candidate)


NAMES = ("webinar_id", "after", "q", "visible", "page", "from", "next", "done", "ref", "login", "error")
ODD = (
    "",
    "0",
    "-1",
    "99999999999999999999",
    "x" * 5000,
    "\x00",
    "%00",
    "../../etc/passwd",
    "'; drop table webinar; --",
    "💥",
    "[]",
)


def clearly_refused(answer: httpx.Response) -> None:
    """Anything but a failure; a refusal tells its code."""
    assert answer.status_code < 500, f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text[:500]}"
    if answer.status_code >= 400:
        assert error_code(answer), f"{answer.request.method} {answer.url}: {answer.status_code} without a code"


@pytest.mark.parametrize("who", ["guest", "candidate", "admin"])
def test_odd_queries_and_addresses(cast: Cast, world: World, desk: Desk, who: str) -> None:
    webinar_id = desk.plan("Странные запросы")
    caller = {"guest": cast.guest(), "candidate": cast.caller(cast.one()), "admin": cast.caller(cast.admin)}[who]
    paths = [
        "/webinars/", "/webinar/v1/webinars", "/webinar/v1/participants", "/account/login/", "/signup/", "/account/",
        "/account/webinar_room/", f"/account/webinar_room/{webinar_id}", "/account/contacts/", "/account/candidates/",
        "/admin_webinar/", "/admin_webinar/new", f"/admin_webinar/{webinar_id}", "/admin_webinar/people/",
        "/admin_webinar/messages/", f"/webinars/{webinar_id}.ics", "/language/en/",
    ]  # fmt: skip
    for number, path in enumerate(paths):
        for odd in ODD[number % 3 :: 3]:
            clearly_refused(caller.get(path, params=dict.fromkeys(NAMES, odd)))
    for odd in ("0", "x" * 300, "%00", str(uuid4()), "%F0%9F%92%A5", "..%2f..%2fetc"):
        for path in (
            "/account/webinar_room/{}", "/account/webinar_room/{}/frame/player", "/admin_webinar/{}",
            "/webinars/{}.ics", "/account/link/{}", "/admin_webinar/people/{}", "/language/{}/", "/static/{}", "/{}",
        ):  # fmt: skip
            clearly_refused(caller.get(path.format(odd)))


@pytest.mark.parametrize("path", ["seen", "finish", "cta_clicked"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"x"', b'{"webinar_id": 1}', b'{"webinar_id": "x"}', b"\xff", b"[" * 10000]
)
def test_odd_bodies_of_the_rooms_words(cast: Cast, path: str, body: bytes) -> None:
    caller = cast.caller(cast.speaker if path == "seen" else cast.demo_candidate)
    for kind in (
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain",
    ):
        answer = caller.client.post(
            f"/webinar/v1/{path}", content=body, headers={"X-CSRF-Token": caller.token, "Content-Type": kind}
        )
        assert 400 <= answer.status_code < 500, f"{kind}: {answer.status_code} {answer.text[:300]}"
        assert error_code(answer) in {"invalid_field", "webinar_not_found"}


@pytest.mark.parametrize("odd", ["\x00", "x" * 20_000, "💥", "<script>alert(1)</script>", "-1", "NaN", "1e309", "null"])
def test_odd_values_in_every_field_of_the_desk(desk: Desk, world: World, odd: str) -> None:
    webinar_id = desk.plan("Странные поля")
    fields = (
        "title", "description", "speaker_id", "scheduled_at", "time_zone", "duration_minutes", "poster_url",
        "recording_url", "player_src", "chat_src", "stream_type", "cta_text", "cta_link", "completion_percent",
        "expected_version", "message_id", "webinar_id", "original", "action", "overrun_minutes",
    )  # fmt: skip
    for name in fields:
        clearly_refused(desk.caller.post(f"/admin_webinar/{webinar_id}", **{"action": "draft", name: odd}))
    for button in ("overrun", "followups/resend"):
        clearly_refused(desk.press(webinar_id, button, overrun_minutes=odd, delivery_id=odd, expected_version=odd))
    admin = world.cast.caller(world.cast.admin)
    for name in ("login", "name", "role", "partner", "locale", "country", "telegram", "link", "password"):
        person = {"login": f"odd{uuid4().hex[:8]}", "name": "Странный", "role": "candidate", name: odd}
        clearly_refused(admin.post("/admin_webinar/people/new", **person))
    for name in ("step", "locale", "text"):
        clearly_refused(admin.post("/admin_webinar/messages/", **{"step": "attended", "locale": "ru", name: odd}))
    # The stories that follow read what they are sent.
    text = DEFAULT_TEXTS[Step.ATTENDED, "ru"]
    assert error_code(admin.post("/admin_webinar/messages/", step="attended", locale="ru", text=text)) is None
    clearly_refused(admin.post("/admin_webinar/people-import/", text=odd, confirm="confirm"))
    # What was taken is shown as text, never as markup.
    assert "<script>alert(1)" not in desk.caller.get(f"/admin_webinar/{webinar_id}").text
    assert "<script>alert(1)" not in world.cast.guest().get("/webinars/").text


def test_too_much_is_refused(cast: Cast) -> None:
    caller = cast.caller(cast.speaker)

    answer = caller.post("/admin_webinar/new", title="x" * 3_000_000)

    assert (answer.status_code, error_code(answer)) == (413, "invalid_field")


def test_forged_expired_and_revoked_sessions_are_nobodys(cast: Cast, world: World, desk: Desk) -> None:
    webinar_id: UUID = desk.plan("Поддельные сессии")
    person = cast.one()
    good = cast.caller(person).cookies()["wh_session"]
    session_id, expires, signature = good.split(".")
    keys = [world.stack.environments.choices.session_key.encode()]
    past, later = datetime.now(UTC) - timedelta(seconds=1), datetime.now(UTC) + timedelta(hours=1)
    revoked = cast.another_session(person)
    revoked_cookie = revoked.cookies()["wh_session"]
    assert revoked.post("/account/logout/").status_code == 303

    cookies = {
        "longer life": f"{session_id}.{int(expires) + 3600}.{signature}",
        "another id": f"{new_session_id()}.{expires}.{signature}",
        "another signature": f"{session_id}.{expires}.{signature[::-1]}",
        "another key": write_session_cookie(SessionCookie(session_id, later), [b"not the key of the house"]),
        "expired": write_session_cookie(SessionCookie(session_id, past), keys),
        "never begun": write_session_cookie(SessionCookie(new_session_id(), later), keys),
        "revoked": revoked_cookie,
        "empty": "",
        "rubbish": "a.b.c",
        "long": "x" * 4000,
    }
    for what, cookie in cookies.items():
        caller = cast.guest()
        caller.client.cookies.set("wh_session", cookie)
        asked = {"webinar_id": str(webinar_id)}
        for path in ("state", "state/stream", "participants"):
            answer = caller.get(f"/webinar/v1/{path}", params=asked)
            assert (answer.status_code, error_code(answer)) == (401, "unauthenticated"), f"{what}: {path}"
        page = caller.get(f"/account/webinar_room/{webinar_id}")
        assert (page.status_code, page.headers["location"].partition("?")[0]) == (303, "/account/login/"), what
        answer = caller.client.post(
            f"/admin_webinar/{webinar_id}/start", data={"csrf_token": cast.caller(cast.speaker).token}
        )
        assert answer.status_code in {303, 403}, what
    assert json.loads(cast.caller(person).get("/webinar/v1/state", params={"webinar_id": str(webinar_id)}).text)
    assert world.wire.of("webinar_started", webinar_id) == []
