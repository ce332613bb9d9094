"""After a restore: accounts count anew, ways in that may be used up stay shut, and the pages show what Core has."""

from uuid import uuid4

import pytest
from contracts import RoomFinish
from room_ui import repository
from room_ui.accounts.accounts import SignInRefused
from room_ui.after_restore import settle
from room_ui.facts import announce_finish
from room_ui.testing import NOON, Web, webinar_event
from room_ui.viewer import Viewer
from servicekit.after_restore import Finding, version_at


async def restore(web: Web) -> list[Finding]:
    async with web.parts.database.work() as work:
        found = await settle(work)
    await web.under_test.collect()
    return list(found)


async def test_accounts_get_versions_that_nobody_has_seen(web: Web) -> None:
    anna = await web.member(login="anna")
    web.under_test.clock.advance(60)

    await restore(web)

    version = await web.parts.database.pool.fetchval(
        "select version from account where account_id = $1", anna.account_id
    )
    assert version == version_at(web.under_test.clock.now())


async def test_a_link_that_may_have_been_used_opens_nothing(web: Web) -> None:
    anna = await web.member(login="anna")
    link = await web.parts.accounts.new_link(anna.account_id)

    await restore(web)

    with pytest.raises(SignInRefused, match="link"):
        await web.parts.accounts.use_link(link, replacing=Viewer.guest("ru"))


async def test_who_was_signed_in_still_is(web: Web) -> None:
    anna = await web.member()

    found = await restore(web)

    assert (await anna.browser.get("/account/")).status_code == 200
    assert [one.count for one in found if one.what == "sessions that go on"] == [1]


async def test_a_finish_that_was_pressed_is_said_again(web: Web) -> None:
    webinar_id = uuid4()
    async with web.parts.database.work() as work:
        await announce_finish(work, "anna", webinar_id)
    await web.under_test.collect()
    first = web.under_test.said(RoomFinish)

    await restore(web)

    assert web.under_test.said(RoomFinish) == first != []


async def test_the_pages_show_what_the_owners_tell_anew_and_nothing_else(web: Web) -> None:
    """This dump may be of a later time than that of Core: it knows of a webinar, and of versions, that are no more."""
    known, stranger = webinar_event(title="Known", version=2), webinar_event(title="Stranger")
    await web.know(known, stranger)

    await restore(web)
    await web.know(known.model_copy(update={"title": "As it was", "version": 1}))

    # A page shows what its process knows, and processes are started after a restore.
    listed = await repository.schedule(web.parts.database.pool, NOON)
    assert [webinar.title for webinar in listed] == ["As it was"]
