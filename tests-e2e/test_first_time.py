"""Somebody who has never seen it plans, starts and ends a webinar and finds who watched: few presses, no detours."""

import re
from datetime import timedelta
from uuid import UUID

from local_stack.demo import PASSWORD
from playwright.sync_api import BrowserContext, expect
from world.desk import VIDEO, from_now, local_time
from world.people import Cast
from world.rooms import Browsers
from world.system import World

MOST_PRESSES = 12
# Every press of a finger or a mouse, whatever it does, in whichever document.
_COUNT = """addEventListener("pointerdown", (event) => event.isTrusted && window.pressed(), true);"""


class Presses:
    """Counts the presses in a browser, by the browser's own events."""

    def __init__(self, context: BrowserContext) -> None:
        self.count = 0
        context.expose_binding("pressed", lambda _source: self._add())
        context.add_init_script(_COUNT)

    def _add(self) -> None:
        self.count += 1


def test_the_whole_way_in_a_dozen_presses(browsers: Browsers, cast: Cast, world: World) -> None:
    """What is typed is typed field after field, as with Tab; each outcome is waited for where the person sees it."""
    candidate = cast.one()
    context = browsers.context()
    presses = Presses(context)
    page = context.new_page()

    page.goto("/webinars/")
    page.get_by_role("banner").get_by_role("link", name="Войти").click()
    page.locator('[name="login"]').fill("speaker")
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator('main form button:not([type="button"])').click()

    page.locator('nav a[href="/admin_webinar/"]').click()
    page.locator('main a[href="/admin_webinar/new"]').first.click()
    webinar_id = UUID(page.locator('[name="webinar_id"]').input_value())
    world.planned.append(webinar_id)
    page.locator('[name="title"]').fill("Мой первый вебинар")
    page.locator('[name="scheduled_at"]').fill(local_time(from_now(timedelta(minutes=5))))
    page.locator('[name="player_src"]').fill(VIDEO)
    page.locator('[data-webinar-form] button[value="publish"]').click()
    expect(page.locator('form[action$="/start"] button')).to_be_visible()

    room = browsers.room(cast.caller(candidate), webinar_id)
    room.expect_screen("lobby")
    page.locator('form[action$="/start"] button').first.click()
    room.expect_screen("live")
    page.locator('form[action$="/cta/show"] button').first.click()
    expect(room.cta).to_be_visible()
    world.facts(webinar_id).wait_for("client_webinar_entered", candidate)
    page.locator('form[action$="/stop"] button').first.click()
    page.locator('[data-confirm] button[value="confirm"]').click()
    room.expect_screen("finished")

    # It comes by itself, where they are already.
    watched = page.locator(f'[data-lead="{candidate.account_id}"]').first
    expect(watched).to_contain_text(candidate.name)
    expect(watched).not_to_have_attribute("data-absent", re.compile(".*"))
    assert page.url.split("?")[0].split("#")[0].endswith(f"/admin_webinar/{webinar_id}")
    assert 0 < presses.count <= MOST_PRESSES, presses.count
