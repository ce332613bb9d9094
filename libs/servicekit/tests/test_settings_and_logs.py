"""What an operator sets, and what is written down: one line each, with its ids and without its secrets."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError
from servicekit import ServiceSettings
from servicekit.logs import bound_fields, configure, get_logger, without_secrets
from servicekit.publisher import with_heartbeat
from servicekit.tokens import new_key


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("SERVICE_DATABASE_URL", "postgresql://tracker:hush-1@localhost/tracker")
    monkeypatch.setenv("SERVICE_RABBITMQ_URL", "amqp://tracker:hush-2@localhost/")
    return monkeypatch


def test_settings_come_from_the_environment_with_sensible_defaults(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("OPS_PORT", "0")
    settings = ServiceSettings()
    assert (settings.ops_port, settings.ops_host) == (0, "127.0.0.1")
    assert settings.instance_id
    assert (settings.log_format, settings.log_level) == ("json", "INFO")


@pytest.mark.parametrize(
    ("name", "value"),
    [("OPS_PORT", "70000"), ("LOG_LEVEL", "loud"), ("INSTANCE_ID", ""), ("POOL_SIZE", "1")],
)
def test_a_bad_setting_is_named_and_no_other_is_quoted(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    environment.delenv("SERVICE_DATABASE_URL")
    with pytest.raises(ValidationError) as raised:
        ServiceSettings()
    assert name.lower() in str(raised.value)
    assert "service_database_url" in str(raised.value)
    assert "hush" not in str(raised.value)


def test_a_missing_setting_does_not_quote_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVICE_DATABASE_URL", raising=False)
    monkeypatch.setenv("SERVICE_RABBITMQ_URL", "amqp://t:hush@h/")
    with pytest.raises(ValidationError) as raised:
        ServiceSettings()
    assert "hush" not in str(raised.value)


def test_settings_can_be_shown_without_their_passwords(environment: pytest.MonkeyPatch) -> None:
    assert "hush" not in repr(ServiceSettings())


def test_every_broker_connection_has_a_heartbeat_of_ten_seconds() -> None:
    assert with_heartbeat("amqp://a:b@host:1/v%2Fh") == "amqp://a:b@host:1/v%2Fh?heartbeat=10"
    assert with_heartbeat("amqp://host/?heartbeat=3") == "amqp://host/?heartbeat=3"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    configure("tracker", form="json", level="INFO", instance_id="one")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level = before


def test_a_line_is_a_dotted_constant_with_fields(lines: Any) -> None:
    with bound_fields(message_id="m", correlation_id="c"):
        get_logger("tracker.handlers").info("tracker.finalised", leads=3)
    [line] = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "tracker.finalised",
        "level": "info",
        "logger": "tracker.handlers",
        "service": "tracker",
        "instance": "one",
        "message_id": "m",
        "correlation_id": "c",
        "leads": 3,
    }


def test_a_traceback_is_one_line(lines: Any) -> None:
    try:
        raise ZeroDivisionError("where")
    except ZeroDivisionError:
        get_logger("x").exception("x.failed")
    [line] = lines()
    assert "ZeroDivisionError: where" in line["exception"]


def test_secrets_are_blotted_out_of_every_line_whoever_wrote_it(lines: Any) -> None:
    token = "eyJhbGciOiJFZDI1NTE5Iiwia2lkIjoiMSJ9.eyJzdWIiOiJzcGVha2VyIn0.c2lnbmF0dXJlLXNpZ25hdHVyZQ"
    logging.getLogger("somebody.else").warning("cannot reach %s", "amqp://tracker:hush@broker:5672/")
    get_logger("x").warning("x.y", error=f"<Message headers={{'authorization': '{token}'}}>")
    get_logger("x").warning("x.y", error=ValueError("postgresql://tracker:hush%40@db/tracker?x=1"))
    try:
        raise RuntimeError(f"amqps://u:hush@h and {token}")
    except RuntimeError:
        get_logger("x").exception("x.failed")
    said = json.dumps(lines())
    assert "hush" not in said
    assert "eyJ" not in said
    assert "amqp://tracker:***@broker:5672/" in said
    assert "postgresql://tracker:***@db/tracker?x=1" in said


def test_a_lost_broker_is_no_error_and_a_bug_in_a_callback_is(lines: Any) -> None:
    logging.getLogger("aio_pika.tools").error("Callback … error: No active transport in channel")
    logging.getLogger("aiormq.connection").critical("error when creating transport")
    logging.getLogger("aiormq.channel").error("Consumer callback failed")
    logging.getLogger("tracker").error("a bug")
    assert [line["level"] for line in lines()] == ["warning", "warning", "error", "error"]


def test_what_the_database_rolls_back_at_a_stop_is_no_error_and_a_lost_task_is(lines: Any) -> None:
    logging.getLogger("asyncio").error("Resetting connection with an active transaction <Connection>")
    logging.getLogger("asyncio").error("Task exception was never retrieved")
    assert [line["level"] for line in lines()] == ["warning", "error"]


def test_what_is_no_secret_stays() -> None:
    for line in ("http://127.0.0.1:8081/health", "a://b c:d@e", "mail a@b.c: see http://x/y@z", "eyJust a word"):
        assert without_secrets(line) == line
    assert len({new_key("a")[0] for _ in range(3)}) == 3
