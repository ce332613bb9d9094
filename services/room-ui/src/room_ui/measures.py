"""Prometheus metrics of the rooms; on the internal port beside those of the kit."""

from prometheus_client import Gauge

STREAMS = Gauge("room_ui_streams", "Event streams that this instance holds.")
VIEWERS = Gauge("room_ui_viewers", "Participants in all rooms, on all instances, as this one counts them.")
