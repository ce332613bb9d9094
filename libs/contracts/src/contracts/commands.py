"""Commands, their replies and the canonical error codes.

The fields of a command are not looked at when it is read (`SkipValidation`), but for the ids in it: the receiver
checks token, right, existence, state and version before it looks at a value, and answers each with its own code.
"""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import ConfigDict, Field, SkipValidation

from contracts.base import UUID, AccountId, Command, Signal, UtcTime, Value, WebinarId
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


WHY_REFUSED: dict[ErrorCode, str] = {
    ErrorCode.INVALID_START: "start of a draft, of a webinar that was called off, or of one that is paused (it can be"
    " resumed)",
    ErrorCode.INVALID_ARCHIVE: "archive before it has finished",
    ErrorCode.INVALID_REWIND: "publish or cancel of what is on air, or over",
    ErrorCode.INVALID_RESTART: "start or resuming of what has finished",
    ErrorCode.INVALID_STOP: "stop or pause of what is not on air",
    ErrorCode.STATUS_MUTATION_FORBIDDEN: "an upsert that carries a status or the visibility of the call to action",
    ErrorCode.LOCKED: "any change of an archived webinar",
    ErrorCode.STATUS_UNKNOWN: "a status word other than `start` and `stop`",
    ErrorCode.FIELD_LOCKED: "a field that may not change in this state",
    ErrorCode.NOT_FOUND: "no such webinar, or a draft for who may not see it",
    ErrorCode.VERSION_CONFLICT: "the same field was changed since `expected_version`",
    ErrorCode.FORBIDDEN: "the capability is missing",
    ErrorCode.UNAUTHENTICATED: "no token, or one that is forged or for something else",
    ErrorCode.INVALID_FIELD: "a value that does not validate; `field` names it",
    ErrorCode.EXPIRED: "the deadline has passed; nothing was changed",
    ErrorCode.UNAVAILABLE: "a failure inside; nothing was changed",
    ErrorCode.NO_WEBINAR: "there is no current webinar",
    ErrorCode.TOO_MANY_REQUESTS: "asked too often; later again",
    ErrorCode.METHOD_NOT_ALLOWED: "an address that can only be read",
    ErrorCode.DELIVERY_STATE_INVALID: "a delivery that cannot be sent again in its state",
    ErrorCode.DELIVERY_NOT_FOUND: "no such delivery",
}
"""What each code means, in words for the documentation."""


def _with_webinar_fields(schema: dict[str, Any]) -> None:
    fields = WebinarFields.model_json_schema()
    for name, field in fields["properties"].items():
        reference = field.get("$ref")
        inlined = fields["$defs"][reference.rsplit("/", 1)[1]] if reference else {}
        told = {key: value for key, value in (inlined | field).items() if key not in {"$ref", "default"}}
        # Absent means unchanged: a default would make a reader who fills it in reset the field.
        if default := field.get("default"):
            told["description"] += f"; in a new webinar {default}"
        schema["properties"][name] = told
    schema["properties"]["scheduled_at"] = {
        "anyOf": [{"type": "string"}, {"type": "null"}],
        "description": "when it is to begin: an instant, or a local time of `time_zone` as `YYYY-MM-DDTHH:MM` (of two"
        " that are called the same when clocks are put back, the one known before, else the earlier)",
    }


class CoreWebinarUpsert(Command):
    """Create or change a webinar: its fields stand beside `webinar_id`, only those given are set.

    When: somebody saves, publishes, cancels or restores a webinar at the desk. Without a `webinar_id`, or with one that
    is new and `expected_version` 0, a webinar is created.
    Guarantees: needs `webinar_manage` (`stream_type` also `webinar_configure`). Refused as a whole or done as a whole.
    Two people who change different fields both succeed. The reply carries the webinar.
    """

    model_config = ConfigDict(frozen=True, extra="allow", json_schema_extra=_with_webinar_fields)

    webinar_id: UUID | None = Field(default=None, description="the webinar; absent: a new one")
    expected_version: SkipValidation[int | None] = Field(
        default=None, description="the version that the form showed; 0 for a new webinar"
    )
    action: SkipValidation[str | None] = Field(default=None, description="`draft`, `publish`, `cancel` or `restore`")

    @property
    def changes(self) -> dict[str, Any]:
        """The fields to set, as they came."""
        return dict(self.model_extra or {})


class CoreWebinarSetStatus(Command):
    """Start or stop a webinar: the only way to change its status from outside Core.

    When: somebody presses start or stop at the desk.
    Guarantees: needs `webinar_manage_status`. Starting what is live and stopping what is finished answers `ok` and
    changes nothing. The reply carries the webinar.
    """

    webinar_id: WebinarId
    status: SkipValidation[str] = Field(description="`start` or `stop`")
    context: SkipValidation[StatusContext | None] = Field(default=None, description="who asks, and why")


class CoreWebinarSetCtaVisibility(Command):
    """Show or hide the call to action: the only way to change its visibility.

    When: somebody presses show or hide at the desk.
    Guarantees: needs `webinar_manage_cta`. Asking for what is so already answers `ok` and changes nothing. The reply
    carries the webinar.
    """

    webinar_id: WebinarId
    visible: SkipValidation[bool] = Field(description="true shows it, false hides it")
    context: SkipValidation[StatusContext | None] = Field(default=None, description="who asks, and why")


class MessageTemplateSet(Command):
    """Set the text of one step in one language.

    When: an administrator saves a message text.
    Guarantees: needs `template_manage`. An unknown placeholder is refused with `invalid_field`.
    """

    step: str = Field(description="which message: `attended`, `not_attended`, `recording` or `partner_notice`")
    locale: str = Field(description="`ru` or `en`")
    text: str = Field(description="the text with its placeholders in braces")


class ChatLinkRequested(Command):
    """Ask for a one-time Telegram address that links the account's chat.

    When: a candidate or partner opens the page where a chat is linked.
    Guarantees: needs `webinar_join`, and only for one's own account. The reply carries the address and until when it
    works; it works once.
    """

    account_id: AccountId


class PostWebinarFollowupControl(Command):
    """Hold, release or cancel the follow-ups of a webinar, or send one delivery again.

    When: somebody presses one of these at the desk after the stop.
    Guarantees: needs `webinar_manage`. What was sent already is not touched; a resend is a new delivery. The reply
    carries how many deliveries it changed.
    """

    action: str = Field(description="`hold`, `release`, `cancel` for a webinar; `resend` for a delivery")
    webinar_id: UUID | None = Field(default=None, description="the webinar whose follow-ups are meant")
    delivery_id: UUID | None = Field(default=None, description="the delivery to send again")


class SnapshotRequested(Signal):
    """A service that starts empty asks the owner of a topic to announce its present snapshots again.

    When: a service starts with an empty table, and repeatedly until the snapshots come; or an operator asks.
    Guarantees: the owner announces at most once a minute for all askers, in slices of 500.
    """

    meaning: ClassVar[tuple[str, ...]] = ("topic_name",)

    topic_name: str = Field(alias="topic", description="the topic whose snapshots are wanted")

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class CommandError(Value):
    """Why a command was refused: a canonical code, words for a log, and the field where one is at fault."""

    code: ErrorCode = Field(description="the canonical code")
    message: str = Field(description="words for a log, not for a page")
    field: str | None = Field(default=None, description="the field at fault, for `invalid_field` and its like")


class CommandReply(Value):
    """The answer to a command; what `ok` brings depends on the command."""

    ok: bool = Field(description="done, or so already")
    error: CommandError | None = Field(default=None, description="why not")
    webinar: WebinarEvent | None = Field(default=None, description="`core_webinar_…`: the webinar as it is now")
    address: str | None = Field(default=None, description="`chat_link_requested`: the t.me address")
    expires_at: UtcTime | None = Field(default=None, description="`chat_link_requested`: until when it can be used")
    affected: int | None = Field(default=None, description="`post_webinar_followup_control`: how many deliveries")
