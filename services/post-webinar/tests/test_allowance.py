"""How fast messages may go."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from post_webinar.domain.allowance import TELEGRAMS_PACE, Allowance


def test_it_starts_empty() -> None:
    assert Allowance(100.0, TELEGRAMS_PACE).wait(100.0) >= 1.0


def test_a_chat_waits_a_second_while_others_go_on() -> None:
    allowance = Allowance(0.0, TELEGRAMS_PACE)
    allowance.take("a", 10.0)
    assert allowance.busy(10.5) == ["a"]
    assert allowance.wait(10.1) == 0.0
    assert allowance.wait_for("a", 10.1) > 0.9
    assert allowance.wait_for("b", 10.1) == 0.0
    assert allowance.busy(11.1) == []


def test_nothing_goes_during_a_pause() -> None:
    allowance = Allowance(0.0, TELEGRAMS_PACE)
    allowance.pause(30, 10.0)
    allowance.pause(1, 11.0)
    assert allowance.wait(15.0) == 25.0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=400), st.integers(1, 5))
def test_never_more_than_30_in_a_second_nor_2_in_a_chat(pauses: list[float], chats: int) -> None:
    """However irregularly the sender comes round, no second holds more than 30 messages, nor 2 of one chat."""
    allowance, now, sent = Allowance(0.0, TELEGRAMS_PACE), 0.0, []
    for number, pause in enumerate(pauses):
        now += pause if number % 40 == 39 else pause / 100
        chat = number % chats
        now += allowance.wait_for(chat, now)
        allowance.take(chat, now)
        sent.append((now, chat))
    for start, _ in sent:
        window = [chat for at, chat in sent if start <= at < start + 1]
        assert len(window) <= 30
        assert max(Counter(window).values()) == 1
