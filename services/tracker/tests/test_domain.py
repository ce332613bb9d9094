"""The rules one by one."""

from datetime import timedelta

import pytest
from contracts import CompletedBy
from tracker.domain.airing import Airing, Versions, after_hearing, bridge_of
from tracker.domain.connections import Connection, connections
from tracker.domain.participation import Participation, Presence, Rules, decide, entered_at, figures
from tracker.domain.windows import Window, common, length, moment_reached, united
from tracker.testing import START, WEBINAR, at, entry, report, webinar

RULES = Rules(minimum=timedelta(seconds=5), stop_margin=timedelta(minutes=5), bridge=timedelta(seconds=15))


def window(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def airing(
    *on_air: tuple[float, float | None], finished: float | None = None, scheduled: float = 0, minutes: int = 60
) -> Airing:
    return after_hearing(
        after_hearing(None, webinar(version=1)),
        webinar(version=2, on_air=on_air, finished=finished, scheduled=scheduled, minutes=minutes),
    ).airing


def seconds(span: timedelta) -> float:
    return span.total_seconds()


def test_overlapping_windows_are_one() -> None:
    assert united([window(5, 20), window(0, 10), window(6, 7)]) == (window(0, 20),)


def test_a_gap_of_three_intervals_is_none_and_a_longer_one_is() -> None:
    bridge = bridge_of([timedelta(seconds=5), timedelta(seconds=2)])

    assert united([window(0, 10), window(25, 30)], bridge=bridge) == (window(0, 30),)
    assert united([window(0, 10), window(25.1, 30)], bridge=bridge) == (window(0, 10), window(25.1, 30))


def test_only_what_is_in_both_is_common() -> None:
    found = common((window(0, 10), window(20, 30)), (window(5, 25), window(28, 40)))

    assert found == (window(5, 10), window(20, 25), window(28, 30))


def test_a_span_is_reached_across_a_gap() -> None:
    assert moment_reached((window(0, 10), window(20, 30)), timedelta(seconds=15)) == at(25)
    assert moment_reached((window(0, 10),), timedelta(seconds=11)) is None


def test_pauses_are_no_time_on_air() -> None:
    watched = figures(
        [Presence(at(0), at(300))], airing((0, 100), (200, 300), finished=300), bridge=RULES.bridge, now=at(300)
    )

    assert watched.watched_seconds == 200
    assert watched.base_seconds == 200
    assert watched.watched_percent == 100


def test_the_base_begins_with_the_plan_and_lasts_as_long_as_planned() -> None:
    early_and_long = airing((-2400, 5400), finished=5400)

    assert early_and_long.base() == (window(0, 3600),)


def test_where_nothing_of_the_plan_was_on_air_all_that_was_counts() -> None:
    only_early = airing((-2400, -600), finished=-600)

    assert seconds(length(only_early.base())) == 1800


def test_percent_counts_only_what_was_watched_of_the_base() -> None:
    sound_check_only = figures(
        [Presence(at(-2400), at(0))], airing((-2400, 3600), finished=3600), bridge=RULES.bridge, now=at(3600)
    )

    assert sound_check_only.watched_seconds == 2400
    assert sound_check_only.watched_percent == 0


def test_base_grows_while_it_lasts() -> None:
    live = airing((0, None))

    assert seconds(length(live.base(at(60)))) == 60
    assert seconds(length(live.base(at(7200)))) == 3600


def test_a_page_opened_in_the_lobby_enters_at_the_start() -> None:
    assert entered_at([Presence(at(-60), at(10), seen_version=2)], airing((0, None))) == at(0)


def test_a_page_opened_in_a_pause_enters_when_it_goes_on() -> None:
    assert entered_at([Presence(at(150), at(210), seen_version=2)], airing((0, 100), (200, None))) == at(200)


def test_a_page_opened_while_live_enters_whatever_version_its_instance_knew() -> None:
    assert entered_at([Presence(at(5), at(10), seen_version=1)], airing((0, None))) == at(5)


def test_a_page_seen_only_before_the_start_has_not_entered() -> None:
    assert entered_at([Presence(at(-60), at(10), seen_version=1)], airing((0, None))) is None


def test_a_page_never_seen_has_not_entered() -> None:
    assert entered_at([Presence(at(5), at(10))], airing((0, None))) is None


def test_nobody_enters_before_the_start_or_in_a_pause() -> None:
    assert entered_at([Presence(at(-60), at(-1), seen_version=2)], airing((0, None))) is None
    assert entered_at([Presence(at(101), at(110), seen_version=2)], airing((0, 100))) is None


def test_a_page_looked_at_only_after_the_end_has_not_entered() -> None:
    background = Presence(at(5), at(130), seen_version=3, unseen_at=at(120))

    assert entered_at([background], airing((0, 120), finished=120)) is None


def test_a_page_that_was_joined_at_a_point_in_time_enters() -> None:
    assert entered_at([Presence(at(5), at(5), seen_version=2)], airing((0, None))) == at(5)


def test_finish_completes_when_the_minimum_is_reached() -> None:
    live = airing((0, None))

    def pressed(when: float, watched_to: float) -> Participation:
        return Participation("a", (Presence(at(0), at(watched_to), seen_version=2),), (at(when),))

    too_early = decide(pressed(2, 3), live, RULES)
    reached = decide(pressed(2, 60), live, RULES)
    late = decide(pressed(50, 60), live, RULES)

    assert too_early is not None
    assert too_early.completion is None
    assert reached is not None
    assert reached.completed_at == at(5)
    assert late is not None
    assert late.completion is not None
    assert late.completion.completed_at == at(50)
    assert late.completion.figures.watched_seconds == 50
    assert late.completion.figures.base_seconds == 50


def test_finish_pressed_in_the_sound_check_has_a_base() -> None:
    early = Participation("a", (Presence(at(-600), at(-500), seen_version=2),), (at(-540),))

    decision = decide(early, airing((-600, None)), RULES)

    assert decision is not None
    assert decision.completion is not None
    assert decision.completion.figures.watched_seconds == 60
    assert decision.completion.figures.base_seconds == 60


def test_finish_pressed_in_the_sound_check_has_that_base_for_good() -> None:
    early = Participation("a", (Presence(at(-600), at(-500), seen_version=2),), (at(-540),))

    decision = decide(early, airing((-600, 600), finished=600), RULES)

    assert decision is not None
    assert decision.completion is not None
    assert decision.completion.figures.base_seconds == 60


def test_who_comes_back_after_the_stop_was_not_present_at_it() -> None:
    away = Participation("a", (Presence(at(0), at(88), seen_version=2), Presence(at(101), at(110), seen_version=3)))
    short_away = Participation("a", (Presence(at(0), at(80), seen_version=2), Presence(at(94), at(95), seen_version=2)))
    stopped = airing((0, 100), finished=100, minutes=600)

    assert decided(away, stopped) is CompletedBy.WATCHED_ENOUGH
    assert decided(short_away, stopped) is CompletedBy.PRESENT_AT_STOP


def test_what_was_announced_stands() -> None:
    done = Participation("a", (), entered_at=at(0), completed_at=at(9), completed_by=CompletedBy.FINISH)

    decision = decide(done, airing((0, 100), finished=100), RULES)

    assert decision is not None
    assert not decision.is_new
    assert decision.completion is None
    assert decision.completed_by is CompletedBy.FINISH


def test_present_at_stop_asks_for_at_most_a_tenth_of_the_time_on_air() -> None:
    left_ten_seconds_early = Participation("a", (Presence(at(0), at(50), seen_version=2),))

    assert decided(left_ten_seconds_early, airing((0, 60), finished=60, minutes=600)) is CompletedBy.WATCHED_ENOUGH
    assert decided(left_ten_seconds_early, airing((0, 55), finished=55)) is CompletedBy.PRESENT_AT_STOP


def decided(participation: Participation, aired: Airing) -> CompletedBy | None:
    decision = decide(participation, aired, RULES)
    assert decision is not None
    return decision.completed_by


@pytest.mark.parametrize(
    ("heard", "first"),
    [
        ([(1, False), (2, True), (3, True)], 2),
        ([(3, True), (1, False)], 3),
        ([(1, False), (2, False)], None),
    ],
)
def test_the_version_of_a_change_is_the_lowest_heard_with_it(heard: list[tuple[int, bool]], first: int | None) -> None:
    versions = Versions()
    for version, happened in heard:
        versions = versions.hearing(version, happened=happened)

    assert versions.first(START) == first


def test_a_version_heard_without_the_change_cannot_know_of_it() -> None:
    far_ahead = int(START.timestamp() * 1000) + 500
    versions = Versions().hearing(far_ahead, happened=False).hearing(far_ahead + 3, happened=True)

    assert versions.first(START) == far_ahead + 1


def test_a_version_passed_over_is_known_by_its_time() -> None:
    milliseconds = int(START.timestamp() * 1000)
    versions = Versions().hearing(milliseconds - 900, happened=False).hearing(milliseconds + 60_000, happened=True)

    assert versions.first(START) == milliseconds


def test_an_older_snapshot_changes_neither_plan_nor_time_on_air() -> None:
    known = after_hearing(None, webinar(version=5, on_air=((0, 60),), finished=60))

    assert after_hearing(known, webinar(version=3, on_air=((0, None),))).airing.finished_at == at(60)
    assert after_hearing(known, webinar(version=3, on_air=((0, None),))).airing.start_versions.with_ == 3


def test_reports_of_one_connection_are_put_together() -> None:
    told = connections(
        [
            report(5, entry("a", 1, seen=False), version=2),
            report(10, entry("a", 1, 9, seen=True), version=4),
            report(8, entry("a", 1, seen=True), version=3),
        ]
    )

    assert told == {Connection(WEBINAR, "a", "room-1", at(1)): Presence(at(1), at(9), seen_version=4, unseen_at=at(5))}


def test_a_connection_that_lasts_is_known_until_its_report() -> None:
    told = connections([report(10, entry("a", 4), entry("b", 4, 60), entry("c", 10.2))])

    assert [(key.lead_id, presence.until) for key, presence in told.items()] == [
        ("a", at(10)),
        ("b", at(10)),
        ("c", at(10.2)),
    ]


def test_hosts_and_nonsense_are_passed_by() -> None:
    assert connections([report(10, entry("speaker", 1, host=True), entry("a", 5, 4))]) == {}
