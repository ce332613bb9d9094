"""The curve of who watched when: exact, whatever the windows, and drawn without losing its heights."""

import random
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any

import pytest
from contracts import CtaWindow, OnAirWindow, ParticipationEvent, WatchedWindow, WebinarEvent
from hypothesis import given
from hypothesis import strategies as st
from room_ui.pages import queries
from room_ui.pages.curve import (
    COLUMNS,
    MOST_TICKS,
    Bar,
    Curve,
    Mark,
    Step,
    Window,
    bars,
    common,
    reduced,
    steps_of,
    top_of,
)
from room_ui.testing import NOON, Web, webinar_event

HOUR = 3600


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def window(start: float, end: float) -> Window:
    return Window(at(start), at(end))


def curve(watched: Sequence[Window] = (), *, seconds: float = HOUR, **given_fields: Any) -> Curve:
    fields: dict[str, Any] = {
        "begin": NOON,
        "end": at(seconds),
        "is_over": True,
        "time_zone": "Europe/Moscow",
        "steps": steps_of(watched),
        "on_air": (window(0, seconds),),
        "cta": (),
    }
    return Curve(**fields | given_fields)


WINDOWS = st.lists(
    st.tuples(st.integers(0, HOUR), st.integers(0, HOUR)).map(lambda pair: window(min(pair), max(pair))), max_size=30
)


@given(WINDOWS)
def test_all_that_was_watched_lies_below_the_curve_and_nothing_else(watched: list[Window]) -> None:
    assert curve(watched).watched == sum((one.end - one.start for one in watched), timedelta())


@given(WINDOWS)
def test_nobody_is_there_before_the_first_came_or_after_the_last_left_and_never_less_than_nobody(
    watched: list[Window],
) -> None:
    steps = steps_of(watched)

    assert all(step.present >= 0 for step in steps)
    assert not steps or steps[-1].present == 0
    assert all(earlier.at < later.at and earlier.present != later.present for earlier, later in pairwise(steps))


@given(WINDOWS, st.randoms(use_true_random=False))
def test_it_does_not_matter_in_which_order_the_windows_come(watched: list[Window], chance: random.Random) -> None:
    shuffled = list(watched)
    chance.shuffle(shuffled)

    assert steps_of(shuffled) == steps_of(watched)


@given(WINDOWS, st.integers(-10, HOUR + 10))
def test_at_any_moment_it_counts_those_whose_windows_hold_it(watched: list[Window], seconds: int) -> None:
    moment = at(seconds)

    assert curve(watched).present_at(moment) == sum(one.start <= moment < one.end for one in watched)


@given(
    st.lists(st.tuples(st.integers(0, 4 * 5).map(lambda quarter: quarter / 4 / COLUMNS), st.integers(0, 9))).map(
        lambda points: sorted(points, key=lambda point: point[0])
    )
)
def test_the_drawing_keeps_the_highest_the_lowest_and_the_last_of_every_place(points: list[tuple[float, int]]) -> None:
    drawn = reduced(points)

    def of_columns(found: Sequence[tuple[float, int]]) -> dict[int, tuple[int, int, int]]:
        columns: dict[int, list[int]] = {}
        for place, present in found:
            columns.setdefault(round(place * COLUMNS), []).append(present)
        return {column: (min(values), max(values), values[-1]) for column, values in columns.items()}

    assert of_columns(drawn) == of_columns(points)
    assert len(drawn) <= 4 * (COLUMNS + 1)


def test_who_leaves_as_another_comes_changes_nothing() -> None:
    assert steps_of([window(0, 60), window(60, 90)]) == (Step(at(0), 1), Step(at(90), 0))


def test_peak_and_average_are_of_the_time_on_air() -> None:
    paused = curve([window(0, 600), window(0, 300)], seconds=1200, on_air=(window(0, 300), window(900, 1200)))

    assert (paused.peak, paused.peak_at) == (2, at(0))
    assert paused.average == 1.5
    assert paused.pauses == (window(300, 900),)
    assert (curve().peak, curve().peak_at, curve().average) == (0, None, 0.0)


@given(st.integers(0, 100_000))
def test_the_upright_axis_ends_a_little_above_the_peak_and_can_be_halved(peak: int) -> None:
    top = top_of(peak)

    assert max(1, peak) <= top <= max(1, 2 * peak)
    assert top == 1 or top % 2 == 0


@given(st.integers(0, 3 * 24 * HOUR))
def test_the_axis_names_few_moments_and_whole_minutes(seconds: int) -> None:
    ticks = curve(seconds=seconds).ticks

    assert 1 <= len(ticks) <= MOST_TICKS
    assert [tick.at for tick in ticks] == [at(tick.minute * 60) for tick in ticks]
    assert ticks[-1].at <= at(seconds)


def test_the_moments_in_words_tell_what_happened_and_who_was_there() -> None:
    shown = curve(
        [window(0, 1200), window(300, 1200), window(2400, 3600)],
        on_air=(window(0, 1200), window(2400, 3600)),
        cta=(window(600, 2700), window(3000, HOUR)),
    )

    told = {moment.minute: (moment.present, moment.marks) for moment in shown.moments if moment.marks}

    assert told == {
        0: (1, (Mark.START,)),
        5: (2, (Mark.PEAK,)),
        10: (2, (Mark.SHOWN,)),
        20: (2, (Mark.PAUSE,)),
        40: (1, (Mark.RESUME,)),
        45: (1, (Mark.HIDDEN,)),
        50: (1, (Mark.SHOWN,)),
        60: (1, (Mark.STOP,)),
    }
    assert [moment.at for moment in shown.moments] == sorted(moment.at for moment in shown.moments)


def test_what_is_still_on_has_no_end() -> None:
    marks = [mark for moment in curve(is_over=False, cta=(window(60, HOUR),)).moments for mark in moment.marks]

    assert marks == [Mark.START, Mark.SHOWN]


def test_windows_are_cut_to_the_drawing() -> None:
    assert bars([window(-60, 30), window(90, 400)], at(0), at(120)) == (Bar(0, 25), Bar(75, 25))
    assert bars([window(0, 60)], at(0), at(0)) == ()
    assert common([window(0, 60), window(120, 180)], [window(30, 150)]) == (window(30, 60), window(120, 150))


def test_the_line_goes_up_and_down_at_its_places() -> None:
    drawn = curve([window(0, 1800), window(900, 1800)])

    assert drawn.line == "M0 50H0V50H250V0H500V100H1000"
    assert drawn.area == "M0 50H0V50H250V0H500V100H1000V100H0Z"
    assert [(level.present, level.y) for level in drawn.levels] == [(2, 0), (1, 50), (0, 100)]


# --- from the projections ---------------------------------------------------------------------------------------------


def watched(lead_id: str, webinar: WebinarEvent, *spans: tuple[float, float], final: bool = True) -> ParticipationEvent:
    return ParticipationEvent(
        lead_id=lead_id,
        webinar_id=webinar.webinar_id,
        version=1,
        watched_seconds=int(sum(end - start for start, end in spans)),
        base_seconds=HOUR,
        windows=tuple(WatchedWindow(from_=at(start), to=at(end)) for start, end in spans),
        final=final,
    )


async def test_the_curve_of_a_webinar_is_made_of_everybodys_windows(web: Web) -> None:
    cta = (CtaWindow(from_=at(-600), to=at(60)), CtaWindow(from_=at(3000), to=None))
    webinar = webinar_event("finished", cta_windows=cta)
    other = webinar_event("finished")
    await web.know(webinar, other)
    await web.under_test.receive(
        watched("anna", webinar, (0, 1200), (1800, HOUR)),
        watched("vera", webinar, (600, 1800)),
        watched("gleb", webinar),
        watched("anna", other, (0, 60)),
    )

    found = await queries.curve_of(web.parts.database.pool, webinar, at(2 * HOUR))

    assert found is not None
    assert found.steps == (
        Step(at(0), 1), Step(at(600), 2), Step(at(1200), 1), Step(at(HOUR), 0),
    )  # fmt: skip
    assert (found.begin, found.end, found.is_over) == (NOON, at(HOUR), True)
    assert found.cta == (window(0, 60), window(3000, HOUR))


async def test_a_curve_is_worked_out_beside_the_loop_that_the_streams_run_on(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    webinar = webinar_event("finished")
    await web.know(webinar)
    await web.under_test.receive(watched("anna", webinar, (0, 1200)))
    threads: list[threading.Thread] = []

    def line(curve: Curve) -> str:
        threads.append(threading.current_thread())
        return "M0 0"

    told = cached_property(line)
    told.__set_name__(Curve, "line")
    monkeypatch.setattr(Curve, "line", told)

    found = await queries.curve_of(web.parts.database.pool, webinar, at(2 * HOUR))

    assert found is not None
    assert found.line == "M0 0"
    assert len(threads) == 1
    assert threads[0] is not threading.main_thread()


async def test_before_the_start_there_is_no_curve(web: Web) -> None:
    assert await queries.curve_of(web.parts.database.pool, webinar_event("scheduled"), NOON) is None


@pytest.mark.parametrize(
    ("known_until", "is_final", "counted_until"),
    [(1190, False, 1200), (1139, False, 1139), (1190, True, 1190)],
    ids=["told half a minute ago", "silent for longer", "final"],
)
async def test_on_air_who_was_there_a_moment_ago_is_there_still(
    web: Web, known_until: int, is_final: bool, counted_until: int
) -> None:
    webinar = webinar_event("live")
    gone, back = known_until - 30, known_until - 20
    await web.under_test.receive(watched("anna", webinar, (0, gone), (back, known_until), final=is_final))

    found = await queries.curve_of(web.parts.database.pool, webinar, at(1200))

    assert found is not None
    assert found.steps == (Step(at(0), 1), Step(at(gone), 0), Step(at(back), 1), Step(at(counted_until), 0))
    assert (found.end, found.is_over) == (at(1200), False)


async def test_in_a_pause_the_curve_ends_where_the_time_on_air_does(web: Web) -> None:
    webinar = webinar_event("paused", on_air=(OnAirWindow(from_=NOON, to=at(1180)),))
    await web.under_test.receive(watched("anna", webinar, (0, 1175), final=False))

    found = await queries.curve_of(web.parts.database.pool, webinar, at(1200))

    assert found is not None
    assert found.steps == (Step(at(0), 1), Step(at(1180), 0))
    assert found.pauses == (window(1180, 1200),)
