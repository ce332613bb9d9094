"""The catalogue of events, for who runs webinars: all of it, and files for programs."""

import json
import re
from pathlib import Path

import pytest
from contracts import CAPABILITIES, Capability, Role
from contracts.docs import entries
from contracts.docs.entries import Group
from contracts.schemas import schema
from contracts.topology import OWN_TOPICS
from room_ui.pages.events import GROUPS, marked
from room_ui.testing import Web

ADDRESS = "/admin_webinar/events/"
DOCS = Path(__file__).parents[4] / "docs"


def words_of(page: str) -> str:
    """Return what a reader reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


async def test_every_event_has_its_place_with_fields_examples_and_a_schema_to_take(web: Web) -> None:
    speaker = await web.member("speaker")

    page = (await speaker.browser.get(ADDRESS)).text

    ids = set(re.findall(r' id="([^"]+)"', page))
    linked = set(re.findall(r'href="#([^"]+)"', page)) - {"main"}
    assert {topic.name for topic in OWN_TOPICS} <= ids
    assert linked <= ids
    assert set(GROUPS) == set(Group)
    for entry in (one for group in Group for one in entries.entries(group)):
        section = page.split(f'id="{entry.name}"')[1].split("</article>")[0]
        for field in entry.fields:
            assert f"<dt><code>{field.name}</code>" in section, (entry.name, field.name)
        assert section.count("<pre") == len(entry.examples)
        [address] = re.findall(r'href="([^"]+\.json)"', section)
        taken = await speaker.browser.get(address)
        assert taken.json() == schema(entry.name)
        assert taken.headers["content-disposition"] == f'attachment; filename="{entry.name}.schema.json"'
    # An example as it is, and none of the marks that its words are written with.
    shown = re.findall(r'<pre class="event-json">(.*?)</pre>', page, re.DOTALL)
    assert json.loads(shown[0].replace("&#34;", '"'))["title"]
    assert "`" not in words_of(page)
    assert "](#" not in page


async def test_the_whole_for_programs_is_the_document_of_the_repository(web: Web) -> None:
    speaker = await web.member("speaker")

    taken = await speaker.browser.get(f"{ADDRESS}asyncapi.json")

    assert taken.text == (DOCS / "asyncapi.json").read_text(encoding="utf-8")
    assert (await speaker.browser.get(f"{ADDRESS}schemas/nothing.json")).status_code == 404


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("address", [ADDRESS, f"{ADDRESS}asyncapi.json", f"{ADDRESS}schemas/webinar_event.json"])
async def test_it_is_for_who_runs_webinars(web: Web, role: Role, address: str) -> None:
    member = await web.member(role)

    answer = await member.browser.get(address)

    assert answer.status_code == (200 if Capability.WEBINAR_MANAGE in CAPABILITIES[role] else 403)


async def test_a_guest_is_asked_who_they_are(web: Web) -> None:
    answer = await web.browser().get(ADDRESS)

    assert "webinar_event" not in answer.text


def test_words_of_the_catalogue_are_text_but_for_two_marks() -> None:
    assert marked("`a` \\| [B](#c) <b>") == '<code>a</code> | <a href="#c">B</a> &lt;b&gt;'
