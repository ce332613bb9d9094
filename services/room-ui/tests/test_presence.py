"""Who is in a room: tabs united, breaks told, what was seen in the lobby to be seen again after the start."""

import random
from datetime import timedelta
from itertools import pairwise

from contracts import PresenceEntry, RoomPresence
from hypothesis import given
from hypothesis import strategies as st
from room_ui.rooms.others import Others
from room_ui.rooms.presence import POLL_LASTS, SEEN_LASTS, Presence
from room_ui.testing import NOON, webinar_event


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_two_tabs_are_one_stay_until_the_last_is_closed() -> None:
    presence = Presence()
    presence.connect("anna", NOON, host=False)
    presence.connect("anna", NOON + at(10), host=False)
    presence.disconnect("anna", NOON + at(20))

    assert presence.here() == [PresenceEntry(account_id="anna", since=NOON)]

    presence.disconnect("anna", NOON + at(30))

    assert presence.here() == []
    assert presence.over() == [PresenceEntry(account_id="anna", since=NOON, until=NOON + at(30))]


def test_coming_back_is_a_second_stay_and_the_first_is_still_told() -> None:
    presence = Presence()
    presence.connect("anna", NOON, host=False)
    presence.disconnect("anna", NOON + at(5))
    presence.connect("anna", NOON + at(8), host=False)

    assert [entry.since for entry in presence.over() + presence.here()] == [NOON, NOON + at(8)]


def test_a_stay_that_is_over_is_told_until_the_report_with_it_was_confirmed() -> None:
    presence = Presence()
    for name in ("anna", "boris"):
        presence.connect(name, NOON, host=False)
    presence.disconnect("anna", NOON + at(1))
    told = len(presence.over())
    presence.disconnect("boris", NOON + at(2))
    presence.confirm(told)

    assert [entry.account_id for entry in presence.over()] == ["boris"]
    assert not presence.is_empty


def test_what_was_seen_in_the_lobby_has_to_be_seen_again_after_the_start() -> None:
    presence = Presence()
    presence.connect("anna", NOON, host=False)
    presence.mark_seen("anna", NOON + at(1), host=False)
    assert presence.here()[0].seen

    presence.started_at = NOON + at(60)
    assert not presence.here()[0].seen

    presence.news.clear()
    presence.mark_seen("anna", NOON + at(61), host=False)
    assert presence.here()[0].seen
    assert presence.news == {"anna"}


def test_seen_after_the_start_stays_even_if_the_start_is_heard_of_later() -> None:
    presence = Presence()
    presence.mark_seen("anna", NOON + at(61), host=False)

    presence.started_at = NOON + at(60)

    assert presence.here()[0].seen


def test_who_left_the_lobby_before_the_start_is_not_told_as_seen_after_it() -> None:
    presence = Presence()
    presence.connect("anna", NOON, host=False)
    presence.mark_seen("anna", NOON, host=False)
    presence.disconnect("anna", NOON + at(30))

    presence.started_at = NOON + at(60)

    assert not presence.over()[0].seen


def test_a_first_look_after_the_end_is_no_look_at_the_webinar() -> None:
    presence = Presence()
    presence.started_at = NOON
    for name in ("anna", "boris"):
        presence.connect(name, NOON, host=False)
    presence.mark_seen("anna", NOON + at(1), host=False)

    presence.has_ended = True
    for name in ("anna", "boris"):
        presence.mark_seen(name, NOON + at(3600), host=False)

    assert [entry.seen for entry in presence.here()] == [True, False]


def test_who_polls_is_here_until_the_last_poll() -> None:
    presence = Presence()
    presence.poll("anna", NOON, host=False)
    presence.poll("anna", NOON + at(5), host=False)
    presence.lapse(NOON + at(5) + POLL_LASTS)
    assert [entry.until for entry in presence.here()] == [None]

    presence.lapse(NOON + at(5.1) + POLL_LASTS)

    assert presence.here() == []
    assert presence.over() == [PresenceEntry(account_id="anna", since=NOON, until=NOON + at(5))]


def test_who_says_seen_where_they_have_no_stream_is_there_for_that_moment() -> None:
    presence = Presence()
    presence.mark_seen("anna", NOON, host=False)
    assert [entry.seen for entry in presence.here()] == [True]

    presence.lapse(NOON + SEEN_LASTS + at(0.1))

    assert presence.here() == []
    assert presence.over() == [PresenceEntry(account_id="anna", since=NOON, until=NOON, seen=True)]


def test_a_stream_does_not_lapse_and_a_poll_beside_it_changes_nothing() -> None:
    presence = Presence()
    presence.poll("anna", NOON, host=False)
    presence.connect("anna", NOON + at(1), host=False)
    presence.lapse(NOON + at(600))

    assert presence.here() == [PresenceEntry(account_id="anna", since=NOON)]


def test_hosts_are_marked_and_are_no_participants() -> None:
    presence = Presence()
    presence.connect("speaker", NOON, host=True)
    presence.connect("anna", NOON, host=False)

    assert list(presence.participants()) == ["anna"]
    assert set(presence.accounts()) == {"speaker", "anna"}
    assert [entry.host for entry in presence.here()] == [True, False]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["connect", "disconnect", "poll", "lapse"]))))
def test_stays_of_one_account_never_overlap_whatever_happens(steps: list[tuple[str, str]]) -> None:
    presence = Presence()
    for number, (account, step) in enumerate(steps):
        now = NOON + at(number * 7)
        if step == "lapse":
            presence.lapse(now)
        elif step == "disconnect":
            presence.disconnect(account, now)
        else:
            getattr(presence, step)(account, now, host=False)

    for account in "ab":
        stays = [entry for entry in presence.over() + presence.here() if entry.account_id == account]
        for earlier, following in pairwise(stays):
            assert earlier.until is not None
            assert earlier.since <= earlier.until <= following.since


def report(instance: str, *entries: PresenceEntry) -> RoomPresence:
    return RoomPresence(
        webinar_id=webinar_event().webinar_id,
        instance_id=instance,
        round=1,
        part=0,
        parts=1,
        at=NOON,
        interval_seconds=5,
        webinar_version=1,
        entries=entries,
    )


def here(name: str, *, host: bool = False) -> PresenceEntry:
    return PresenceEntry(account_id=name, host=host, since=NOON)


def gone(name: str) -> PresenceEntry:
    return PresenceEntry(account_id=name, since=NOON, until=NOON + at(1))


def test_others_are_here_until_they_are_told_gone() -> None:
    others = Others()
    others.hear(report("there", here("anna"), here("boris"), here("host", host=True)), NOON)
    others.hear(report("there", gone("anna"), gone("boris"), here("boris")), NOON)

    assert set(others.participants()) == {"boris"}
    assert set(others.accounts()) == {"boris", "host"}


def test_others_that_are_told_of_no_more_are_forgotten_after_three_intervals() -> None:
    others = Others()
    others.hear(report("there", here("anna")), NOON)
    others.hear(report("elsewhere", here("boris")), NOON + at(10))

    others.lapse(NOON + at(15))

    assert set(others.accounts()) == {"boris"}


def test_absence_from_a_report_means_nothing() -> None:
    others = Others()
    others.hear(report("there", here("anna")), NOON)
    others.hear(report("there"), NOON)

    assert set(others.accounts()) == {"anna"}


def test_the_order_of_instances_does_not_matter() -> None:
    reports = [report(f"instance-{number}", here(f"lead-{number % 3}")) for number in range(6)]
    random.Random(7).shuffle(reports)
    others = Others()
    for one in reports:
        others.hear(one, NOON)

    assert {*others.participants()} == {"lead-0", "lead-1", "lead-2"}
