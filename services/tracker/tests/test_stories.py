"""The attendance rule on ordinary stories: one line each, in minutes after the planned time."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from contracts import CompletedBy
from tracker.domain.airing import Airing, after_hearing
from tracker.domain.participation import Participation, Presence, Rules, decide
from tracker.testing import at, webinar

RULES = Rules(minimum=timedelta(seconds=300), stop_margin=timedelta(minutes=5), bridge=timedelta(seconds=15))
LIVE_VERSION, LOBBY_VERSION = 2, 1

FINISH, PRESENT, ENOUGH = CompletedBy.FINISH, CompletedBy.PRESENT_AT_STOP, CompletedBy.WATCHED_ENOUGH
NOT_ATTENDED, NOT_ENTERED = "not attended", "not entered"


@dataclass(frozen=True)
class Story:
    """What happened: on air from `start` to `stop`, connected `there`, "finish" pressed at `pressed`."""

    told: str
    verdict: CompletedBy | str
    stop: float = 60
    start: float = 0
    there: tuple[tuple[float, float], ...] = ()
    pressed: float | None = None
    seen_version: int | None = LIVE_VERSION
    pauses: tuple[tuple[float, float], ...] = ()


STORIES = [
    Story("stop forgotten, stopped after 300; watched all 60, left", ENOUGH, stop=300, there=((0, 60),)),
    Story("the same, tab left open too", PRESENT, stop=300, there=((0, 60), (0, 300))),
    Story("opened the room 20 s before the stop", NOT_ATTENDED, there=((60 - 20 / 60, 60),)),
    Story("pressed finish after 30 s", NOT_ATTENDED, there=((0, 0.5),), pressed=0.5),
    Story("watched 0-41, left (68 %)", NOT_ATTENDED, there=((0, 41),)),
    Story("joined at 25, stayed to the goodbye, left 1 min before the stop", PRESENT, there=((25, 59),)),
    Story("joined at 59, stayed for the stop", NOT_ATTENDED, there=((59, 60),)),
    Story("overran to 100; watched 60 and left", ENOUGH, stop=100, there=((0, 60),)),
    Story("started 40 early for a sound check; came at 0, left at 45", ENOUGH, start=-40, there=((0, 45),)),
    Story("start 20 late; waited from 0, watched to 70 of 80, left", ENOUGH, start=20, stop=80, there=((0, 70),)),
    Story(
        "a lobby tab in the background, never looked at",
        NOT_ENTERED,
        there=((-10, 60),),
        seen_version=LOBBY_VERSION,
    ),
    # Beyond the table: what its rules say further.
    Story("watched 0-42, left (70 %)", ENOUGH, there=((0, 42),)),
    Story("pressed finish after 5 minutes, left", FINISH, there=((0, 5),), pressed=5),
    Story("pressed finish too early, stayed to the minimum, left", FINISH, there=((0, 6),), pressed=0.5),
    Story("pressed finish in the lobby, left after 10", NOT_ATTENDED, there=((-5, 10),), pressed=-1),
    Story("pressed finish in a pause, left", NOT_ATTENDED, there=((0, 20),), pressed=15, pauses=((10, 30),)),
    Story("left before it was paused; stopped from the pause an hour later", NOT_ATTENDED, stop=90, there=((0, 20),),
          pauses=((30, 90),)),
    Story("stayed through the pause from which it was stopped", PRESENT, stop=90, there=((20, 90),),
          pauses=((30, 90),)),
    Story("came after the stop", NOT_ENTERED, there=((60.1, 65),)),
    Story("left 10 s before the stop of a short one, back 3 s after it", NOT_ATTENDED, stop=10 / 6,
          there=((0, 1.5), (10 / 6 + 0.05, 3))),
    Story("the reconnects of a bad line are no gaps", ENOUGH, there=tuple((m, m + 0.8) for m in range(43))),
    Story("watched every other minute", NOT_ATTENDED, there=tuple((m, m + 0.5) for m in range(50))),
]  # fmt: skip


def aired(story: Story) -> Airing:
    on_air: list[tuple[float, float | None]] = []
    begin = story.start
    for pause, resume in story.pauses:
        on_air.append((begin * 60, pause * 60))
        begin = resume
    if begin < story.stop:
        on_air.append((begin * 60, story.stop * 60))
    known = after_hearing(None, webinar(version=LOBBY_VERSION))
    known = after_hearing(known, webinar(version=LIVE_VERSION, on_air=((story.start * 60, None),)))
    return after_hearing(known, webinar(version=3, on_air=on_air, finished=story.stop * 60)).airing


def told(story: Story) -> Participation:
    presences = tuple(Presence(at(start * 60), at(end * 60), story.seen_version) for start, end in story.there)
    return Participation("candidate", presences, () if story.pressed is None else (at(story.pressed * 60),))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.told)
def test_the_verdict_of_every_story(story: Story) -> None:
    decision = decide(told(story), aired(story), RULES)

    if decision is None:
        verdict: CompletedBy | str = NOT_ENTERED
    else:
        verdict = decision.completed_by or NOT_ATTENDED
    assert verdict == story.verdict
