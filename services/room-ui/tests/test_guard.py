"""Nobody writes from elsewhere, and nothing that is sent makes us fail."""

import re
from typing import Any
from uuid import uuid4

import pytest
from contracts import Role, RoomFinish
from room_ui.accounts.domain import new_account
from room_ui.assets import STATIC
from room_ui.testing import BASE_URL, Web, webinar_event
from room_ui.web import is_from_us

PASSWORD = "a long enough password"


def test_an_origin_goes_before_a_referer() -> None:
    assert is_from_us({"origin": "http://Rooms.localhost"}, BASE_URL)
    assert is_from_us({"referer": f"{BASE_URL}/account/login/?next=/"}, BASE_URL)
    for headers in (
        {},
        {"origin": "null"},
        {"origin": "http://rooms.localhost.evil.example"},
        {"origin": "http://evil.example", "referer": f"{BASE_URL}/"},
        {"referer": "http://evil.example/http://rooms.localhost/"},
        {"referer": "http://rooms.localhost@evil.example/"},
        {"referer": "rooms.localhost"},
    ):
        assert not is_from_us(headers, BASE_URL), headers


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": BASE_URL},
        {"origin": BASE_URL, "x-csrf-token": "made up"},
        {"origin": BASE_URL, "x-csrf-token": "\u00e4".encode()},
        {"origin": "http://evil.example", "x-csrf-token": "{token}"},
        {"x-csrf-token": "{token}"},
    ],
)
async def test_a_write_needs_our_origin_and_the_sessions_token(web: Web, headers: dict[str, Any]) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    member = await web.member()
    filled = {
        name: value.format(token=member.viewer.csrf_token) if isinstance(value, str) else value
        for name, value in headers.items()
    }

    response = await member.browser.post(
        "/webinar/v1/finish", headers=filled, json={"webinar_id": str(webinar.webinar_id)}
    )

    assert (response.status_code, response.json()["error"]["code"]) == (403, "forbidden")
    await web.under_test.collect()
    assert web.under_test.said(RoomFinish) == []


async def test_the_token_of_another_session_does_not_do(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    anna, boris = await web.member(), await web.member()

    response = await anna.browser.post(
        "/webinar/v1/finish",
        headers={"origin": BASE_URL, "x-csrf-token": boris.viewer.csrf_token},
        json={"webinar_id": str(webinar.webinar_id)},
    )

    assert response.status_code == 403


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/admin_webinar/new", "/admin_webinar/new"),
        ("/admin_webinar/0190/start", "/admin_webinar/0190"),
        ("/admin_webinar/0190/followups/hold", "/admin_webinar/0190"),
        ("/admin_webinar/people/0190/link", "/admin_webinar/people/0190"),
        ("/account/contact/", "/account/"),
        ("/account/telegram/", "/account/telegram/"),
        ("/account/logout/", "/account/"),
    ],
)
async def test_a_page_whose_session_has_ended_leads_to_sign_in_and_back(web: Web, path: str, page: str) -> None:
    member, _ = await web.member(Role.ADMIN), await web.member(Role.ADMIN)
    await web.parts.accounts.set_active(member.account_id, active=False)

    answers = [
        await member.post(path, data={"title": "x"}),
        await web.browser().post(path, headers={"origin": BASE_URL}),
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    # Who had a session is told that it has ended.
    assert [answer.headers["location"] for answer in answers] == [
        f"/account/login/?next={page}&error=ended",
        f"/account/login/?next={page}",
    ]
    assert web.commands.sent == []
    assert (await web.browser().post(path, headers={"origin": "http://evil.example"})).status_code == 403


async def test_a_program_whose_session_has_ended_is_told_to_sign_in(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    member = await web.member()
    await web.parts.accounts.set_active(member.account_id, active=False)

    answer = await member.post("/webinar/v1/finish", json={"webinar_id": str(webinar.webinar_id)})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
    await web.under_test.collect()
    assert web.under_test.said(RoomFinish) == []


async def test_a_page_that_is_too_old_says_so_and_offers_a_new_one(web: Web) -> None:
    partner = await web.member(Role.PARTNER)
    old = {"origin": BASE_URL, "x-csrf-token": "of another session"}

    answers = {
        "/account/": await partner.browser.post("/account/contact/", headers=old, data={"phone": "1"}),
        "/account/login/": await web.browser().post("/account/login/", headers=old, data={"login": "anna"}),
    }

    for page, answer in answers.items():
        assert answer.status_code == 403
        assert 'data-error-code="forbidden"' in answer.text
        assert "Эта страница устарела" in answer.text
        assert f'<a class="button primary" href="{page}">' in answer.text
    account = await web.parts.accounts.get(partner.account_id)
    assert account is not None
    assert account.contact.phone is None


async def test_signing_in_over_the_form_and_out_again(web: Web) -> None:
    await web.parts.accounts.add(new_account({"login": "anna", "name": "Anna", "role": "candidate"}), password=PASSWORD)
    browser = web.browser()
    page = await browser.get("/account/login/?next=/account/webinar_room/")
    token = browser.cookies["wh_guest"].strip('"')
    assert token in page.text
    form = {"login": "anna", "password": PASSWORD, "csrf_token": token, "next": "/account/contacts/"}

    without_cookie = await web.browser().post("/account/login/", data=form, headers={"origin": BASE_URL})
    assert without_cookie.status_code == 403

    wrong = await browser.post("/account/login/", data={**form, "password": "wrong"}, headers={"origin": BASE_URL})
    assert wrong.headers["location"] == "/account/login/?error=wrong&login=anna&next=%2Faccount%2Fcontacts%2F"

    signed_in = await browser.post("/account/login/", data=form, headers={"origin": BASE_URL})
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/account/contacts/")
    assert (await browser.get("/account/contacts/")).status_code == 200

    viewer = (await web.parts.sessions.authenticate(scope_with(browser.cookies["wh_session"]))).viewer
    signed_out = await browser.post(
        "/account/logout/", data={"csrf_token": viewer.csrf_token}, headers={"origin": BASE_URL}
    )
    assert signed_out.headers["location"] == "/webinars/"
    assert (await browser.get("/account/contacts/")).headers["location"].startswith("/account/login/?next=/account/")


async def test_signing_in_with_the_cookie_of_an_ended_session_begins_a_new_one(web: Web) -> None:
    member = await web.member()
    await web.parts.accounts.set_active(member.account_id, active=False)
    await web.parts.accounts.set_active(member.account_id, active=True)
    link = await web.parts.accounts.new_link(member.account_id)
    browser = web.browser(member.cookie)
    guest = await browser.get(f"/account/link/{link}")
    token = next(value for value in guest.headers.get_list("set-cookie") if value.startswith("wh_guest=")).split(";")[0]

    signed_in = await web.browser(f"{member.cookie}; {token}").post(
        f"/account/link/{link}", data={"csrf_token": token.split("=", 1)[1].strip('"')}, headers={"origin": BASE_URL}
    )

    assert signed_in.headers["location"] == "/account/webinar_room/"
    [cookie] = signed_in.headers.get_list("set-cookie")
    assert (await web.parts.sessions.authenticate(scope_with(cookie.split(";")[0].split("=", 1)[1]))).viewer.account_id


def scope_with(session: str) -> dict[str, Any]:
    return {"type": "http", "headers": [(b"cookie", f"wh_session={session}".encode())]}


async def test_where_to_go_on_to_is_checked(web: Web) -> None:
    member = await web.member(Role.SPEAKER)
    token = await web.parts.accounts.new_link(member.account_id)

    response = await member.post(f"/account/link/{token}", data={"next": "//evil.example/"})

    assert (response.status_code, response.headers["location"]) == (303, "/admin_webinar/")


async def test_looking_at_a_one_time_link_does_not_use_it_up(web: Web) -> None:
    member = await web.member()
    token = await web.parts.accounts.new_link(member.account_id)
    for _ in range(2):
        assert (await web.browser().get(f"/account/link/{token}")).status_code == 200

    first = await member.post(f"/account/link/{token}")
    second = await (await web.member()).post(f"/account/link/{token}")

    assert first.headers["location"] == "/account/webinar_room/"
    assert second.headers["location"] == f"/account/link/{token}?error=link"


async def test_a_guest_is_sent_to_sign_in_and_back(web: Web) -> None:
    response = await web.browser().get("/account/webinar_room/?a=1&b=//x")

    assert response.status_code == 303
    assert response.headers["location"] == "/account/login/?next=/account/webinar_room/%3Fa%3D1%26b%3D//x"


async def test_a_missing_slash_is_mended_without_believing_the_host_header(web: Web) -> None:
    browser = web.browser()
    response = await browser.get("/webinars?ref=anna", headers={"host": "evil.example"})
    assert (response.status_code, response.headers["location"]) == (307, "/webinars/?ref=anna")

    for path in ("//evil.example", "/nowhere", "/webinar/v1/nowhere"):
        assert (await browser.get(f"{BASE_URL}{path}")).status_code == 404, path


@pytest.mark.parametrize("path", ["/admin_webinar/people", "/admin_webinar/messages", "/admin_webinar/people-import"])
async def test_a_page_of_the_desk_is_found_without_its_slash_too(web: Web, path: str) -> None:
    admin = await web.member(Role.ADMIN)

    found = await admin.browser.get(f"{path}?q=a")

    assert (found.status_code, found.headers["location"]) == (307, f"{path}/?q=a")
    assert (await admin.browser.get(f"{path}x")).status_code == 404
    assert (await admin.post(path)).status_code == 404


BAD_BODIES: list[dict[str, Any]] = [
    {"content": b""},
    {"content": b"{", "headers": {"content-type": "application/json"}},
    {"content": b"\xff\xfe", "headers": {"content-type": "application/json"}},
    {"json": []},
    {"json": "text"},
    {"json": {"webinar_id": None}},
    {"json": {"webinar_id": ["a"]}},
    {"json": {"webinar_id": "x" * 10_000}},
    {"json": {"webinar_id": {"a": "b"}}},
    {"json": {"webinar_id": str(uuid4())}},
    {"data": {"webinar_id": "nonsense"}},
    {"files": {"webinar_id": ("name", b"bytes")}},
    {"content": b"not a form", "headers": {"content-type": "multipart/form-data"}},
    {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data; boundary=x"}},
    {"content": b"[" * 100_000, "headers": {"content-type": "application/json"}},
]


@pytest.mark.parametrize("path", ["/webinar/v1/seen", "/webinar/v1/finish", "/webinar/v1/cta_clicked"])
async def test_bad_bodies_are_refused_and_never_a_failure(web: Web, path: str) -> None:
    member = await web.member()
    for options in BAD_BODIES:
        response = await member.post(path, **options)
        assert 400 <= response.status_code < 500, options
        assert set(response.json()["error"]) == {"code", "message"}


@pytest.mark.parametrize("charset", ["undefined", "idna", "punycode", "utf-7", "unicode_escape", "utf-16", "nonsense"])
async def test_a_form_in_a_charset_of_the_senders_choice_is_refused_and_never_a_failure(web: Web, charset: str) -> None:
    part = b'--x\r\ncontent-disposition: form-data; name="csrf_token"\r\n\r\n\\ud800+2AA-\xff\r\n--x--\r\n'
    form: dict[str, Any] = {
        "content": part,
        "headers": {"origin": BASE_URL, "content-type": f"multipart/form-data; boundary=x; charset={charset}"},
    }

    guest = [
        await web.browser().post(path, **form) for path in ("/account/login/", "/admin_webinar/new", "/account/logout/")
    ]
    member = await (await web.member()).post("/webinar/v1/finish", **form)

    assert [response.status_code for response in (*guest, member)] == [400] * 4
    assert all('data-error-code="invalid_field"' in response.text for response in guest)
    assert member.json()["error"]["code"] == "invalid_field"


async def test_bad_words_in_the_sign_in_form_are_refused_and_never_a_failure(web: Web) -> None:
    browser = web.browser()
    await browser.get("/account/login/")
    token = browser.cookies["wh_guest"].strip('"')
    words = ["", "\x00", "a\x00b", "\U0001f600" * 300, "x" * 5000, "\u202e", "'; drop table account; --"]
    for login in words:
        form = {"login": login, "password": login, "csrf_token": token, "next": login}
        response = await browser.post("/account/login/", data=form, headers={"origin": BASE_URL})
        assert response.status_code in {303, 400}, login
        assert response.headers.get("location", "/account/login/?").startswith("/account/login/?")
    nothing = await browser.post("/account/login/", headers={"origin": BASE_URL, "x-csrf-token": token})
    assert nothing.headers["location"].startswith("/account/login/?error=")


async def test_static_files_need_no_session_and_no_database(web: Web) -> None:
    member = await web.member()
    await web.parts.database.close()
    web.parts.sessions.forget([])

    response = await member.browser.get("/static/site.css", headers={"cookie": member.cookie + "x"})

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-cache")
    assert "script-src 'self'" in response.headers["content-security-policy"]
    assert "set-cookie" not in response.headers
    for missing in ("/static/0", "/static/../web.py", "/static/%2e%2e/web.py", "/static/%00", "/static/"):
        assert (await member.browser.get(missing)).status_code == 404, missing
    await web.parts.database.open()


async def test_text_is_sent_packed_to_who_takes_that_and_whole_to_others(web: Web) -> None:
    browser = web.browser()
    whole = (STATIC / "site.css").read_bytes()

    packed = await browser.get("/static/site.css", headers={"accept-encoding": "br, gzip"})
    plain = await browser.get("/static/site.css", headers={"accept-encoding": "identity"})
    part = await browser.get("/static/site.css", headers={"accept-encoding": "gzip", "range": "bytes=0-9"})
    again = await browser.get("/static/site.css", headers={"if-none-match": packed.headers["etag"]})
    font = await browser.get("/static/fonts/onest-latin.woff2", headers={"accept-encoding": "gzip"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == whole
    assert int(packed.headers["content-length"]) < len(whole) / 3
    assert "content-encoding" not in plain.headers
    assert (part.status_code, part.content) == (206, whole[:10])
    assert again.status_code == 304
    assert "content-encoding" not in font.headers
    for answer in (packed, plain, again):
        assert answer.headers["vary"] == "accept-encoding"


async def test_a_static_file_is_kept_for_ever_only_under_the_hash_of_what_it_holds(web: Web) -> None:
    browser = web.browser()
    current = re.search(r'"(/static/site\.css\?v=\w+)"', (await browser.get("/webinars/")).text)
    assert current is not None

    kept = await browser.get(current[1])
    again = await browser.get(current[1], headers={"if-none-match": kept.headers["etag"]})

    assert (kept.status_code, again.status_code) == (200, 304)
    assert kept.headers["cache-control"] == again.headers["cache-control"] == "public, max-age=31536000, immutable"
    for other in ("", "?v=", "?v=0123456789ab", "?v=%ff", "?dev=1", f"?x={current[1]}"):
        assert (await browser.get(f"/static/site.css{other}")).headers["cache-control"] == "no-cache", other
    assert (await browser.get("/static/nothing.css?v=0123456789ab")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "webinar_id=%00",
        "webinar_id=%ff%fe",
        "webinar_id=" + "x" * 5000,
        "after=-1",
        "after=99999999999999999999",
        "q=%00",
        "q=" + "x" * 101,
        "&".join(f"a{number}=1" for number in range(100)),
        "visible=%ff",
        "%=&==",
    ],
)
async def test_bad_queries_are_never_a_failure(web: Web, query: str) -> None:
    await web.know(webinar_event("live"))
    member = await web.member()
    for path in ("state", "participants", "webinars"):
        response = await member.browser.get(f"/webinar/v1/{path}?{query}")
        assert response.status_code < 500, path


async def test_a_body_beyond_all_measure_is_refused(web: Web) -> None:
    member = await web.member()
    response = await member.post("/webinar/v1/seen", content=b"x" * (2 * 1024 * 1024 + 1))
    assert response.status_code == 413

    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 65536

    response = await member.post("/webinar/v1/seen", content=endless())
    assert response.status_code in {400, 413}


async def test_while_the_database_is_away_people_are_told_to_come_back(web: Web) -> None:
    webinar = webinar_event("live")
    await web.know(webinar)
    member = await web.member()
    stranger = await web.member()
    web.parts.sessions.__init__(web.parts.settings)  # type: ignore[misc]
    web.parts.sessions.open(web.parts.database, web.parts.clock)
    await web.parts.sessions.authenticate(scope_with(member.cookie.split("=", 1)[1]))
    await web.parts.database.close()

    state = await member.browser.get("/webinar/v1/state")
    page = await web.browser(f"{stranger.cookie}; wh_locale=en").get("/webinars/")
    unknown = [
        await stranger.browser.get(path) for path in ("/webinar/v1/state", "/webinar/v1/participants", "/webinars/")
    ]
    finish = await member.post("/webinar/v1/finish", json={"webinar_id": str(webinar.webinar_id)})

    assert state.status_code == 200
    assert [response.status_code for response in (*unknown, finish)] == [503] * 4
    assert [response.json()["error"]["code"] for response in (*unknown[:2], finish)] == ["unavailable"] * 3
    assert (page.status_code, page.headers["retry-after"]) == (503, "5")
    assert page.headers["content-type"].startswith("text/html")
    assert '<html lang="en">' in page.text
    assert 'data-error-code="unavailable"' in page.text
    assert "frame-src 'none'" in page.headers["content-security-policy"]
    await web.parts.database.open()
