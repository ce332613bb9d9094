"""A session is what we signed and still have a row for; its end is an end everywhere within seconds."""

from collections.abc import Collection

from contracts import Role
from room_ui.accounts.sessions import Sessions
from room_ui.testing import Member, Web
from room_ui.viewer import Viewer


async def viewer_of(sessions: Sessions, cookie: str | None) -> Viewer:
    headers = [(b"cookie", cookie.encode("latin-1"))] if cookie else []
    return (await sessions.authenticate({"type": "http", "headers": headers})).viewer


def another_instance(web: Web) -> Sessions:
    sessions = Sessions(web.parts.settings)
    sessions.open(web.parts.database, web.parts.clock)
    return sessions


async def test_a_session_is_known_on_every_instance(web: Web) -> None:
    anna = await web.member(Role.PARTNER, name="Anna")

    viewer = await viewer_of(another_instance(web), anna.cookie)

    assert viewer == anna.viewer
    assert (viewer.display_name, viewer.role) == ("Anna", Role.PARTNER)
    assert viewer.command_actor().account_id == anna.account_id


async def test_forged_broken_and_foreign_cookies_are_guests(web: Web) -> None:
    anna = await web.member()
    name, _, value = anna.cookie.partition("=")
    session_id, expires, signature = value.split(".")
    forged = [
        f"{name}={session_id}.{expires}.{signature[:-1]}{'B' if signature[-1] == 'A' else 'A'}",
        f"{name}={session_id}.{int(expires) + 1}.{signature}",
        f"{name}=other.{expires}.{signature}",
        f"{name}=",
        f"{name}=...",
        f"{name}=\xff\xfe",
        f"other={value}",
    ]

    for cookie in [*forged, None]:
        assert (await viewer_of(web.parts.sessions, cookie)).is_guest, cookie


async def test_a_session_expires_after_twelve_hours_without_use(web: Web) -> None:
    anna = await web.member()
    web.under_test.clock.advance(12 * 3600 - 1)
    assert not (await viewer_of(another_instance(web), anna.cookie)).is_guest

    web.under_test.clock.advance(1)
    assert (await viewer_of(web.parts.sessions, anna.cookie)).is_guest


async def test_use_renews_the_cookie_once_an_hour(web: Web) -> None:
    anna = await web.member()
    scope = {"type": "http", "headers": [(b"cookie", anna.cookie.encode())]}
    assert (await web.parts.sessions.authenticate(scope)).cookies == ()

    web.under_test.clock.advance(3600)
    [renewed] = (await web.parts.sessions.authenticate(scope)).cookies

    web.under_test.clock.advance(11.5 * 3600)
    assert (await viewer_of(web.parts.sessions, anna.cookie)).is_guest
    assert not (await viewer_of(another_instance(web), renewed.decode().split(";")[0])).is_guest


async def test_signing_out_ends_the_session_here_at_once_and_elsewhere_after_a_refresh(web: Web) -> None:
    anna = await web.member()
    elsewhere = another_instance(web)
    assert not (await viewer_of(elsewhere, anna.cookie)).is_guest
    ended: list[str] = []

    def note(session_ids: Collection[str]) -> None:
        ended.extend(session_ids)

    elsewhere.on_end(note)
    await web.parts.accounts.sign_out(anna.viewer)

    assert (await viewer_of(web.parts.sessions, anna.cookie)).is_guest
    await elsewhere.refresh()
    assert (await viewer_of(elsewhere, anna.cookie)).is_guest
    assert ended == [anna.viewer.session_id]


async def test_deactivating_an_account_ends_its_sessions(web: Web) -> None:
    anna, boris = await web.member(), await web.member()
    elsewhere = another_instance(web)
    for member in (anna, boris):
        await viewer_of(elsewhere, member.cookie)

    await web.parts.accounts.set_active(anna.account_id, active=False)
    await elsewhere.refresh()

    for sessions in (web.parts.sessions, elsewhere, another_instance(web)):
        assert (await viewer_of(sessions, anna.cookie)).is_guest
        assert not (await viewer_of(sessions, boris.cookie)).is_guest


async def test_a_changed_role_counts_after_a_refresh_and_closes_streams(web: Web) -> None:
    anna = await web.member(Role.SPEAKER)
    ended: list[str] = []
    web.parts.sessions.on_end(ended.extend)

    await web.parts.accounts.edit(anna.account_id, {"name": "Anna", "role": "candidate"})
    await web.parts.sessions.refresh()

    assert (await viewer_of(web.parts.sessions, anna.cookie)).role is Role.CANDIDATE
    assert ended == [anna.viewer.session_id]


async def test_setting_a_password_ends_the_other_sessions(web: Web) -> None:
    anna = await web.member()
    async with web.parts.database.work() as work:
        second = await web.parts.sessions.begin(work.connection, anna.account_id, work.now)

    await web.parts.accounts.set_password(anna.account_id, "a new password", keep_session=anna.viewer.session_id)

    assert not (await viewer_of(web.parts.sessions, anna.cookie)).is_guest
    assert (await viewer_of(web.parts.sessions, second.decode().split(";")[0])).is_guest


async def test_the_cookie_is_out_of_reach_of_scripts_and_bound_to_https_hosts(web: Web) -> None:
    https = Sessions(web.parts.settings.model_copy(update={"base_url": "https://rooms.localhost"}))
    cookie = https.cookie_for("session", web.parts.clock.now()).decode()

    assert cookie.startswith("__Host-wh_session=session.")
    assert {part.strip() for part in cookie.split(";")[1:]} == {
        "HttpOnly",
        "Max-Age=43200",
        "Path=/",
        "SameSite=Lax",
        "Secure",
    }


async def test_a_session_known_before_goes_on_while_the_database_is_away(web: Web) -> None:
    anna: Member = await web.member()
    await web.parts.database.close()
    web.under_test.clock.advance(2 * 3600)

    assert await viewer_of(web.parts.sessions, anna.cookie) == anna.viewer

    await web.parts.database.open()


async def test_an_ended_session_stays_ended_while_the_database_is_away(web: Web) -> None:
    anna: Member = await web.member()
    await web.parts.accounts.sign_out(anna.viewer)
    await web.parts.database.close()

    assert (await viewer_of(web.parts.sessions, anna.cookie)).is_guest

    await web.parts.database.open()
