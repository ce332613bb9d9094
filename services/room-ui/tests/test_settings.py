"""What an operator may set, and what becomes of it."""

import re
from pathlib import Path

import pytest
import room_ui
from pydantic import ValidationError
from room_ui.settings import RoomUiSettings
from room_ui.web import is_from_us
from servicekit import ServiceSettings


def settings(base_url: str) -> RoomUiSettings:
    return RoomUiSettings(
        service_database_url="postgresql://unused",
        service_rabbitmq_url="amqp://unused",
        session_keys="a key of the tests",
        command_signing_key="unused",
        base_url=base_url,
    )


@pytest.mark.parametrize(
    ("base_url", "origin"),
    [
        ("http://rooms.localhost", "http://rooms.localhost"),
        ("https://Rooms.Localhost/", "https://rooms.localhost"),
        ("https://rooms.localhost:443", "https://rooms.localhost"),
        ("http://rooms.localhost:80/", "http://rooms.localhost"),
        ("http://rooms.localhost:443", "http://rooms.localhost:443"),
        ("http://room_ui:8000", "http://room_ui:8000"),
        ("https://Пример.рф", "https://xn--e1afmkfd.xn--p1ai"),
        ("http://[::1]:8000", "http://[::1]:8000"),
    ],
)
def test_a_form_is_from_us_by_the_origin_that_a_browser_makes_of_the_base_url(base_url: str, origin: str) -> None:
    assert settings(base_url).origin == origin
    assert is_from_us({"origin": origin}, settings(base_url).origin)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "rooms.localhost",
        "ftp://rooms.localhost",
        "http://rooms.localhost/path",
        "http://rooms.localhost:x",
        f"http://{'я' * 64}.рф",
    ],
)
def test_a_base_url_that_no_browser_can_open_is_refused(base_url: str) -> None:
    with pytest.raises(ValidationError, match="BASE_URL"):
        settings(base_url)


def test_every_setting_is_read_by_somebody() -> None:
    code = "".join(file.read_text() for file in Path(room_ui.__file__).parent.rglob("*.py"))
    own = set(RoomUiSettings.model_fields) - set(ServiceSettings.model_fields)

    assert {name for name in own if not re.search(rf"\.{name}\b", code)} == set()
