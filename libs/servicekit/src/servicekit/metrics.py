"""Prometheus metrics of the kit; `docs/watching.md` says what each means."""

from contracts.topology import DELAY_SECONDS
from prometheus_client import Counter, Gauge, Histogram

# A message that was delayed three times is handled after eleven minutes, and one that was replayed after days.
_CRITICAL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900)

READY = Gauge("webinars_ready", "Whether what a service needs is there, as it was read: 1 or 0.", ["check"])
BROKER_CONNECTED = Gauge("webinars_broker_connected", "Whether the consuming connection is there: 1 or 0.")
RECEIVED = Counter("webinars_messages_received_total", "Messages taken from a queue.", ["queue"])
HANDLED = Counter("webinars_messages_handled_total", "Messages whose work was committed.", ["queue"])
FAILED = Counter("webinars_messages_failed_total", "Times that handling a message failed.", ["queue"])
DELAYED = Counter("webinars_messages_delayed_total", "Messages set aside for later.", ["queue", "level"])
DEAD = Counter("webinars_messages_dead_total", "Messages written to the dead letters.", ["queue"])
BATCH_SECONDS = Histogram("webinars_batch_seconds", "Time that a batch's transaction took.", ["queue"])
CRITICAL_SECONDS = Histogram(
    "webinars_critical_time_seconds",
    "From a message's timestamp to its commit; of a batch the first message.",
    ["queue"],
    buckets=_CRITICAL_BUCKETS,
)
RELAYED = Counter("webinars_outbox_published_total", "Outbox rows that the broker confirmed.")
OUTBOX_ROWS = Gauge("webinars_outbox_rows", "Rows in the outbox.", ["state"])
OUTBOX_AGE = Gauge("webinars_outbox_oldest_seconds", "Age of the oldest outbox row that is not parked.")
DEAD_ROWS = Gauge("webinars_dead_letters", "Rows in the dead letters.")
COMMANDS = Counter("webinars_commands_total", "Commands answered.", ["topic", "outcome"])
COMMANDS_SENT = Counter("webinars_commands_sent_total", "Commands sent, by how they ended.", ["topic", "outcome"])
JOB_FAILURES = Counter("webinars_job_failures_total", "Runs of a periodic job that failed.", ["name"])
DEAD_FORGOTTEN = Counter("webinars_dead_letters_forgotten_total", "Dead letters deleted unread, of age.", ["queue"])


def begin_queue(queue: str) -> None:
    """Show a queue's metrics from the start: what appears with its first message does not look like an increase."""
    for metric in (RECEIVED, HANDLED, FAILED, DEAD, DEAD_FORGOTTEN, BATCH_SECONDS, CRITICAL_SECONDS):
        metric.labels(queue)
    for level in range(1, len(DELAY_SECONDS) + 1):
        DELAYED.labels(queue, str(level))
