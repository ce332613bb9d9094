"""What holds whatever is told, in whatever order."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from contracts import PresenceEntry, RoomPresence
from hypothesis import given
from hypothesis import strategies as st
from tracker.domain.airing import Airing, after_hearing
from tracker.domain.connections import connections
from tracker.domain.participation import Participation, Presence, Rules, decide, figures
from tracker.domain.windows import Window, common, length, united
from tracker.testing import at, entry, report, webinar

RULES = Rules(minimum=timedelta(seconds=30), stop_margin=timedelta(minutes=5), bridge=timedelta(seconds=15))

moments = st.integers(min_value=-300, max_value=900)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    start, end = sorted((draw(moments), draw(moments)))
    return Window(at(start), at(end))


@st.composite
def airings(draw: st.DrawFn) -> Airing:
    """A webinar that was paused up to three times, and is live, paused or finished."""
    edges = sorted(draw(st.sets(st.integers(min_value=0, max_value=600), min_size=1, max_size=7)))
    on_air = [(edges[i], edges[i + 1] if i + 1 < len(edges) else None) for i in range(0, len(edges), 2)]
    finished = draw(st.none() | st.integers(min_value=edges[-1] + 1, max_value=700))
    if finished is not None and on_air[-1][1] is None:
        on_air[-1] = (on_air[-1][0], finished)
    scheduled = draw(st.integers(min_value=-400, max_value=700))
    event = webinar(version=2, on_air=on_air, finished=finished, scheduled=scheduled, minutes=draw(st.integers(5, 10)))
    return after_hearing(after_hearing(None, webinar(version=1)), event).airing


@st.composite
def entries(draw: st.DrawFn) -> PresenceEntry:
    return entry(
        draw(st.sampled_from(["a", "b"])),
        draw(st.sampled_from([-100, 0, 7, 250])),
        draw(st.none() | moments),
        seen=draw(st.booleans()),
        host=draw(st.booleans()),
    )


@st.composite
def reports(draw: st.DrawFn) -> RoomPresence:
    return report(
        draw(moments),
        *draw(st.lists(entries(), max_size=4)),
        instance=draw(st.sampled_from(["room-1", "room-2"])),
        version=draw(st.integers(1, 4)),
    )


def presences_of(told: Sequence[Window]) -> tuple[Presence, ...]:
    return tuple(Presence(window.start, window.end, seen_version=2) for window in told)


@given(st.lists(windows()), st.lists(windows()))
def test_what_is_common_is_no_more_than_either(first: list[Window], second: list[Window]) -> None:
    left, right = united(first), united(second)
    both = common(left, right)

    assert length(both) <= min(length(left), length(right))
    assert both == common(right, left)
    assert length(united(both)) == length(both)


@given(st.lists(windows()), airings())
def test_nobody_watches_longer_than_it_was_on_air(told: list[Window], airing: Airing) -> None:
    watched = figures(presences_of(told), airing, bridge=RULES.bridge, now=at(900))

    assert timedelta(seconds=watched.watched_seconds) <= length(airing.windows(at(900)))
    assert timedelta(seconds=watched.base_seconds) <= length(airing.windows(at(900)))
    assert 0 <= watched.watched_percent <= 100
    assert all(a.end <= b.start for a, b in pairwise(watched.windows))


@given(st.lists(windows()), windows(), airings())
def test_another_tab_never_takes_time_away(told: list[Window], tab: Window, airing: Airing) -> None:
    without = figures(presences_of(told), airing, bridge=RULES.bridge, now=at(900))
    with_it = figures(presences_of([*told, tab]), airing, bridge=RULES.bridge, now=at(900))

    assert with_it.watched_seconds >= without.watched_seconds


@given(st.data(), st.lists(reports(), max_size=6))
def test_the_order_and_the_repetition_of_reports_do_not_matter(data: st.DataObject, told: list[RoomPresence]) -> None:
    again = data.draw(st.permutations([*told, *told]))

    assert connections(again) == connections(told)


@given(st.data(), st.lists(windows(), max_size=5), st.lists(moments, max_size=3), airings())
def test_the_outcome_is_the_same_in_every_order(
    data: st.DataObject, told: list[Window], presses: list[int], airing: Airing
) -> None:
    pressed = [at(moment) for moment in presses]
    shuffled = Participation(
        "a", tuple(data.draw(st.permutations(presences_of(told)))), tuple(data.draw(st.permutations(pressed)))
    )

    first = decide(Participation("a", presences_of(told), tuple(pressed)), airing, RULES)
    second = decide(shuffled, airing, RULES)

    assert (first is None) == (second is None)
    if first is not None and second is not None:
        assert (first.entered_at, first.completion) == (second.entered_at, second.completion)


@given(st.lists(windows(), max_size=5), st.lists(moments, max_size=3), airings())
def test_nobody_completes_without_having_entered_on_air_and_watched_the_minimum(
    told: list[Window], presses: list[int], airing: Airing
) -> None:
    decision = decide(Participation("a", presences_of(told), tuple(map(at, presses))), airing, RULES)

    if decision is None:
        return
    assert airing.is_on_air(decision.entered_at)
    if decision.completion is not None:
        assert decision.completion.completed_at >= decision.entered_at
        assert decision.completion.figures.watched_seconds >= 30
        assert airing.finished_at is None or decision.completion.completed_at <= airing.finished_at
