"""The sandbox in Telegram's place: what people got, and what they do."""

import time
from typing import Any

import httpx

POLL_SECONDS = 0.1


class Telegram:
    """A client of the sandbox's control interface."""

    def __init__(self, url: str) -> None:
        self._client = httpx.Client(base_url=url, timeout=70)

    def add_chat(self, name: str, *, language: str = "ru", started: bool = False) -> int:
        """Add a person who has not written to the bot yet, or has; return the chat's number."""
        person = {"name": name, "language": language, "started": started}
        return int(self._ask("POST", "/sandbox/chats", person)["chat_id"])

    def chat_of(self, name: str) -> int:
        """Return the number of the chat of the one person with this name."""
        [number] = [chat["chat_id"] for chat in self._ask("GET", "/sandbox/chats") if chat["name"] == name]
        return int(number)

    def say(self, chat_id: int, text: str) -> None:
        """Write to the bot; a t.me link is followed as the app does."""
        self._ask("POST", f"/sandbox/chats/{chat_id}/say", {"text": text})

    def press(self, chat_id: int, *, wait: float = 30) -> None:
        """Press the first button of the bot's newest message that has any, as soon as it is there."""
        self._ask("POST", f"/sandbox/chats/{chat_id}/press", {"wait": wait})

    def link(self, chat_id: int, address: str) -> None:
        """Follow a link from the site and confirm to the bot; returns when the bot has answered."""
        self.say(chat_id, address)
        self.press(chat_id)
        self._until(lambda: not any(entry["buttons"] for entry in self.entries(chat_id)), "the bot's answer")

    def entries(self, chat_id: int) -> list[dict[str, Any]]:
        """Return everything in a chat."""
        found: list[dict[str, Any]] = self._ask("GET", f"/sandbox/chats/{chat_id}/messages")
        return found

    def texts(self, chat_id: int, containing: str = "") -> list[str]:
        """Return the bot's messages in a chat."""
        return [e["text"] for e in self.entries(chat_id) if e["from"] == "bot" and containing in e["text"]]

    def wait_for(self, chat_id: int, containing: str, count: int = 1, *, patience: float = 30) -> list[str]:
        """Return the bot's messages with these words as soon as there are `count` of them."""
        found: list[str] = []

        def enough() -> bool:
            found[:] = self.texts(chat_id, containing)
            return len(found) >= count

        self._until(enough, f"{count} messages with {containing!r} in chat {chat_id}", patience)
        return found

    def play_fault(self, kind: str, **details: Any) -> None:
        """Let the next requests of the bot go wrong (`telegram_sandbox.faults`)."""
        self._ask("POST", "/sandbox/faults", {"kind": kind, **details})

    def clear_faults(self) -> None:
        """From now on nothing goes wrong."""
        self._ask("DELETE", "/sandbox/faults")

    def block(self, chat_id: int) -> None:
        """Block the bot, as a person can."""
        self._ask("POST", f"/sandbox/chats/{chat_id}/block")

    def close(self) -> None:
        self._client.close()

    def _until(self, is_so: Any, what: str, patience: float = 30) -> None:
        deadline = time.monotonic() + patience
        while not is_so():
            assert time.monotonic() < deadline, f"{what}: not within {patience:.0f} s"
            time.sleep(POLL_SECONDS)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        return answer.json()
