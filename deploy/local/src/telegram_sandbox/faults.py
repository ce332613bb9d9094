"""Faults on demand: what the next requests get instead of an answer."""

from dataclasses import dataclass
from typing import Any

STATUSES = {
    400: "Bad Request: chat not found",
    401: "Unauthorized",
    403: "Forbidden: bot was blocked by the user",
    404: "Not Found",
    429: "Too Many Requests: retry after {retry_after}",
    500: "Internal Server Error",
    502: "Bad Gateway",
}
KINDS = frozenset({*map(str, STATUSES), "silence", "reset", "delay"})


class BadFaultError(ValueError):
    """The fault asked for cannot be made; the words say why."""


@dataclass
class Fault:
    """One kind of fault for the next `count` requests to `method` (and to one chat only, when `chat_id` is set).

    With `applied` the request is carried out before the fault shows: the message is there, its answer is not.
    """

    kind: str
    count: int = 1
    method: str = "sendmessage"
    chat_id: int | None = None
    retry_after: int = 1
    seconds: float = 1.0
    applied: bool = False
    description: str = ""

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> "Fault":
        """Read a fault.

        Raises:
            BadFaultError: an unknown kind, or a value of the wrong sort.
        """
        kind = str(body.get("kind", ""))
        if kind not in KINDS:
            raise BadFaultError(f"kind must be one of {', '.join(sorted(KINDS))}")
        try:
            return cls(
                kind=kind,
                count=int(body.get("count", 1)),
                method=str(body.get("method", "sendMessage")).lower(),
                chat_id=None if body.get("chat_id") is None else int(body["chat_id"]),
                retry_after=int(body.get("retry_after", 1)),
                seconds=float(body.get("seconds", 1.0)),
                applied=bool(body.get("applied", False)),
                description=str(body.get("description", "")),
            )
        except (TypeError, ValueError) as error:
            raise BadFaultError(str(error)) from error

    def answer(self) -> tuple[int, dict[str, Any]] | None:
        """The HTTP status and the Bot API's answer; None where there is to be no answer, or a late one."""
        if not self.kind.isdigit():
            return None
        status = int(self.kind)
        words = self.description or STATUSES[status].format(retry_after=self.retry_after)
        answer: dict[str, Any] = {"ok": False, "error_code": status, "description": words}
        if status == 429:
            answer["parameters"] = {"retry_after": self.retry_after}
        return status, answer


class Faults:
    """The faults that are still to come, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """Use up one fault meant for this request, if there is one."""
        for fault in self.waiting:
            if fault.method in {method, "*"} and fault.chat_id in {None, chat_id}:
                fault.count -= 1
                if fault.count <= 0:
                    self.waiting.remove(fault)
                return fault
        return None
