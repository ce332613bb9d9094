"""Which metrics the code registers."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType

import post_webinar.measures
import room_ui.measures
import servicekit.metrics
from contracts.topology import POST_WEBINAR, ROOM_UI
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

KIT = "every"
_MODULES: dict[str, ModuleType] = {
    KIT: servicekit.metrics,
    ROOM_UI: room_ui.measures,
    POST_WEBINAR: post_webinar.measures,
}
_SUFFIXES = {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}


@dataclass(frozen=True)
class Metric:
    """A metric as an operator meets it. service: who has it."""

    name: str
    kind: str
    labels: tuple[str, ...]
    service: str
    series: tuple[str, ...]


def registered() -> Iterator[Metric]:
    """Return what the code registers, service by service."""
    for service, module in _MODULES.items():
        for metric in vars(module).values():
            if isinstance(metric, MetricWrapperBase):
                [family] = metric.describe()
                series = tuple(family.name + suffix for suffix in _SUFFIXES[type(metric)])
                name = series[0] if isinstance(metric, Counter) else family.name
                yield Metric(name, family.type, metric._labelnames, service, series)
