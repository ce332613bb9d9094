"""The texts of the messages, for who may edit them."""

import html
import re

import pytest
from contracts import CommandError, CommandReply, ErrorCode, MessageTemplateEvent, MessageTemplateSet, Step
from contracts.message_texts import DEFAULT_TEXTS, LONGEST_MESSAGE
from room_ui.i18n import texts
from room_ui.pages.messages import SAMPLES, WORD_NAMES, preview_of
from room_ui.testing import BASE_URL, Web
from servicekit import CommandNotSent, CommandUnanswered

ADDRESS = "/admin_webinar/messages/"


def shown_in(page: str, text: str) -> str:
    """Return what stands in a field of the page: that of a step and a language."""
    [shown] = re.findall(rf'<textarea id="t-{text}"[^>]*>\n(.*?)</textarea>', page, re.DOTALL)
    return html.unescape(shown)


def seen_in(page: str, text: str) -> str:
    """Return what the form of a text says of the text that its reader began with."""
    form = page.split(f'id="{text}"')[1]
    seen: list[str] = re.findall(r'name="seen" value="([0-9a-f]+)"', form)
    return seen[0]


async def test_texts_are_shown_as_they_read_and_saved_by_command(web: Web) -> None:
    admin = await web.member("admin")
    text = "Hello, {name}! {title}\n<b>{watched_minutes}</b> <script>"
    await web.under_test.receive(MessageTemplateEvent(step=Step.ATTENDED, locale="en", version=1, text=text))

    page = (await admin.browser.get(ADDRESS)).text
    saved = await admin.post(ADDRESS, data={"step": "attended", "locale": "en", "text": "Hi, {name}\r\nBye"})

    assert page.count("data-template=") == 8
    assert "Hello, {name}! {title}" in page
    assert "Hello, Anna! How it all works\n<b>47</b> &lt;script&gt;" in page
    [(command, _, _)] = web.commands.sent
    assert command == MessageTemplateSet(step="attended", locale="en", text="Hi, {name}\nBye")
    assert saved.status_code == 200
    assert "Текст сохранён." in saved.text
    # What has just been saved is on the page, though post-webinar has not told of it yet.
    assert shown_in(saved.text, "attended-en") == "Hi, {name}\nBye"
    assert "Hi, Anna\nBye" in saved.text


async def test_a_text_whose_saving_is_not_answered_stays_on_the_page(web: Web) -> None:
    admin = await web.member("admin")
    web.commands.answer = CommandUnanswered("slow")

    answer = await admin.post(ADDRESS, data={"step": "attended", "locale": "ru", "text": "Долго писали"})

    assert answer.status_code == 200
    assert "Пока неизвестно, сохранилось ли это" in answer.text
    assert shown_in(answer.text, "attended-ru") == "Долго писали"


async def test_a_preview_saves_nothing_and_a_refused_text_is_kept(web: Web) -> None:
    admin = await web.member("admin")
    form = {"step": "recording", "locale": "ru", "text": "Вот запись: {recording}"}

    preview = await admin.post(ADDRESS, data={**form, "show": "show"})
    assert web.commands.sent == []
    error = CommandError(code=ErrorCode.INVALID_FIELD, message="unknown word", field="text")
    web.commands.answer = CommandReply(ok=False, error=error)
    refused = await admin.post(ADDRESS, data=form)
    web.commands.answer = CommandNotSent("away")
    away = await admin.post(ADDRESS, data=form)

    assert 'Вот запись: <span class="tg-link">https://example.org/recording</span>' in preview.text
    assert (refused.status_code, away.status_code) == (422, 503)
    assert 'data-error-code="invalid_field"' in refused.text
    for answer in (refused, away):
        assert "Вот запись: {recording}" in answer.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Привет, {nmae}!", "Слово {nmae} здесь неизвестно."),
        ("{candidates}", "Слово {candidates} здесь неизвестно."),
        ("Привет, {name", "лишняя скобка {"),
        ("<b>Привет", "Знак &lt;b&gt; не закрыт."),
        ("<b>Привет</i>", "Знак &lt;/i&gt; закрывает не то"),
        ("  ", "Текст пуст."),
        ("я" * 3001, "Текст длиннее 3000 знаков"),
    ],
)
async def test_a_text_that_cannot_be_sent_is_refused_at_the_field_by_name(web: Web, text: str, words: str) -> None:
    admin = await web.member("admin")

    answer = await admin.post(ADDRESS, data={"step": "attended", "locale": "ru", "text": text})

    assert answer.status_code == 422
    at_field = re.search(r'<p class="error" id="e-attended-ru">(.*?)</p>', answer.text)
    assert at_field is not None
    assert words in at_field[1]
    assert html.escape(text.strip()) in answer.text
    assert web.commands.sent == []


async def test_the_fragment_follows_what_is_typed_and_says_what_is_wrong(web: Web) -> None:
    admin, speaker = await web.member("admin"), await web.member("speaker")
    form = {"step": "attended", "locale": "en", "text": "<b>{name}</b>, 1 < 2: {link} {nmae}"}

    answer = await admin.post(f"{ADDRESS}preview/", data=form)

    assert answer.status_code == 200
    assert "<html" not in answer.text
    link = f'<span class="tg-link">{BASE_URL}/account/contacts/</span>'
    assert f"<b>Anna</b>, 1 &lt; 2: {link} {{nmae}}</div>" in answer.text
    length = re.search(r'data-message-length="(\d+)"', answer.text)
    assert length is not None
    assert int(length[1]) == len(f"Anna, 1 < 2: {BASE_URL}/account/contacts/ {{nmae}}")
    assert "Слово {nmae} здесь неизвестно." in answer.text
    assert web.commands.sent == []
    assert (await speaker.post(f"{ADDRESS}preview/", data=form)).status_code == 403
    for odd in ({"step": "x"}, {"locale": "de"}, {}):
        assert (await admin.post(f"{ADDRESS}preview/", data=odd)).status_code == 400


async def test_the_text_that_it_began_with_is_put_back_and_saved_only_when_asked(web: Web) -> None:
    admin = await web.member("admin")
    await web.under_test.receive(MessageTemplateEvent(step=Step.ATTENDED, locale="ru", version=1, text="Другое"))
    form = {"step": "attended", "locale": "ru", "text": "Третье"}

    answer = await admin.post(ADDRESS, data={**form, "original": "original"})

    assert shown_in(answer.text, "attended-ru") == DEFAULT_TEXTS[Step.ATTENDED, "ru"]
    assert "первоначальный текст" in answer.text
    assert web.commands.sent == []


async def test_every_word_that_may_stand_there_can_be_inserted_and_has_a_meaning(web: Web) -> None:
    admin = await web.member("admin", locale="en")

    page = (await admin.browser.get(ADDRESS)).text

    form = page.split('id="partner_notice-en"')[1].split("</form>")[0]
    assert set(re.findall(r'data-insert="\{(\w+)\}"', form)) == {"name", "title", "date", "zone", "candidates", "link"}
    assert all(name in page for name in ("the reader&#39;s name", "the list of candidates"))
    assert set(SAMPLES) <= set(WORD_NAMES)


def test_a_text_that_grows_too_long_by_its_values_says_so() -> None:
    english, long = texts("en"), "https://e.org/" + "x" * 40
    preview = preview_of(Step.ATTENDED, "{link}" * 100, reader=english, editor=english, base_url=long, date="")

    assert preview.is_too_long
    assert preview.length > LONGEST_MESSAGE
    assert preview.problem is None


async def test_a_text_that_a_colleague_has_changed_is_not_overwritten_unseen(web: Web) -> None:
    admin = await web.member("admin")
    known = MessageTemplateEvent(step=Step.ATTENDED, locale="en", version=1, text="As it was")
    await web.under_test.receive(known)
    page = (await admin.browser.get(ADDRESS)).text
    await web.under_test.receive(known.model_copy(update={"version": 2, "text": "The colleague's"}))
    form = {"step": "attended", "locale": "en", "text": "Mine"}

    refused = await admin.post(ADDRESS, data={**form, "seen": seen_in(page, "attended-en")})
    assert refused.status_code == 409
    assert "Сейчас там: The colleague&#39;s" in refused.text
    assert shown_in(refused.text, "attended-en") == "Mine"
    assert web.commands.sent == []

    saved = await admin.post(ADDRESS, data={**form, "seen": seen_in(refused.text, "attended-en")})
    assert saved.status_code == 200
    # What was saved a moment ago is nobody else's.
    await web.under_test.receive(known.model_copy(update={"version": 3, "text": "Mine"}))
    again = {**form, "text": "Mine, mended", "seen": seen_in(saved.text, "attended-en")}
    assert (await admin.post(ADDRESS, data=again)).status_code == 200
    assert [command.model_dump()["text"] for command, _, _ in web.commands.sent] == ["Mine", "Mine, mended"]
