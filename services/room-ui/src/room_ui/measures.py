"""Prometheus metrics of the pages and rooms; on the internal port beside those of the kit."""

from prometheus_client import Gauge, Histogram

STREAMS = Gauge("room_ui_streams", "Event streams that this instance holds.")
VIEWERS = Gauge("room_ui_viewers", "Participants in all rooms, on all instances, as this one counts them.")
OPEN_ROOMS = Gauge("room_ui_open_rooms", "Webinars on the air, as this instance knows them.", ["status"])
# The names of OpenTelemetry's conventions; of the status only its class, and of the path only the route's template.
REQUEST_SECONDS = Histogram(
    "http_server_request_duration_seconds",
    "From a request to the end of its answer; of an event stream to its first bytes.",
    ["http_request_method", "http_route", "http_response_status_class"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
