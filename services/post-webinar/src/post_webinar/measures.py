"""Prometheus metrics of the messages and of Telegram; on the internal port beside those of the kit."""

from prometheus_client import Counter, Gauge

OUTCOMES = Counter("post_webinar_messages_total", "Messages handed to Telegram, by what became of them.", ["outcome"])
REQUESTS = Counter("post_webinar_telegram_requests_total", "Requests to the Bot API.", ["method", "outcome"])
DELIVERIES = Gauge("post_webinar_deliveries", "Messages of webinars that ended in the last 8 days.", ["state"])
UNCERTAIN = Gauge(
    "post_webinar_uncertain", "Messages of the last day of which nobody knows whether they arrived, not sent again."
)
DUE = Gauge("post_webinar_due", "Messages that are due, have somewhere to go, and have not gone.")
DUE_OLDEST = Gauge("post_webinar_due_oldest_seconds", "How long the oldest of them has been due.")
