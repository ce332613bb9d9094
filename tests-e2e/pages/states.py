"""The list of all pages in all their states: what pictures are taken of, and what the bars are held against.

A page that is new, or that can look another way, gets a line here; everything else follows by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from contracts import ErrorCode
from playwright.sync_api import Page, expect

from pages.houses import ROOM

if TYPE_CHECKING:
    from pages.site import OpenHouse

SUBMIT = 'button:not([type="button"])'
Steps = Callable[[Page, "OpenHouse"], None]


@dataclass(frozen=True)
class State:
    """One page in one state.

    name: of tests and pictures, begins with that of the page. about: in words. house, who: which house, and who of it
    looks (None: a guest). path: with names of the house in braces; empty: the steps go there. ready: what shows when
    the state is there. steps: what is done on the page to bring it there.
    """

    name: str
    about: str
    house: str
    who: str | None
    path: str
    ready: str
    steps: Steps | None = None
    status: int = 200


@dataclass(frozen=True)
class PageStates:
    """One page; the first of its states is shown in English and in the dark, too."""

    title: str
    states: tuple[State, ...]


def press(selector: str, ready: str | None = None) -> Steps:
    """Return the step that presses one thing; a form's button, for its answer."""

    def steps(page: Page, opened: "OpenHouse") -> None:
        del opened
        page.locator(selector).first.click()
        if ready:
            expect(page.locator(ready).first).to_be_visible()

    return steps


def finish(page: Page, opened: "OpenHouse") -> None:
    """Press finish, and mean it."""
    del opened
    page.locator('[data-action="finish"]').click()
    page.locator('[data-action="finish-confirm"]').click()


def lose_the_line(page: Page, opened: "OpenHouse") -> None:
    """Be in a tunnel."""
    names = opened.house.names_in(f"{ROOM}/{{live}}", "candidate")
    expect(page.locator("[data-people] .name")).to_have_count(names or 0)
    page.context.set_offline(True)
    opened.do(_end_streams(opened))


async def _end_streams(opened: "OpenHouse") -> None:
    """End the candidate's stream: being offline keeps a browser from beginning one, and does not end the one it has."""
    session_id = opened.house.members["candidate"].viewer.session_id
    opened.house.web.parts.rooms.close_sessions([session_id or ""])


def refuse_the_form(page: Page, opened: "OpenHouse") -> None:
    """Send a form that Core does not like."""
    opened.do(opened.house.answer(refused=ErrorCode.INVALID_FIELD, where="player_src"))
    page.locator('[name="title"]').fill(opened.house.contents.titles[1])
    page.locator('[name="player_src"]').fill("https://somewhere.example/video")
    page.locator('[data-webinar-form] button[value="publish"]').click()
    expect(page.locator("#e-player_src")).to_be_visible()
    opened.do(opened.house.answer())


def refuse_the_button(page: Page, opened: "OpenHouse") -> None:
    """Press a button that Core refuses."""
    opened.do(opened.house.answer(refused=ErrorCode.UNAVAILABLE))
    page.locator('form[action$="/cta/show"] button').click()
    expect(page.locator("[data-notice]")).to_be_visible()
    opened.do(opened.house.answer())


def end_the_session_of(who: str) -> Steps:
    """Return the step that ends somebody's session while they look."""

    def steps(page: Page, opened: "OpenHouse") -> None:
        expect(page.locator("[data-people] .name").first).to_be_visible()
        opened.do(_end_the_session(opened, who))

    return steps


async def _end_the_session(opened: "OpenHouse", who: str) -> None:
    """End it for the page that is open; the next one of the same person has a new one."""
    house, member = opened.house, opened.house.members[who]
    for active in (False, True):
        await house.web.parts.accounts.set_active(member.account_id, active=active)
    house.members[who] = await house.web.signed_in(member.account_id, member.login)


def mistake_the_password(page: Page, opened: "OpenHouse") -> None:
    """Choose a password that is too short."""
    del opened
    for name in ("password", "again"):
        page.locator(f'#password [name="{name}"]').fill("short")
    page.locator(f'form[action^="/account/password/"] {SUBMIT}:not([data-reveal])').last.click()


def look_who_would_move(page: Page, opened: "OpenHouse") -> None:
    """Ask what another percent would have meant, and unfold somebody's windows."""
    del opened
    page.locator("#would-move summary").click()
    page.locator('[name="percent"]').fill("90")
    page.locator(f"#would-move {SUBMIT}").click()
    expect(page.locator("[data-moves]")).to_be_visible()
    page.locator("[data-lead] summary").first.click()


def give_an_address_as_a_name(page: Page, opened: "OpenHouse") -> None:
    """Ask for an account that cannot be."""
    del opened
    page.locator('[name="name"]').fill("anna@example.org")
    page.locator('[name="login"]').fill("anna")
    page.locator("main form button.primary").first.click()


def import_rows(*rows: str) -> Steps:
    """Return the step that sends a CSV file."""
    text = "\n".join(("login,name,role,partner,locale", *rows))

    def steps(page: Page, opened: "OpenHouse") -> None:
        del opened
        file = {"name": "people.csv", "mimeType": "text/csv", "buffer": text.encode()}
        page.locator('input[type="file"]').set_input_files(file)  # type: ignore[arg-type]
        page.locator(f"form[enctype] {SUBMIT}").first.click()

    return steps


def break_something(path: str) -> Steps:
    """Return the step that opens a page while what it needs fails."""

    def steps(page: Page, opened: "OpenHouse") -> None:
        accounts = opened.house.web.parts.accounts
        usual = accounts.get

        async def fail(account_id: str) -> None:
            raise RuntimeError(f"nobody can look up {account_id} now")

        accounts.get = fail  # type: ignore[method-assign]
        try:
            page.goto(path)
        finally:
            accounts.get = usual  # type: ignore[method-assign]

    return steps


LOBBY, ON_AIR, OVER = (f'[data-room][data-screen="{screen}"]' for screen in ("lobby", "live", "finished"))
DESK = "/admin_webinar"
ERROR = "[data-error-code]"
NO_WEBINAR = f"{DESK}/00000000-0000-4000-8000-ffffffffffff"
FEATURED = ".webinar.featured"
HEADING = "main h1"
FORM = "[data-webinar-form]"

PAGES = (
    PageStates(
        "Schedule",
        (
            State("schedule-live", "one on air, one to come", "live", None, "/webinars/", FEATURED),
            State(
                "schedule-planned", "to come, and one called off", "planned", None, "/webinars/", ".webinar.featured"
            ),
            State(
                "schedule-member", "as a candidate sees it", "planned", "candidate", "/webinars/", ".webinar.featured"
            ),
            State("schedule-empty", "nothing planned", "empty", None, "/webinars/", ".card.empty"),
        ),
    ),
    PageStates(
        "Room",
        (
            State("room-live", "on air, with chat and call to action", "live", "candidate", ROOM + "/{live}", ON_AIR),
            State("room-live-bare", "on air, without both", "odd", "candidate", ROOM + "/{bare}", ON_AIR),
            State("room-live-host", "as the speaker sees it", "live", "speaker", ROOM + "/{live}", ON_AIR),
            State("room-lobby", "the lobby", "planned", "candidate", ROOM + "/{first}", LOBBY),
            State("room-lobby-plain", "without a poster", "planned", "candidate", ROOM + "/{plain}", LOBBY),
            State("room-lobby-cancelled", "called off", "planned", "candidate", ROOM + "/{cancelled}", LOBBY),
            State("room-paused", "a break", "odd", "candidate", ROOM + "/{paused}", ".strip"),
            State("room-elsewhere", "on another platform", "odd", "candidate", ROOM + "/{elsewhere}", "[data-outside]"),
            State(
                "room-finishing",
                "finish asks",
                "live",
                "candidate",
                ROOM + "/{live}",
                "[data-finish-confirm]",
                press('[data-action="finish"]'),
            ),
            State("room-left", "after finish", "live", "candidate", ROOM + "/{live}", '[data-action="return"]', finish),
            State(
                "room-lost",
                "the connection is lost",
                "live",
                "candidate",
                ROOM + "/{live}",
                '[data-banner="lost"]',
                lose_the_line,
            ),
            State(
                "room-ended",
                "the session has ended",
                "odd",
                "leaver",
                ROOM + "/{bare}",
                '[data-banner="ended"]',
                end_the_session_of("leaver"),
            ),
            State("room-over", "over, with the next one", "over", "candidate", ROOM + "/{over}", OVER),
            State("room-over-last", "over, none follows", "alone", "candidate", ROOM + "/{over}", OVER),
            State("room-none", "no webinar at all", "empty", "candidate", ROOM + "/", ERROR, status=404),
        ),
    ),
    PageStates(
        "Desk",
        (
            State("desk-list", "the list", "planned", "speaker", DESK + "/", HEADING),
            State("desk-list-empty", "nothing in it", "empty", "speaker", DESK + "/", "main .card.empty"),
        ),
    ),
    PageStates(
        "A webinar at the desk",
        (
            State(
                "webinar-live",
                "the live console",
                "live",
                "speaker",
                DESK + "/{live}",
                '[data-desk][data-status="live"]',
            ),
            State(
                "webinar-live-form",
                "its form on air, unfolded",
                "live",
                "speaker",
                DESK + "/{live}",
                '[name="recording_url"]',
                press(".fold > summary"),
            ),
            State("webinar-new", "a new one", "planned", "speaker", DESK + "/new", FORM),
            State(
                "webinar-refused",
                "a field was refused",
                "planned",
                "speaker",
                DESK + "/new",
                "#e-player_src",
                refuse_the_form,
            ),
            State(
                "webinar-draft", "a draft, for an admin", "planned", "admin", DESK + "/{draft}", "[data-webinar-form]"
            ),
            State("webinar-planned", "planned", "planned", "speaker", DESK + "/{first}", "[data-desk]"),
            State(
                "webinar-published",
                "just published",
                "planned",
                "speaker",
                DESK + "/{first}?done=publish",
                "[data-notice]",
            ),
            State("webinar-cancelled", "called off", "planned", "speaker", DESK + "/{cancelled}", "[data-desk]"),
            State("webinar-paused", "paused, its time is over", "odd", "speaker", DESK + "/{paused}", "[data-desk]"),
            State(
                "webinar-unanswered",
                "Core does not answer",
                "odd",
                "speaker",
                DESK + "/{bare}",
                "[data-notice]",
                refuse_the_button,
            ),
            State(
                "webinar-ended",
                "the session has ended",
                "odd",
                "second",
                DESK + "/{bare}",
                '[data-banner="ended"]',
                end_the_session_of("second"),
            ),
            State("webinar-copied", "a copy of the last one", "planned", "speaker", DESK + "/new?from={first}", FORM),
            State(
                "webinar-start-early",
                "an early start asks",
                "planned",
                "speaker",
                DESK + "/{first}",
                "[data-confirm]",
                press('form[action$="/start"] button'),
            ),
            State(
                "webinar-cancel",
                "calling off asks",
                "planned",
                "speaker",
                DESK + "/{first}",
                "[data-confirm]",
                press('[data-console] button[value="cancel"]'),
            ),
            State(
                "webinar-stop",
                "a stop asks",
                "live",
                "speaker",
                DESK + "/{live}",
                "[data-confirm]",
                press('form[action$="/stop"] button'),
            ),
        ),
    ),
    PageStates(
        "Afterwards",
        (
            State("report", "follow-ups and report", "over", "speaker", DESK + "/{over}", "[data-report]"),
            State(
                "report-moving",
                "who would move",
                "over",
                "speaker",
                DESK + "/{over}",
                "[data-lead] details[open]",
                look_who_would_move,
            ),
            State("report-none", "nobody matches", "over", "speaker", DESK + "/{over}?q=zzz", ".none-found"),
            State("report-empty", "nobody came", "alone", "speaker", DESK + "/{over}", "[data-report]"),
            State(
                "report-resend",
                "sending again asks",
                "over",
                "speaker",
                DESK + "/{over}",
                "[data-confirm]",
                press('[data-doubtful] form[action$="/followups/resend"] button'),
            ),
            State("report-candidates", "my candidates", "over", "partner", "/account/candidates/", "main .card"),
            State("report-candidates-none", "none yet", "empty", "partner", "/account/candidates/", "main .card"),
        ),
    ),
    PageStates(
        "Account",
        (
            State("account", "a candidate's", "planned", "candidate", "/account/", HEADING),
            State("account-partner", "a partner's, Telegram linked", "planned", "partner", "/account/", HEADING),
            State("account-speaker", "a speaker's", "planned", "speaker", "/account/", HEADING),
            State("account-admin", "an admin's", "planned", "admin", "/account/", HEADING),
            State(
                "account-telegram",
                "linking Telegram",
                "planned",
                "candidate",
                "/account/",
                ".qr",
                press('form[action="/account/telegram/"] button'),
            ),
            State(
                "account-refused",
                "a password that is too short",
                "planned",
                "candidate",
                "/account/",
                "#password .error",
                mistake_the_password,
            ),
            State("account-contact", "my contact person", "planned", "candidate", "/account/contacts/", HEADING),
            State(
                "account-contact-none", "nobody in particular", "planned", "partner", "/account/contacts/", "main h1"
            ),
        ),
    ),
    PageStates(
        "People",
        (
            State("people", "the list", "over", "admin", DESK + "/people/", HEADING),
            State("people-none", "nobody found", "over", "admin", DESK + "/people/?q=zzz", "main .card.empty"),
            State("people-new", "somebody new", "over", "admin", DESK + "/people/new", '[name="login"]'),
            State(
                "people-refused",
                "a name that is an address",
                "over",
                "admin",
                DESK + "/people/new",
                "main .error",
                give_an_address_as_a_name,
            ),
            State(
                "people-one",
                "one of them",
                "over",
                "admin",
                DESK + "/people/{account_of_partner}",
                '[name="login"]',
            ),
            State(
                "people-off",
                "switching off asks",
                "over",
                "admin",
                DESK + "/people/{account_of_partner}",
                "[data-confirm]",
                press('form[action$="/deactivate"] button'),
            ),
            State(
                "people-link",
                "a link to hand over",
                "over",
                "admin",
                DESK + "/people/{account_of_partner}",
                "[data-one-time-link]",
                press('form[action$="/link"] button'),
            ),
            State("people-import", "import", "over", "admin", DESK + "/people-import/", 'input[type="file"]'),
            State(
                "people-import-preview",
                "what it would do",
                "over",
                "admin",
                DESK + "/people-import/",
                '[data-import-preview="good"]',
                import_rows(
                    "vera,Вера Новикова,candidate,partner,ru",
                    "gleb,Глеб Седов,candidate,,ru",
                    "guest0,Мария Соколова-Белова,candidate,partner,ru",
                ),
            ),
            State(
                "people-import-wrong",
                "rows that cannot be",
                "over",
                "admin",
                DESK + "/people-import/",
                '[data-import-preview="bad"]',
                import_rows("vera,Вера Новикова,candidate,nobody,ru", "candidate,Кто-то,king,,ru"),
            ),
        ),
    ),
    PageStates(
        "Messages",
        (State("messages", "the texts", "planned", "admin", DESK + "/messages/", "[data-template]"),),
    ),
    PageStates(
        "Events",
        (State("events", "the catalogue", "planned", "speaker", DESK + "/events/", "#webinar_event"),),
    ),
    PageStates(
        "Ways in",
        (
            State("signin", "sign in", "planned", None, "/account/login/", '[name="password"]'),
            State(
                "signin-refused",
                "the wrong password",
                "planned",
                None,
                "/account/login/?error=wrong&login=anna",
                ERROR,
            ),
            State(
                "signin-waiting",
                "too many tries",
                "planned",
                None,
                "/account/login/?error=too_many&until={soon}",
                ERROR,
                status=429,
            ),
            State("signin-ended", "the session has ended", "planned", None, "/account/login/?error=ended", ".notice"),
            State(
                "signin-link", "a link that signs in once", "planned", None, "/account/link/{link}", "main form button"
            ),
            State("signin-link-used", "one that was used", "planned", None, "/account/link/used", ERROR, status=410),
            State("signin-place", "how to get a place", "planned", None, "/signup/", HEADING),
        ),
    ),
    PageStates(
        "When something is wrong",
        (
            State("wrong-address", "nothing there", "planned", None, "/nowhere/", ERROR, status=404),
            State("wrong-person", "no right", "planned", "candidate", DESK + "/", ERROR, status=403),
            State(
                "wrong-webinar",
                "no such webinar",
                "planned",
                "speaker",
                NO_WEBINAR,
                ERROR,
                status=404,
            ),
            State("wrong-here", "a failure of ours", "planned", "partner", "", ERROR, break_something("/account/")),
        ),
    ),
)
STATES = tuple(state for one in PAGES for state in one.states)
