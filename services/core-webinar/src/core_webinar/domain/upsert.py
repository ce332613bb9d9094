"""Creating and changing a webinar: what a person may set, when, and whose change wins.

A form sends every field back, changed or not. So each value given is compared with the present one and with the one
that stood there at `expected_version`: only a value that differs from both is a wish to change something.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from contracts import HIGHEST_VERSION, ErrorCode, WebinarStatus

from core_webinar.domain.accounts import Account
from core_webinar.domain.addresses import check_frame_address
from core_webinar.domain.refusal import Refusal, invalid
from core_webinar.domain.transitions import refuse_archived
from core_webinar.domain.values import READERS, moment
from core_webinar.domain.webinar import CONTESTED, ON_AIR, SETTABLE, Decision, Webinar, next_version

FIXED_ON_AIR = frozenset({"scheduled_at", "time_zone", "duration_minutes", "completion_percent"})
OPEN_AFTER_THE_END = frozenset({"description", "cta_text", "cta_link", "recording_url"})
NEVER_BY_UPSERT = ("status", "cta_visibility")
SET_BY_CORE = (
    "version",
    "cancelled",
    "created_at",
    "owner_id",
    "started_at",
    "finished_at",
    "on_air",
    "cta_windows",
    "automatic_stop_at",
)


class Action(StrEnum):
    """What an upsert does beside setting fields; `draft` only saves, whatever the state."""

    DRAFT = "draft"
    PUBLISH = "publish"
    CANCEL = "cancel"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Upsert:
    """The wish: fields to set as they came, the version that they were read at, and who asks."""

    webinar_id: UUID
    actor_id: str
    may_configure: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)
    expected_version: Any = None
    action: Any = None
    is_named: bool = True
    """Whether the wish names a webinar; without a name it is for a new one."""

    @property
    def seen_version(self) -> int | None:
        """The version that was read; None where none was told, or something that is no version."""
        told = self.expected_version
        is_version = isinstance(told, int) and not isinstance(told, bool) and 0 <= told <= HIGHEST_VERSION
        return told if is_version else None

    @property
    def may_create(self) -> bool:
        """Whether a webinar that is not there is to be made: none was named, or a new name at version 0."""
        return not self.is_named or self.seen_version == 0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the decision rests on beside the webinar itself."""

    now: datetime
    frame_hosts: frozenset[str]
    speaker: Account | None = None
    """The account that the wish names as the speaker, where it is known."""
    former: Mapping[str, Any] = field(default_factory=dict)
    """Of fields changed since `expected_version`: their values at that version."""


def upsert(webinar: Webinar | None, wish: Upsert, around: Surroundings) -> Decision:
    """Create or change a webinar; raises a `Refusal`.

    Checked in this order: right, exists, locked, state, version, field.
    """
    present = webinar or _blank(wish, around.now)
    wanted = _wanted(present, wish, around)
    if "stream_type" in wanted and not wish.may_configure:
        raise Refusal(ErrorCode.FORBIDDEN, "Only who may configure webinars can set this.", field="stream_type")
    if webinar is None and not wish.may_create:
        raise Refusal(ErrorCode.NOT_FOUND, f"There is no webinar {wish.webinar_id}.")
    refuse_archived(present)
    _check_state(present, wish)
    if webinar is not None:
        _check_version(webinar, wish, wanted)
    _check_open(present, wish, wanted)
    changes = wanted | _moved(webinar, wish)
    if webinar is None:
        version = next_version(0, around.now)
        after = replace(present, **changes, version=version, field_versions=dict.fromkeys(CONTESTED, version))
    else:
        after = webinar.revised(around.now, **changes)
    _check_together(present, after, wish, around)
    return Decision(webinar, after)


def _blank(wish: Upsert, now: datetime) -> Webinar:
    return Webinar(
        webinar_id=wish.webinar_id, version=0, created_at=now, owner_id=wish.actor_id, speaker_id=wish.actor_id
    )


def _wanted(present: Webinar, wish: Upsert, around: Surroundings) -> dict[str, Any]:
    """Return what the wish means to change; in place of a value that does not validate stands its refusal."""
    zone_name = present.time_zone
    wanted: dict[str, Any] = {}
    for name in SETTABLE:
        if name not in wish.changes:
            continue
        before = getattr(present, name)
        former = around.former.get(name, before)
        value: Any
        try:
            if name == "scheduled_at":
                value = moment(name, wish.changes[name], zone_name, (before, former))
            else:
                value = READERS[name](name, wish.changes[name])
        except Refusal as refusal:
            wanted[name] = refusal
            continue
        if name == "time_zone":
            zone_name = value
        elif name == "speaker_id" and value is None:
            value = present.owner_id
        if value not in (before, former):
            wanted[name] = value
    return wanted


def _check_state(present: Webinar, wish: Upsert) -> None:
    for name in NEVER_BY_UPSERT:
        if name in wish.changes:
            raise Refusal(
                ErrorCode.STATUS_MUTATION_FORBIDDEN, "The status and the call to action have their own commands."
            )
    is_over_or_on = present.status in ON_AIR or present.status is WebinarStatus.FINISHED
    if is_over_or_on and wish.action in (Action.PUBLISH, Action.CANCEL):
        raise Refusal(ErrorCode.INVALID_REWIND, f"A webinar that is {present.status} does not go back.")


def _check_version(webinar: Webinar, wish: Upsert, wanted: Mapping[str, Any]) -> None:
    if wish.seen_version is None:
        return
    touched = set(wanted)
    if wish.action in (Action.CANCEL, Action.RESTORE) and webinar.cancelled != (wish.action == Action.CANCEL):
        touched.add("cancelled")
    contested = touched & webinar.changed_since(wish.seen_version)
    if contested:
        first = min(contested, key=CONTESTED.index)
        raise Refusal(ErrorCode.VERSION_CONFLICT, f"Somebody has changed {first} meanwhile.", field=first)


def _check_open(present: Webinar, wish: Upsert, wanted: Mapping[str, Any]) -> None:
    """Raise a `Refusal` for a field that may not change in this state, or whose value does not validate."""
    if wish.action is not None and wish.action not in tuple(Action):
        raise invalid("action", f"This has to be one of {', '.join(Action)}.")
    if wish.expected_version is not None and wish.seen_version is None:
        raise invalid("expected_version", "This has to be the version of a webinar.")
    for name in SET_BY_CORE:
        if name in wish.changes:
            raise invalid(name, "This cannot be set.")
    for name in wanted:
        fixed_on_air = present.status in ON_AIR and name in FIXED_ON_AIR
        fixed_at_the_end = present.status is WebinarStatus.FINISHED and name not in OPEN_AFTER_THE_END
        if fixed_on_air or fixed_at_the_end:
            raise Refusal(
                ErrorCode.FIELD_LOCKED, f"This cannot change while the webinar is {present.status}.", field=name
            )
    for value in wanted.values():
        if isinstance(value, Refusal):
            raise value


def _moved(webinar: Webinar | None, wish: Upsert) -> dict[str, Any]:
    """Return what the action changes beside the fields."""
    is_draft = webinar is None or webinar.status is WebinarStatus.DRAFT
    match wish.action:
        case Action.PUBLISH if is_draft:
            return {"status": WebinarStatus.SCHEDULED}
        case Action.CANCEL if is_draft:
            raise invalid("action", "Only a published webinar can be cancelled.")
        case Action.CANCEL:
            return {"cancelled": True}
        case Action.RESTORE:
            return {"cancelled": False}
    return {}


def _check_together(before: Webinar, after: Webinar, wish: Upsert, around: Surroundings) -> None:
    """Raise a `Refusal` for values that are right each by itself and wrong with the rest."""
    changes = {each.name for each in fields(after) if getattr(before, each.name) != getattr(after, each.name)}
    # Whoever saves may speak, and the creator is the default that an empty field goes back to.
    if "speaker_id" in changes and after.speaker_id not in (wish.actor_id, after.owner_id):
        speaker = around.speaker
        if speaker is None or speaker.account_id != after.speaker_id or not speaker.may_speak:
            raise invalid("speaker_id", "The speaker has to be an active account that may manage webinars.")
    for name in ("player_src", "chat_src"):
        address = getattr(after, name)
        if address is not None and not changes.isdisjoint({name, "stream_type"}):
            check_frame_address(name, address, after.stream_type, around.frame_hosts)
    if after.status is WebinarStatus.DRAFT:
        return
    if not after.title:
        raise invalid("title", "A published webinar needs a title.")
    if after.scheduled_at is None:
        raise invalid("scheduled_at", "A published webinar needs a time.")
    if "overrun_minutes" in changes and after.automatic_stop_at is not None and after.automatic_stop_at <= around.now:
        raise invalid("overrun_minutes", "That would stop the webinar at once; stopping has a command of its own.")
    is_restored = "cancelled" in changes and not after.cancelled
    is_placed = is_restored or not changes.isdisjoint({"scheduled_at", "status"})
    # A form tells minutes: the one that is running now has not passed yet.
    if is_placed and after.scheduled_at < around.now.replace(second=0, microsecond=0):
        raise invalid("scheduled_at", "This time has passed already.")
