"""What an operator can set."""

import pytest
from core_webinar.domain import FRAME_HOSTS
from core_webinar.settings import CoreWebinarSettings
from pydantic import ValidationError

REQUIRED = {
    "SERVICE_DATABASE_URL": "postgresql://core_webinar@127.0.0.1/core_webinar",
    "SERVICE_RABBITMQ_URL": "amqp://core-webinar@127.0.0.1/webinars",
    "COMMAND_VERIFY_KEYS": "1:abc",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in REQUIRED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("FRAME_HOSTS", raising=False)


def test_the_built_in_frame_hosts_are_always_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CoreWebinarSettings().frame_hosts == FRAME_HOSTS
    monkeypatch.setenv("FRAME_HOSTS", "")
    assert CoreWebinarSettings().frame_hosts == FRAME_HOSTS
    monkeypatch.setenv("FRAME_HOSTS", "video.example.org, live.example.org")
    assert CoreWebinarSettings().frame_hosts == FRAME_HOSTS | {"video.example.org", "live.example.org"}


def test_a_frame_host_that_is_none_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAME_HOSTS", "https://video.example.org/")
    with pytest.raises(ValidationError, match="host name"):
        CoreWebinarSettings()


def test_without_keys_nothing_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMMAND_VERIFY_KEYS")
    with pytest.raises(ValidationError, match="command_verify_keys"):
        CoreWebinarSettings()
