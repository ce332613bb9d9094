"""What went wrong is said in plain words, with something to do about it, and nothing from inside."""

import re

import pytest
from contracts import Role
from room_ui import refusals
from room_ui.assets import STATIC
from room_ui.pages.errors import OURS, TROUBLES
from room_ui.refusals import Refusal
from room_ui.testing import BASE_URL, Web
from starlette.exceptions import HTTPException


def links(page: str) -> list[str]:
    [actions] = re.findall(r'<p class="actions">(.*?)</p>', page, re.DOTALL)
    return re.findall(r'<a class="button[^"]*" href="([^"]+)"', actions)


def test_every_picture_is_there() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', (STATIC / "pictures.svg").read_text(encoding="utf-8")))

    assert {trouble.picture for trouble in (*TROUBLES.values(), *OURS.values())} <= drawn


async def test_who_has_no_right_is_told_as_whom_they_are_signed_in(web: Web) -> None:
    candidate = await web.member(name="Anna")

    page = await candidate.browser.get("/admin_webinar/")

    assert page.status_code == 403
    assert "Вы вошли как Anna (Кандидат)." in page.text
    assert "pictures.svg" in page.text
    assert "#door" in page.text
    assert links(page.text) == ["/webinars/", "/account/"]
    assert '<p class="code">403 · forbidden</p>' in page.text


async def test_a_guest_who_is_lost_can_sign_in(web: Web) -> None:
    page = await web.browser().get("/nowhere")

    assert page.status_code == 404
    assert links(page.text) == ["/webinars/", "/account/login/"]


@pytest.mark.parametrize(
    ("path", "form_page"),
    [
        ("/account/logout/everywhere/", "/account/"),
        ("/account/contact/", "/account/"),
        ("/admin_webinar/messages/preview/", "/admin_webinar/messages/"),
    ],
)
async def test_an_address_that_only_takes_forms_leads_to_the_page_with_the_form(
    web: Web, path: str, form_page: str
) -> None:
    admin = await web.member(Role.ADMIN)

    page = await admin.browser.get(path)

    assert page.status_code == 405
    assert links(page.text)[0] == form_page


async def test_a_failure_says_nothing_from_inside_and_offers_another_try(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = await web.member()

    async def fail(*_: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr(web.parts.accounts, "get", fail)
    page = await candidate.browser.get("/account/?x=1")

    assert page.status_code == 500
    assert "Вы тут ни при чём." in page.text
    assert "secret" not in page.text
    assert "Traceback" not in page.text
    assert links(page.text)[0] == "/account/?x=1"
    assert "data-retry" not in page.text


async def test_a_page_that_gets_no_answer_tries_again_by_itself_but_sends_no_form_twice(web: Web) -> None:
    candidate = await web.member()
    await web.parts.database.close()

    read = await candidate.browser.get("/account/?x=1")
    sent = await candidate.post("/account/language/", data={"locale": "en"})
    await web.parts.database.open()

    assert (read.status_code, sent.status_code) == (503, 503)
    assert "data-retry" in read.text
    assert "retry.js" in read.text
    assert links(read.text)[0] == "/account/?x=1"
    assert "data-retry" not in sent.text
    assert links(sent.text)[0] == "/account/"
    for page in (read, sent):
        assert "#asleep" in page.text
        assert "503 · unavailable" in page.text


@pytest.mark.parametrize("locale", ["ru", "en"])
@pytest.mark.parametrize(
    "error",
    [
        refusals.forbidden(refusals.STALE_PAGE),
        refusals.forbidden(refusals.FOREIGN_PAGE),
        refusals.too_many_requests(),
        refusals.invalid("inside"),
        refusals.no_webinar(),
        HTTPException(418, "inside"),
        HTTPException(502, "inside"),
    ],
)
async def test_every_refusal_has_a_page_in_both_languages(
    web: Web, monkeypatch: pytest.MonkeyPatch, locale: str, error: Exception
) -> None:
    candidate = await web.member(locale=locale)

    async def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(web.parts.accounts, "get", refuse)
    page = await candidate.browser.get("/account/")

    assert page.status_code == (error.status if isinstance(error, Refusal) else error.status_code)  # type: ignore[attr-defined]
    assert f'<html lang="{locale}">' in page.text
    assert "data-error-code=" in page.text
    assert links(page.text)
    assert ">inside<" not in page.text


async def test_who_posts_from_an_old_page_opens_it_again(web: Web) -> None:
    candidate = await web.member()

    page = await candidate.browser.post(
        "/account/language/", headers={"origin": BASE_URL, "x-csrf-token": "old"}, data={"locale": "en"}
    )

    assert page.status_code == 403
    assert "#clock" in page.text
    assert links(page.text)[0] == "/account/"
    assert "Вы вошли как" not in page.text
