"""What a service does with what it hears: registrations, and parts handed to handlers by type."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from contracts import Capability, Command, Message, Snapshot
from contracts.topology import SERVICES, TOPIC_OF

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)


@dataclass(frozen=True)
class Hearing:
    """A handler of a fact or signal, and how many messages it takes at most."""

    message: type[Message]
    handler: Handler
    batch: int


@dataclass(frozen=True)
class Obeying:
    """A handler of a command, and the capability that it asks for."""

    message: type[Command]
    handler: Handler
    requires: Capability


@dataclass(frozen=True)
class Job:
    """Something done in a transaction of its own every so many seconds."""

    handler: Handler
    seconds: float


@dataclass(frozen=True)
class RoleOfOne:
    """Something long-running that one instance does for all."""

    name: str
    handler: Handler


@dataclass
class Router:
    """All that a service registers; handlers are plain functions and stay callable as such."""

    service: str
    hearings: list[Hearing] = field(default_factory=list)
    obeyings: list[Obeying] = field(default_factory=list)
    overhearings: list[Hearing] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    roles: list[RoleOfOne] = field(default_factory=list)
    owned_snapshots: dict[str, Handler] = field(default_factory=dict)
    needed_snapshots: dict[type[Snapshot], str] = field(default_factory=dict)
    _claimed: set[type[Message]] = field(default_factory=set)

    def __post_init__(self) -> None:
        if self.service not in SERVICES:
            raise ValueError(f"{self.service} is no service of contracts.topology")

    def _claim_queue(self, message: type[Message]) -> None:
        if self.service not in TOPIC_OF[message].heard_by:
            raise ValueError(f"{self.service} owns no queue for {message.topic}")
        if message in self._claimed:
            # Two consumers of one queue would each get half of it.
            raise ValueError(f"{self.service} has a handler for {message.topic} already")
        self._claimed.add(message)

    def hears(self, message: type[Message], *, batch: int = 200) -> Callable[[H], H]:
        """Register a handler of a batch of facts: `(Sequence[Heard[message]], Work, *, parts)`."""
        self._claim_queue(message)

        def register(handler: H) -> H:
            self.hearings.append(Hearing(message, handler, batch))
            return handler

        return register

    def overhears(self, message: type[Message]) -> Callable[[H], H]:
        """Register a handler of what every instance hears: `(Heard[message], *, parts)`, without a transaction."""
        if self.service not in TOPIC_OF[message].heard_by_instances_of:
            raise ValueError(f"instances of {self.service} do not hear {message.topic}")

        def register(handler: H) -> H:
            self.overhearings.append(Hearing(message, handler, 1))
            return handler

        return register

    def obeys(self, message: type[Command], *, requires: Capability) -> Callable[[H], H]:
        """Register a handler of a command: `(Obeyed[message], Work, *, parts) -> CommandReply`, or raises `Refused`."""
        self._claim_queue(message)

        def register(handler: H) -> H:
            self.obeyings.append(Obeying(message, handler, requires))
            return handler

        return register

    def every(self, seconds: float) -> Callable[[H], H]:
        """Register a job `(Work, *, parts) -> bool | None`; true means that there is more to do at once."""

        def register(handler: H) -> H:
            self.jobs.append(Job(handler, seconds))
            return handler

        return register

    def role(self, name: str) -> Callable[[H], H]:
        """Register what one instance does for all: `(*, parts)`, cancelled when it loses its lock."""

        def register(handler: H) -> H:
            self.roles.append(RoleOfOne(name, handler))
            return handler

        return register

    def owns_snapshots(self, message: type[Snapshot]) -> Callable[[H], H]:
        """Register `(Work, after: str, limit: int) -> Sequence[tuple[str, message]]`, in the order of the keys."""

        def register(handler: H) -> H:
            self.owned_snapshots[message.topic] = handler
            return handler

        return register

    def needs_snapshots(self, message: type[Snapshot], table: str) -> None:
        """Ask the owner of `message` for its present snapshots while `table` is empty."""
        self.needed_snapshots[message] = table


def with_parts(handler: Handler, parts: Sequence[object]) -> Handler:
    """Return `handler` with its keyword-only parameters filled from `parts` by their annotated type."""
    hints = get_type_hints(handler)
    filled: dict[str, object] = {}
    for name, parameter in inspect.signature(handler).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            continue
        wanted = hints[name]
        found = [part for part in parts if isinstance(part, wanted)]
        if not found:
            raise TypeError(
                f"{handler.__module__}.{handler.__qualname__} needs a {wanted.__name__}; none was handed over"
            )
        filled[name] = found[0]

    async def call(*args: Any) -> Any:
        return await handler(*args, **filled)

    return call
