"""What every message is built from: the base class, identifiers, times, the wire form."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import InitErrorDetails, PydanticCustomError


def _written_out(value: Any) -> Any:
    # Pydantic would take 5, and "5", for five seconds after midnight of the first of January 1970.
    if isinstance(value, datetime) or (isinstance(value, str) and "-" in value[1:]):
        return value
    raise ValueError("A time has to be written as RFC 3339 has it")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("A time has to lie in the years 1 to 9999 of UTC") from error


UtcTime = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
"""An instant: RFC 3339 on the wire, aware and in UTC in Python. A time without an offset is refused."""

OpaqueId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""An opaque identifier of 1 to 64 characters (`lead_id`, `account_id`, `partner_id`)."""

LeadId = Annotated[OpaqueId, Field(description="the participant: an account, opaque")]
AccountId = Annotated[OpaqueId, Field(description="an account, opaque; for a participant the same as `lead_id`")]
WebinarId = Annotated[UUID, Field(description="the webinar")]
SessionId = Annotated[
    UUID, Field(description="the participation of this lead in this webinar, derived from the two (UUIDv5)")
]
WatchedSeconds = Annotated[
    int,
    Field(ge=0, description="seconds on air during which the lead was connected; overlaps count once"),
]
BaseSeconds = Annotated[
    int,
    Field(ge=0, description="seconds on air that count as the whole: at most the planned duration, no pauses"),
]
HIGHEST_VERSION = 2**63 - 1
Version = Annotated[
    int,
    Field(
        ge=0,
        le=HIGHEST_VERSION,
        description="only grows; of two snapshots of one thing the higher is the newer",
    ),
]


def _refuse_nul(title: str, fields: dict[str, Any]) -> None:
    """Raise `pydantic.ValidationError` that names each field in which a text holds a NUL character."""
    refusal = PydanticCustomError("nul_character", "A text must not hold a NUL character")
    found = [name for name, value in fields.items() if "\x00" in name or _holds_nul(value)]
    if found:
        raise ValidationError.from_exception_data(
            title, [InitErrorDetails(type=refusal, loc=(name,), input=fields[name]) for name in found]
        )


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)


_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


class Message(BaseModel):
    """A message body: a frozen, flat JSON object; fields that a reader does not know are passed over.

    The docstring of a message is its documentation: what it means, then `When: …` and `Guarantees: …`; docs/events.md
    is written from it. `topic` is the canonical event name, taken from the class name; `meaning` names the fields that
    say what the message is about, so that two messages with equal values there tell of the same thing.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    topic: ClassVar[str] = ""
    schema_version: ClassVar[int] = 1
    meaning: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls.topic = _WORD_START.sub("_", cls.__name__).lower()

    @property
    def meaning_key(self) -> tuple[str, ...]:
        """The values of the `meaning` fields as text: equal for two messages that tell of the same thing."""
        return tuple(str(getattr(self, name)) for name in self.meaning)

    @property
    def order(self) -> int:
        """How new the message is among those with its meaning key; snapshots answer with their version."""
        return 0

    def to_json(self) -> bytes:
        """Return the body as it goes over the wire."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Read a body; raises `pydantic.ValidationError` for what the contract does not allow."""
        message = cls.model_validate_json(body)
        # A NUL character is fine in JSON and can be stored in no text column: nobody could ever handle it.
        if b"\\u0000" in body:
            _refuse_nul(cls.__name__, json.loads(body))
        return message


class Fact(Message):
    """Something that has happened. It is never taken back, and every handler may hear it twice."""


class Snapshot(Fact):
    """The whole of a thing as it is at `version`; a receiver keeps the highest version that it has seen."""

    version: Version

    @property
    def order(self) -> int:
        return self.version


class Signal(Message):
    """Something of the moment or a request between services; internal."""


class Command(Message):
    """A wish that one service may refuse; carries a token and a deadline in its headers and gets a reply."""

    def to_json(self) -> bytes:
        """Return the body as it goes over the wire."""
        # What was taken as it came (`SkipValidation`) goes out as it came, whatever it is.
        return self.model_dump_json(by_alias=True, warnings=False).encode()


class Value(BaseModel):
    """A part of a message body."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


__all__ = [
    "UUID",
    "AccountId",
    "BaseSeconds",
    "Command",
    "Fact",
    "LeadId",
    "Message",
    "OpaqueId",
    "SessionId",
    "Signal",
    "Snapshot",
    "UtcTime",
    "Value",
    "Version",
    "WatchedSeconds",
    "WebinarId",
]
