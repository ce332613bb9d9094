"""Who would move at another completion percent: the rule, line by line."""

import pytest
from room_ui.pages.moving import Verdict, moves_at, would_attend

MINIMUM = 300


def verdict(reason: str, percent: int, seconds: int = 1800, name: str = "Anna") -> Verdict:
    return Verdict(name, reason != "not_completed", reason, seconds, percent)


@pytest.mark.parametrize(
    ("reason", "watched_percent", "watched_seconds", "at_percent", "attends"),
    [
        # The percent decides, its border included.
        ("watched_enough", 75, 2700, 70, True),
        ("watched_enough", 75, 2700, 75, True),
        ("watched_enough", 75, 2700, 76, False),
        ("not_completed", 50, 1800, 70, False),
        ("not_completed", 50, 1800, 51, False),
        ("not_completed", 50, 1800, 50, True),
        ("not_completed", 50, 1800, 1, True),
        # It says nothing of who pressed finish or stayed to the end.
        ("finish", 10, 360, 100, True),
        ("finish", 10, 360, 1, True),
        ("present_at_stop", 8, 310, 100, True),
        # The minimum always holds.
        ("not_completed", 90, 299, 50, False),
        ("not_completed", 90, 300, 50, True),
        ("not_completed", 3, 120, 1, False),
        # A reason of a later rule stays what it is.
        ("excused", 0, 0, 100, True),
    ],
)
def test_the_verdict_at_another_percent(
    reason: str, watched_percent: int, watched_seconds: int, at_percent: int, attends: bool
) -> None:
    given = verdict(reason, watched_percent, watched_seconds)

    assert would_attend(given, at_percent, minimum_seconds=MINIMUM) is attends


def test_those_who_move_are_named_in_their_order() -> None:
    verdicts = [
        verdict("not_completed", 60, name="Anna"),
        verdict("watched_enough", 80, name="Boris"),
        verdict("not_completed", 20, name="Vera"),
        verdict("finish", 20, name="Gleb"),
        verdict("not_completed", 65, name="Dina"),
    ]

    lower, higher, same = (moves_at(verdicts, percent, minimum_seconds=MINIMUM) for percent in (60, 90, 70))

    assert ([one.name for one in lower.gained], lower.lost, lower.attended) == (["Anna", "Dina"], (), 4)
    assert (higher.gained, [one.name for one in higher.lost], higher.attended) == ((), ["Boris"], 1)
    assert (same.gained, same.lost, same.attended) == ((), (), 2)
