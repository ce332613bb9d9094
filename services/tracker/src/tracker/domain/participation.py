"""One participation: entered, watched, completed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts import CompletedBy

from tracker.domain.airing import Airing, closing
from tracker.domain.windows import FAR, Window, common, length, moment_reached, united, until


@dataclass(frozen=True, slots=True)
class Presence:
    """One connection to one room-ui instance, as its reports told: connected from `since` to at least `until`.

    `seen_version` is the highest version of the webinar with which it was told that the page had been visible,
    `unseen_at` the last time that it was told that it had not.
    """

    since: datetime
    until: datetime
    seen_version: int | None = None
    unseen_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator can set, and the longest silence between two connections that is no gap."""

    minimum: timedelta
    stop_margin: timedelta
    bridge: timedelta


@dataclass(frozen=True, slots=True)
class Figures:
    """How much was watched: the windows on air, whole seconds, and the part of the base in percent (0 to 100)."""

    windows: tuple[Window, ...]
    watched_seconds: int
    base_seconds: int
    watched_percent: int


@dataclass(frozen=True, slots=True)
class Completion:
    """What made a participation complete, when, and the figures at that moment."""

    completed_by: CompletedBy
    completed_at: datetime
    figures: Figures


def entered_at(presences: Sequence[Presence], airing: Airing) -> datetime | None:
    """Return the first moment on air of a page that was looked at since the start; `None` if there was no such page.

    A page that was opened in the lobby has been looked at since the start only if its instance says so knowing of the
    start. A page of which it was told after the end that nobody had looked at it was not looked at in time. While live,
    what an instance tells that knows more than we do waits until we know it too: it may be of a page after the finish.
    """
    moments = (
        airing.first_moment_on_air(Window(presence.since, presence.until))
        for presence in presences
        if _was_seen(presence, airing)
    )
    return min((moment for moment in moments if moment is not None), default=None)


def _was_seen(presence: Presence, airing: Airing) -> bool:
    if presence.seen_version is None or airing.started_at is None:
        return False
    if airing.finished_at is None and presence.seen_version > airing.finish_versions.without:
        return False
    if airing.finished_at is not None and presence.unseen_at is not None and presence.unseen_at >= airing.finished_at:
        return False
    started_version = airing.start_versions.first(airing.started_at)
    return presence.since >= airing.started_at or (
        started_version is not None and presence.seen_version >= started_version
    )


def connected(presences: Sequence[Presence], airing: Airing, bridge: timedelta) -> tuple[Window, ...]:
    """Return when the participant was there: tabs and devices counted once, short gaps bridged.

    Who comes after the finish is not there: their gap must not be bridged back across it.
    """
    finished_at = airing.finished_at or FAR
    return united((Window(p.since, p.until) for p in presences if p.since < finished_at), bridge=bridge)


def figures(presences: Sequence[Presence], airing: Airing, *, bridge: timedelta, now: datetime) -> Figures:
    """Return how much was watched by `now` (by the finish, once there is one); see `Rules` for `bridge`."""
    return _figures(common(connected(presences, airing, bridge), airing.windows(now)), airing.base(now))


def _figures(watched: tuple[Window, ...], base: tuple[Window, ...]) -> Figures:
    base_length = length(base)
    in_base = length(common(watched, base))
    percent = in_base * 100 // base_length if base_length else 0
    return Figures(watched, _seconds(length(watched)), _seconds(base_length), percent)


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)


def completion(
    presences: Sequence[Presence], presses: Sequence[datetime], airing: Airing, rules: Rules
) -> Completion | None:
    """Return how a participant who has entered completed; `None` if they have not, or not yet.

    `presses` are the moments at which "finish" was pressed; those that were not on air do not count. Before the finish
    only a press completes.
    """
    there = connected(presences, airing, rules.bridge)
    watched = common(there, airing.windows())
    enough_at = moment_reached(watched, rules.minimum)
    if enough_at is None:
        return None
    pressed_at = min((press for press in presses if airing.is_on_air(press)), default=None)
    if pressed_at is not None:
        completed_at = max(pressed_at, enough_at)
        return Completion(
            CompletedBy.FINISH, completed_at, _figures(until(watched, completed_at), _base_until(airing, completed_at))
        )
    if airing.finished_at is None:
        return None
    final = _figures(watched, airing.base())
    last_minutes = closing(airing, airing.finished_at, margin=rules.stop_margin)
    if any(w.start < last_minutes.end and w.end >= last_minutes.start for w in there):
        return Completion(CompletedBy.PRESENT_AT_STOP, airing.finished_at, final)
    if final.watched_percent >= airing.completion_percent:
        return Completion(CompletedBy.WATCHED_ENOUGH, airing.finished_at, final)
    return None


def _base_until(airing: Airing, moment: datetime) -> tuple[Window, ...]:
    """The base as it was at `moment`, when nobody knew how long the webinar would go on."""
    return until(airing.base(moment), moment) or until(airing.windows(moment), moment)


@dataclass(frozen=True, slots=True)
class Participation:
    """What is known of one lead in one webinar: what was told, and what was announced already."""

    lead_id: str
    presences: tuple[Presence, ...]
    pressed_at: tuple[datetime, ...] = ()
    entered_at: datetime | None = None
    completed_at: datetime | None = None
    completed_by: CompletedBy | None = None
    watched_seconds: int | None = None
    told_version: int | None = None
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What has become of a participant who has entered; `is_new` and `completion` are yet to be announced."""

    participation: Participation
    entered_at: datetime
    completion: Completion | None

    @property
    def is_new(self) -> bool:
        return self.participation.entered_at is None

    @property
    def completed_by(self) -> CompletedBy | None:
        return self.completion.completed_by if self.completion else self.participation.completed_by

    @property
    def completed_at(self) -> datetime | None:
        return self.completion.completed_at if self.completion else self.participation.completed_at


def decide(participation: Participation, airing: Airing, rules: Rules) -> Decision | None:
    """Return what has become of a participant; `None` for who has not entered. What was announced stands."""
    entered = participation.entered_at or entered_at(participation.presences, airing)
    if entered is None:
        return None
    completed = None
    if participation.completed_by is None:
        completed = completion(participation.presences, participation.pressed_at, airing, rules)
    return Decision(participation, entered, completed)
