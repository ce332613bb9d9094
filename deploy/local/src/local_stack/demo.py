"""What the demo puts into an empty system of its own: people, their Telegram chats, a webinar that can be started."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import httpx

from local_stack.errors import LocalStackError, PageRefusedError
from local_stack.progress import step
from local_stack.supervisor import Stack
from local_stack.visitor import Visitor

PASSWORD = "webinars-demo"  # noqa: S105 - printed on the screen
OVERRIDES = {"FOLLOWUP_DELAY": "0", "MINIMUM_WATCHED_SECONDS": "5"}
TITLE = "Вебинар для знакомства"
DESCRIPTION = "Показываем, как проходит вебинар: от расписания до сообщения в Telegram."
VIDEO = "https://www.youtube.com/watch?v=aqz-KE-bpKQ"
LEAD_TIME = timedelta(minutes=10)
LINK_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Person:
    """login, name and role; partner: the login of who invited them."""

    login: str
    name: str
    role: str
    partner: str | None = None

    @property
    def has_chat(self) -> bool:
        """Hosts get no messages."""
        return self.role in {"partner", "candidate"}


PEOPLE = (
    Person("admin", "Анна Админ", "admin"),
    Person("speaker", "Сергей Спикер", "speaker"),
    Person("partner", "Полина Партнёр", "partner"),
    Person("candidate", "Кирилл Кандидат", "candidate", "partner"),
    Person("candidate2", "Мария Вторая", "candidate", "partner"),
    Person("candidate3", "Иван Третий", "candidate", "partner"),
    Person("candidate4", "Ольга Четвёртая", "candidate", "partner"),
    Person("candidate5", "Пётр Пятый", "candidate", "partner"),
)


class Demo:
    """Seeds a stack on private servers; remembers beside their data what was made, so that nothing is made twice."""

    def __init__(self, stack: Stack, home: Path) -> None:
        if stack.servers.kind == "named":
            raise LocalStackError("The demo seeds only servers of its own, never servers that somebody named.")
        self._stack = stack
        self._file = home / "demo.json"
        self._made: dict[str, Any] = {"accounts": [], "linked": [], "chats": []}
        if self._file.is_file():
            self._made = json.loads(self._file.read_text())

    def seed(self) -> None:
        """Make what is missing of accounts, chats and a coming webinar."""
        self.restore_chats()
        missing = [person for person in PEOPLE if person.login not in self._made["accounts"]]
        if missing:
            with step(f"Making {len(missing)} demo accounts"):
                self._add_accounts(missing)
        unlinked = [person for person in PEOPLE if person.has_chat and person.login not in self._made["linked"]]
        if unlinked and self._stack.sandbox_url:
            with step(f"Linking {len(unlinked)} Telegram chats"):
                for person in unlinked:
                    self._link(person)
        if not self._something_is_coming():
            with step("Planning a webinar"):
                self._plan()

    def remember_chats(self) -> None:
        """Write down who is in the sandbox: it keeps nothing itself, and the services know chats by number."""
        if self._stack.sandbox_url:
            self._made["chats"] = httpx.get(f"{self._stack.sandbox_url}/sandbox/chats").json()
            self._save()

    def _add_accounts(self, people: Sequence[Person]) -> None:
        """Add them in the order of PEOPLE: partners come before those whom they invited."""
        self._stack.add_accounts([_options(person) for person in people], password=PASSWORD)
        self._made["accounts"] += [person.login for person in people]
        self._save()

    def _link(self, person: Person) -> None:
        """Link a chat the way a person does: ask on the account page, press Start, confirm to the bot."""
        with Visitor(self._stack.base_url, connect_to=self._stack.local_url) as visitor, self._sandbox() as sandbox:
            visitor.sign_in(person.login, PASSWORD)
            address = _ask_for_a_link(visitor)
            chat = _ok(sandbox.post("/sandbox/chats", json={"name": person.name}))["chat_id"]
            _ok(sandbox.post(f"/sandbox/chats/{chat}/say", json={"text": address}))
            _ok(sandbox.post(f"/sandbox/chats/{chat}/press", json={"wait": LINK_PATIENCE_SECONDS}))
            _wait_for_the_answer(sandbox, chat)
        self._made["linked"].append(person.login)
        self.remember_chats()

    def restore_chats(self) -> None:
        """Put the people who were in the sandbox back into a new one, under the same numbers."""
        if not self._stack.sandbox_url:
            return
        with self._sandbox() as sandbox:
            for known in self._made["chats"]:
                chat = _ok(sandbox.post("/sandbox/chats", json={"name": known["name"], "started": True}))
                if chat["chat_id"] != known["chat_id"]:
                    raise LocalStackError(f"The sandbox gave {known['name']} another chat than before: make clean.")

    def _something_is_coming(self) -> bool:
        with Visitor(self._stack.base_url, connect_to=self._stack.local_url) as visitor:
            listed = visitor.json("/webinar/v1/webinars")
        webinars = listed.get("webinars", []) if isinstance(listed, dict) else []
        return any(webinar["status"] in {"scheduled", "live", "paused"} for webinar in webinars)

    def _plan(self) -> None:
        """Plan a webinar as the speaker does, in the form of the desk."""
        begins, zone = soon()
        with Visitor(self._stack.base_url, connect_to=self._stack.local_url) as visitor:
            visitor.sign_in("speaker", PASSWORD)
            page = visitor.get("/admin_webinar/new")
            [form] = [form for form in page.forms if "scheduled_at" in form.fields]
            page = visitor.send(
                form,
                title=TITLE,
                description=DESCRIPTION,
                scheduled_at=begins,
                time_zone=zone,
                player_src=VIDEO,
                cta_text="Связаться с партнёром",
                action="publish",
            )
            if page.error_code:
                raise LocalStackError(f"The demo's webinar was refused: {page.error_code}.")

    def _sandbox(self) -> httpx.Client:
        return httpx.Client(base_url=self._stack.sandbox_url or "", timeout=LINK_PATIENCE_SECONDS + 10)

    def _save(self) -> None:
        self._file.write_text(json.dumps(self._made, ensure_ascii=False, indent=1))


def _options(person: Person) -> list[str]:
    words = ["--login", person.login, "--name", person.name, "--role", person.role]
    if person.partner:
        words += ["--partner", person.partner]
    if person.role == "partner":
        words += ["--contact-telegram", "partner_of_the_demo"]
    return words


def soon() -> tuple[str, str]:
    """Return when the demo's webinar begins, as the desk's form takes it, and the time zone that this is meant in.

    From that zone alone: TZ, or a copy in place of the link /etc/localtime, may give this process another local time.
    """
    zone = local_zone()
    return (datetime.now(UTC) + LEAD_TIME).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M"), zone


def local_zone() -> str:
    """Return this machine's IANA time zone, UTC where it has none by name."""
    link = Path("/etc/localtime")
    name = str(link.resolve()).partition("zoneinfo/")[2] if link.is_symlink() else ""
    return name if name in available_timezones() and not name.startswith("Etc/") else "UTC"


def _ask_for_a_link(visitor: Visitor) -> str:
    """Return the t.me address that the account page gives; asks again while the bot is still being started."""
    deadline = time.monotonic() + LINK_PATIENCE_SECONDS
    while True:
        page = visitor.get("/account/telegram/")
        try:
            page = visitor.send(page.form("/account/telegram/"))
        except PageRefusedError as refused:
            if refused.code != "unavailable" or time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            continue
        for link in page.links:
            if link.startswith("https://t.me/"):
                return link
        raise LocalStackError(f"{page.address} shows no Telegram link ({page.error_code or 'no code'}).")


def _wait_for_the_answer(sandbox: httpx.Client, chat: int) -> None:
    """Wait until the bot has answered the confirmation: only then is the chat linked."""
    deadline = time.monotonic() + LINK_PATIENCE_SECONDS
    while any(message["buttons"] for message in _ok(sandbox.get(f"/sandbox/chats/{chat}/messages"))):
        if time.monotonic() > deadline:
            raise LocalStackError("The bot did not answer the confirmation of a chat link.")
        time.sleep(0.1)


def _ok(response: httpx.Response) -> Any:
    if response.is_error:
        raise LocalStackError(f"The sandbox answered {response.status_code} to {response.url}: {response.text[:200]}")
    return response.json()
