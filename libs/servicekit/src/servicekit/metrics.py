"""Prometheus metrics of the kit."""

from prometheus_client import Counter, Gauge, Histogram

RECEIVED = Counter("webinars_messages_received_total", "Messages taken from a queue.", ["queue"])
HANDLED = Counter("webinars_messages_handled_total", "Messages whose work was committed.", ["queue"])
FAILED = Counter("webinars_messages_failed_total", "Times that handling a message failed.", ["queue"])
DELAYED = Counter("webinars_messages_delayed_total", "Messages set aside for later.", ["queue", "level"])
DEAD = Counter("webinars_messages_dead_total", "Messages written to the dead letters.", ["queue"])
BATCH_SECONDS = Histogram("webinars_batch_seconds", "Time that a batch's transaction took.", ["queue"])
CRITICAL_SECONDS = Histogram("webinars_critical_time_seconds", "From a message's timestamp to its commit.", ["queue"])
RELAYED = Counter("webinars_outbox_published_total", "Outbox rows that the broker confirmed.")
OUTBOX_ROWS = Gauge("webinars_outbox_rows", "Rows in the outbox.", ["state"])
OUTBOX_AGE = Gauge("webinars_outbox_oldest_seconds", "Age of the oldest outbox row that is not parked.")
DEAD_ROWS = Gauge("webinars_dead_letters", "Rows in the dead letters.")
COMMANDS = Counter("webinars_commands_total", "Commands answered.", ["topic", "outcome"])
JOB_FAILURES = Counter("webinars_job_failures_total", "Runs of a periodic job that failed.", ["job"])
DEAD_FORGOTTEN = Counter("webinars_dead_letters_forgotten_total", "Dead letters deleted unread, of age.", ["queue"])
