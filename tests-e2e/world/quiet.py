"""What has to be quiet when the stories are over: logs, dead letters, outboxes; and no token in any log."""

import json
from collections.abc import Iterator
from pathlib import Path

BAD_LEVELS = frozenset({"error", "critical"})
BAD_EVENTS = frozenset({"message.delayed", "relay.refused"})
"""A handler that failed, a message that the broker did not want: warnings to an operator, faults to a story."""


def bad_lines(logs: Path) -> Iterator[str]:
    """Yield what a service logged as an error, and every line that is no log record at all (a stray traceback)."""
    for log in sorted(logs.glob("*.log")):
        if log.stem in {"provision", "telegram-sandbox"}:
            continue
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if (
                not isinstance(record, dict)
                or record.get("level") in BAD_LEVELS | {None}
                or record.get("event") in BAD_EVENTS
            ):
                yield f"{log.stem}: {line[:2000]}"


def lines_with(logs: Path, secrets: set[str]) -> Iterator[str]:
    """Yield the logs in which a secret stands."""
    for log in sorted(logs.glob("*.log")):
        text = log.read_text(encoding="utf-8", errors="replace")
        if any(secret in text for secret in secrets):
            yield log.stem
