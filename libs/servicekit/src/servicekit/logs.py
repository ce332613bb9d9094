"""Structured logs: a dotted constant plus fields; message and correlation ids on every line of a handler."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from opentelemetry import trace

from servicekit.repetitions import Repetitions

_SECRETS = re.compile(
    r"(?P<scheme>\w://[^\s:/@\"']*):[^\s/@\"']+@"  # the password of an address
    r"|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"  # a token
)

bound_fields = structlog.contextvars.bound_contextvars


def get_logger(name: str) -> Any:
    """Return a logger whose first argument is a dotted constant and whose keywords are fields."""
    return structlog.stdlib.get_logger(name)


def without_secrets(line: str) -> str:
    """Return a line with passwords of addresses and tokens blotted out, whoever wrote them."""
    return _SECRETS.sub(lambda found: f"{found['scheme']}:***@" if found["scheme"] else "<token>", line)


class _Formatter(structlog.stdlib.ProcessorFormatter):
    """The last hand on every line, of our own loggers and of others'."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))


def _name_trace(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Write into a line in which trace it was said, if in any."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        fields["trace_id"], fields["span_id"] = f"{context.trace_id:032x}", f"{context.span_id:016x}"
    return fields


# What asyncpg says when a job was cancelled in the middle of a transaction, as at every stop: it rolls back.
_ROLLED_BACK = "Resetting connection with an active transaction"


def _lower_what_mends_itself(record: logging.LogRecord) -> bool:
    """Lower what libraries call an error and what mends itself: nobody need get up for it."""
    message = record.getMessage()
    # A collector that is away costs traces and nothing else.
    collector_away = record.name.startswith("opentelemetry")
    broker_away = record.name.startswith(("aiormq", "aio_pika")) and not message.startswith("Consumer callback failed")
    rolled_back = record.name == "asyncio" and message.startswith(_ROLLED_BACK)
    if (broker_away or rolled_back or collector_away) and record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


def configure(service: str, *, form: str, level: str, instance_id: str) -> None:
    """Write one line per record to standard error: JSON, or plain text for a person."""

    def name_service(_: Any, __: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        fields["service"] = service
        fields["instance"] = instance_id
        return fields

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _name_trace,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last: list[Any] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
        if form == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_lower_what_mends_itself)
    handler.addFilter(Repetitions())
    handler.setFormatter(
        _Formatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("aiormq", "aio_pika", "uvicorn.access", "alembic", "aiogram.event", "faststream"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
