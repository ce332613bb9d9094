"""The people of the stories, what they do, and what there is to hear and to read."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from world.background import Background
from world.caller import Caller, error_code
from world.desk import Desk
from world.returning import Returning
from world.telegram import Telegram
from world.wire import Wire

from composed.project import PASSWORD, Compose

PATIENCE_SECONDS = 60
ENOUGH = timedelta(seconds=6)


@dataclass(frozen=True)
class Couple:
    """A candidate and the partner who invited them; a partner is told of all candidates at most once a minute."""

    candidate: str
    partner: str


@dataclass
class OnAir:
    """A webinar with the candidate of a couple in its room, in a tab that comes back when its stream ends."""

    webinar_id: UUID
    couple: Couple
    tab: Returning


class House:
    """A speaker, and couples as they are needed."""

    def __init__(self, compose: Compose) -> None:
        self._compose = compose
        self._numbers = itertools.count(1)
        self._callers: list[Caller] = []
        self._chats: dict[str, int] = {}
        self._background = Background()
        self.wire = Wire(self._background, compose.amqp_url)
        self._telegram = Telegram(compose.sandbox_url)
        self._add_account("speaker", "speaker")
        self.desk = self.desk_of_the_speaker()

    def _add_account(self, login: str, role: str, *more: str) -> None:
        self._compose.run(
            *("exec", "-T", "-e", "ACCOUNT_PASSWORD", "room-ui", "webinarctl", "account", "add", "--login", login),
            *("--name", f"The {login}", "--role", role, "--password-env", "ACCOUNT_PASSWORD", *more),
        )

    def couple(self) -> Couple:
        """Return two new people with a Telegram chat each."""
        number = next(self._numbers)
        couple = Couple(f"candidate-{number}", f"partner-{number}")
        self._add_account(couple.partner, "partner")
        self._add_account(couple.candidate, "candidate", "--partner", couple.partner)
        self._link_chat(couple.candidate)
        self._link_chat(couple.partner)
        return couple

    def _link_chat(self, login: str) -> None:
        caller = self._caller(login)
        # It answers so until post-webinar has heard of the account.
        until(lambda: error_code(caller.post("/account/telegram/")) != "unavailable", f"{login} is known")
        self._chats[login] = self._telegram.add_chat(login)
        self._telegram.link(self._chats[login], caller.chat_link())

    def _caller(self, login: str) -> Caller:
        caller = Caller(self._compose.base_url)
        self._callers.append(caller)
        return caller.sign_in(login, PASSWORD)

    def desk_of_the_speaker(self) -> Desk:
        """Sign the speaker in."""
        return Desk(self._caller("speaker"), self.wire, lambda _: None)

    def enter(self, webinar_id: UUID, couple: Couple) -> OnAir:
        """Sign the candidate in and let them into the room, as soon as it is on air."""
        candidate = self._caller(couple.candidate)
        until(lambda: '"live"' in candidate.get(f"/webinar/v1/state?webinar_id={webinar_id}").text, "it is on air")
        tab = Returning(self._background, self._compose.base_url, webinar_id)
        tab.join(couple.candidate, candidate.cookies())
        tab.wait_for("the room on air", lambda state: state["status"] == "live")
        return OnAir(webinar_id, couple, tab)

    def on_air(self, title: str) -> OnAir:
        """Start a webinar for a new couple; return when the candidate has seen enough of it."""
        couple = self.couple()
        webinar_id = self.desk.plan(title)
        self.desk.start(webinar_id)
        on_air = self.enter(webinar_id, couple)
        self.wire.wait_for("client_webinar_entered", webinar_id=webinar_id, patience=PATIENCE_SECONDS)
        self.wire.wait_for("room_presence", webinar_id=webinar_id, where=_long_enough, patience=PATIENCE_SECONDS)
        return on_air

    def stop(self, on_air: OnAir, *, messages: str = "sent") -> None:
        """Stop a webinar before the candidate's eyes; return when the couple's messages about it are in this state."""
        self.desk.press(on_air.webinar_id, "stop", confirm="confirm")
        on_air.tab.wait_for("the end", lambda state: state["status"] == "finished")
        on_air.tab.leave()
        for recipient in ("candidate", "partner"):
            self.wire.wait_for(
                "post_webinar_delivery",
                webinar_id=on_air.webinar_id,
                where=lambda body, wanted=recipient: (body["recipient"], body["state"]) == (wanted, messages),  # type: ignore[misc]
                patience=PATIENCE_SECONDS,
            )

    def readers(self, title: str) -> list[str]:
        """Return who has got a message about a webinar, once for each that they have ever got."""
        return sorted(login for login, chat_id in self._chats.items() for _ in self._telegram.texts(chat_id, title))

    def close(self) -> None:
        """Let go of what is open."""
        for caller in self._callers:
            caller.close()
        self._telegram.close()
        self.wire.close()
        self._background.close()


def until(is_so: Callable[[], bool], what: str, *, patience: float = PATIENCE_SECONDS) -> None:
    """Ask again and again until something is so; AssertionError says that it is not."""
    deadline = time.monotonic() + patience
    while not is_so():
        assert time.monotonic() < deadline, f"{what}: not within {patience} s"
        time.sleep(0.2)


def _long_enough(body: dict[str, Any]) -> bool:
    """Whether a report of presence tells of more than the least that counts."""
    at = datetime.fromisoformat(body["at"])
    return any(at - datetime.fromisoformat(entry["since"]) > ENOUGH for entry in body["entries"])
