"""The people of the stories: each story gets its own, so that none depends on another."""

import csv
import html
import io
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from local_stack.demo import PASSWORD

from world.caller import Caller
from world.ledger import Ledger
from world.telegram import Telegram
from world.wire import Wire

_WAY = re.compile(r'<td>([^<]+)</td><td><input readonly value="([^"]+)"')
COLUMNS = ("login", "name", "role", "partner", "locale", "telegram")


@dataclass
class Person:
    """An account; `link` signs in once, `chat_id` is their linked Telegram chat (None: none)."""

    login: str
    name: str
    role: str
    account_id: str
    link: str | None = None
    partner: "Person | None" = None
    chat_id: int | None = None
    caller: Caller | None = field(default=None, repr=False)


class Cast:
    """Makes people as an administrator does, and signs them in."""

    def __init__(self, base_url: str, *, ledger: Ledger, wire: Wire, telegram: Telegram) -> None:
        self.base_url = base_url
        self._ledger = ledger
        self._wire = wire
        self._telegram = telegram
        self._numbers = itertools.count(1)
        self._callers: list[Caller] = []
        self.admin = self._of_the_demo("admin")
        self.speaker = self._of_the_demo("speaker")
        self.demo_candidate = self._of_the_demo("candidate")

    def demo_person(self, login: str) -> Person:
        """Return a person that the demo has made."""
        name, role, account_id = self._ledger.rows(
            "room-ui", "select display_name, role, account_id from account where login = $1", login
        )[0]
        return Person(login, name, role, account_id)

    def _of_the_demo(self, login: str) -> Person:
        person = self.demo_person(login)
        person.caller = self._new_caller().sign_in(login, PASSWORD)
        return person

    def family(self, candidates: int = 1, *, linked: bool = False, locale: str = "ru") -> tuple[Person, list[Person]]:
        """Return a new partner and the candidates that they invited; `linked`: all with a Telegram chat."""
        number = next(self._numbers)
        partner = {
            "login": f"p{number}",
            "name": f"Полина Партнёр {number}",
            "role": "partner",
            "telegram": f"partner_{number}",
        }
        invited = [
            {"login": f"p{number}c{k}", "name": f"Кандидат {number}-{k}", "role": "candidate", "partner": f"p{number}"}
            for k in range(1, candidates + 1)
        ]
        made = self._make([row | {"locale": locale} for row in (partner, *invited)])
        for one in made[1:]:
            one.partner = made[0]
        if linked:
            for one in made:
                self.link_chat(one)
        return made[0], made[1:]

    def one(self, role: str = "candidate", *, locale: str = "ru") -> Person:
        """Return a new person whom no partner invited."""
        number = next(self._numbers)
        words = {"candidate": "Кандидат", "speaker": "Спикер", "partner": "Партнёр", "admin": "Админ"}
        row = {"login": f"{role}-{number}", "name": f"{words[role]} {number}", "role": role, "locale": locale}
        return self._make([row])[0]

    def caller(self, person: Person) -> Caller:
        """Return this person's session on the site, begun by their one-time link at the first call."""
        if person.caller is None:
            assert person.link, f"{person.login} has no way in"
            person.caller = self._new_caller().use_link(person.link)
        return person.caller

    def another_session(self, person: Person, *, connect_to: str | None = None) -> Caller:
        """Sign the person in once more, as on another device."""
        answer = self._as_admin.post(f"/admin_webinar/people/{person.account_id}/link")
        [(_, address)] = _WAY.findall(answer.text)
        return self._new_caller(connect_to).use_link(html.unescape(address))

    def guest(self) -> Caller:
        """Return a visitor without a session."""
        return self._new_caller()

    def link_chat(self, person: Person, *, language: str = "ru") -> None:
        """Link a Telegram chat as a person does: the account page, the app, the bot's question."""
        chat_id = self._telegram.add_chat(person.name, language=language)
        self._telegram.link(chat_id, self.caller(person).chat_link())
        self._wire.wait_for(
            "chat_link_event", where=lambda body: body["account_id"] == person.account_id and body["linked"]
        )
        person.chat_id = chat_id

    def switch(self, person: Person, *, on: bool) -> None:
        """Switch an account on or off."""
        word = "activate" if on else "deactivate"
        answer = self._as_admin.post(f"/admin_webinar/people/{person.account_id}/{word}", confirm="confirm")
        assert answer.status_code == 303, answer.text

    def _make(self, rows: Sequence[dict[str, str]]) -> list[Person]:
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
        answer = self._as_admin.post("/admin_webinar/people-import/", text=text.getvalue(), confirm="confirm")
        ways = {login: html.unescape(address) for login, address in _WAY.findall(answer.text)}
        assert len(ways) == len(rows), f"{answer.status_code}: {answer.text[:2000]}"
        ids = self._ledger.rows(
            "room-ui", "select login, account_id from account where login = any($1::text[])", sorted(ways)
        )
        id_of = {row["login"]: str(row["account_id"]) for row in ids}
        for account_id in id_of.values():
            # The other services know them from here on.
            self._wire.wait_for("account_event", where=lambda body, wanted=account_id: body["account_id"] == wanted)  # type: ignore[misc]
        self._wait_until_known(sorted(id_of.values()))
        return [Person(row["login"], row["name"], row["role"], id_of[row["login"]], ways[row["login"]]) for row in rows]

    def _wait_until_known(self, account_ids: list[str]) -> None:
        for service in ("core-webinar", "post-webinar"):
            query = "select count(*) from account where account_id = any($1::text[])"
            self._ledger.wait_for(service, query, account_ids, is_it=lambda found: found == len(account_ids))

    @property
    def _as_admin(self) -> Caller:
        return self.caller(self.admin)

    def _new_caller(self, connect_to: str | None = None) -> Caller:
        caller = Caller(self.base_url, connect_to=connect_to)
        self._callers.append(caller)
        return caller

    def close(self) -> None:
        for caller in self._callers:
            caller.close()
