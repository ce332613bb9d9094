"""What a browser keeps can neither be made up nor outlive its time."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from room_ui.accounts import tokens
from room_ui.testing import NOON

NEW, OLD, FOREIGN = b"a new key of the tests", b"an old key of the tests", b"somebody else's key!"
COOKIE = tokens.SessionCookie(tokens.new_session_id(), NOON + timedelta(hours=12))


def test_a_cookie_of_either_key_is_read() -> None:
    assert tokens.read_session_cookie(tokens.write_session_cookie(COOKIE, [NEW]), [NEW, OLD], NOON) == COOKIE
    assert tokens.read_session_cookie(tokens.write_session_cookie(COOKIE, [OLD]), [NEW, OLD], NOON) == COOKIE


def test_a_cookie_of_another_key_or_past_its_time_is_not() -> None:
    written = tokens.write_session_cookie(COOKIE, [NEW])

    assert tokens.read_session_cookie(written, [FOREIGN], NOON) is None
    assert tokens.read_session_cookie(written, [NEW], COOKIE.expires_at) is None


def test_a_longer_life_cannot_be_written_into_a_cookie() -> None:
    session_id, expires, signature = tokens.write_session_cookie(COOKIE, [NEW]).split(".")

    assert tokens.read_session_cookie(f"{session_id}.{int(expires) + 9}.{signature}", [NEW], NOON) is None


@given(st.text(max_size=300))
@pytest.mark.parametrize("shape", ["{}", "{}.9999999999.{}", "a.{}.b", "a.9999999999.{}"])
def test_nonsense_is_no_cookie(shape: str, text: str) -> None:
    assert tokens.read_session_cookie(shape.replace("{}", text), [NEW], NOON) is None
    assert tokens.is_guest_token(shape.replace("{}", text), [NEW]) is False


def test_a_guest_token_is_ours_and_differs_each_time() -> None:
    token = tokens.new_guest_token([NEW])

    assert tokens.is_guest_token(token, [OLD, NEW])
    assert not tokens.is_guest_token(token, [FOREIGN])
    assert token != tokens.new_guest_token([NEW])


def test_a_signature_for_one_purpose_serves_no_other() -> None:
    session_id = COOKIE.session_id
    [csrf] = tokens.session_csrf_tokens(session_id, [NEW])

    assert not tokens.is_guest_token(f"{session_id}.{csrf}", [NEW])
