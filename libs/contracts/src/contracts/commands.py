"""Commands, their replies and the canonical error codes.

The fields of a command are lenient on purpose: the receiver checks token, right, existence, state and version before
it looks at a value, and answers each with its own code.
"""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from contracts.base import UUID, Command, OpaqueId, Signal, UtcTime, Value
from contracts.webinar import StatusContext, WebinarEvent, WebinarFields


class ErrorCode(StrEnum):
    """Why something was refused; the codes that people and programs see."""

    INVALID_START = "webinar_state_invalid_start"
    INVALID_ARCHIVE = "webinar_state_invalid_archive"
    INVALID_REWIND = "webinar_state_invalid_rewind"
    INVALID_RESTART = "webinar_state_invalid_restart"
    INVALID_STOP = "webinar_state_invalid_stop"
    STATUS_MUTATION_FORBIDDEN = "webinar_status_mutation_forbidden"
    LOCKED = "webinar_state_locked"
    STATUS_UNKNOWN = "webinar_status_unknown"
    FIELD_LOCKED = "webinar_field_locked"
    NOT_FOUND = "webinar_not_found"
    VERSION_CONFLICT = "webinar_version_conflict"
    FORBIDDEN = "forbidden"
    UNAUTHENTICATED = "unauthenticated"
    INVALID_FIELD = "invalid_field"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    NO_WEBINAR = "no_webinar"
    TOO_MANY_REQUESTS = "too_many_requests"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    DELIVERY_STATE_INVALID = "delivery_state_invalid"
    DELIVERY_NOT_FOUND = "delivery_not_found"


def _with_webinar_fields(schema: dict[str, Any]) -> None:
    fields = WebinarFields.model_json_schema()
    for name, field in fields["properties"].items():
        reference = field.get("$ref")
        inlined = fields["$defs"][reference.rsplit("/", 1)[1]] if reference else {}
        schema["properties"][name] = {key: value for key, value in (inlined | field).items() if key != "$ref"}


class CoreWebinarUpsert(Command):
    """Create or change a webinar: its fields stand beside `webinar_id`, only those given are set.

    Without a `webinar_id`, or with one that is new and `expected_version` 0, a webinar is created.
    """

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra=_with_webinar_fields)

    webinar_id: UUID | None = None
    expected_version: int | None = Field(default=None, ge=0)
    action: str | None = Field(default=None, description="`draft`, `publish`, `cancel` or `restore`")

    @property
    def changes(self) -> dict[str, Any]:
        """The fields to set, as they came."""
        return dict(self.model_extra or {})


class CoreWebinarSetStatus(Command):
    """Start or stop a webinar."""

    webinar_id: UUID
    status: str = Field(description="`start` or `stop`")
    context: StatusContext


class CoreWebinarSetCtaVisibility(Command):
    """Show or hide the call to action."""

    webinar_id: UUID
    visible: bool
    context: StatusContext


class MessageTemplateSet(Command):
    """Set the text of one step in one language."""

    step: str
    locale: str
    text: str


class ChatLinkRequested(Command):
    """Ask for a one-time Telegram address that links the account's chat."""

    account_id: OpaqueId


class PostWebinarFollowupControl(Command):
    """Hold, release or cancel the follow-ups of a webinar, or send one delivery again."""

    action: str = Field(description="`hold`, `release`, `cancel` for a webinar; `resend` for a delivery")
    webinar_id: UUID | None = None
    delivery_id: UUID | None = None


class SnapshotRequested(Signal):
    """A service that starts empty asks the owner of `topic` to announce its present snapshots again."""

    meaning: ClassVar[tuple[str, ...]] = ("topic_name",)

    topic_name: str = Field(alias="topic", description="the topic whose snapshots are wanted")

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CommandError(Value):
    """Why a command was refused: a canonical code, words for a log, and the field where one is at fault."""

    code: ErrorCode
    message: str
    field: str | None = None


class CommandReply(Value):
    """The answer to a command; what `ok` brings depends on the command."""

    ok: bool
    error: CommandError | None = None
    webinar: WebinarEvent | None = None
    address: str | None = Field(default=None, description="`chat_link_requested`: the t.me address")
    expires_at: UtcTime | None = Field(default=None, description="`chat_link_requested`: until when it can be used")
    affected: int | None = Field(default=None, description="`post_webinar_followup_control`: how many deliveries")
