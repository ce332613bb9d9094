"""With JavaScript off: the schedule tells everything, people sign in, and a webinar is planned by the form alone."""

import re
from datetime import timedelta
from uuid import UUID

from local_stack.demo import PASSWORD
from playwright.sync_api import expect
from world.desk import EMBEDDED, VIDEO, from_now, local_time
from world.people import Cast
from world.rooms import Browsers
from world.system import World
from world.wire import Wire


def test_a_webinar_is_planned_without_scripts_and_everybody_finds_it(
    browsers: Browsers, cast: Cast, wire: Wire, world: World
) -> None:
    begins = from_now(timedelta(hours=5))
    page = browsers.page(java_script_enabled=False)
    page.goto("/webinars/")
    page.get_by_role("banner").get_by_role("link", name="Войти").click()
    page.locator('[name="login"]').fill("speaker")
    page.locator('[name="password"]').fill(PASSWORD)
    page.locator('main form button:not([type="button"])').click()
    page.goto("/admin_webinar/")
    page.locator('main a[href="/admin_webinar/new"]').first.click()
    webinar_id = UUID(page.locator('[name="webinar_id"]').input_value())
    world.planned.append(webinar_id)

    page.locator('[name="title"]').fill("Без скриптов")
    page.locator('[name="scheduled_at"]').fill(local_time(begins, "Asia/Tokyo"))
    page.locator('[name="time_zone"]').fill("Asia/Tokyo")
    page.locator('[name="player_src"]').fill(VIDEO)
    page.locator('[data-webinar-form] button[value="publish"]').click()

    expect(page.locator("[data-notice].good")).to_be_visible()
    [planned] = wire.wait_for("webinar_event", webinar_id=webinar_id)
    assert (planned.body["status"], planned.body["player_src"]) == ("scheduled", EMBEDDED)
    assert planned.moment("scheduled_at") == begins
    guest = browsers.page(java_script_enabled=False)
    guest.goto("/webinars/")
    card = guest.locator(f'[data-webinar-id="{webinar_id}"]')
    expect(card.locator("h2")).to_have_text("Без скриптов")
    expect(card.locator("time")).to_contain_text(local_time(begins, "Asia/Tokyo").split("T")[1])
    expect(card.locator("[data-zone-of]")).to_contain_text("Япония")
    expect(card.get_by_role("link", name="Записаться")).to_be_visible()

    page.goto(f"/admin_webinar/{webinar_id}")
    page.locator('[name="title"]').fill("")
    page.locator('[data-webinar-form] button[value="publish"]').click()
    expect(page.locator("#e-title")).to_be_visible()
    page.locator('[name="title"]').fill("Без скриптов, но с именем")
    page.locator('[data-webinar-form] button[value="publish"]').click()
    wire.wait_for("webinar_event", webinar_id=webinar_id, where=lambda body: body["title"].endswith("с именем"))


def test_a_room_without_scripts_says_what_it_needs(browsers: Browsers, cast: Cast, world: World) -> None:
    webinar_id = world.desk.plan("Нужны скрипты")
    page = browsers.page(cast.caller(cast.one()), java_script_enabled=False)

    page.goto(f"/account/webinar_room/{webinar_id}")

    expect(page.get_by_text(re.compile("нужен JavaScript"))).to_be_visible()
