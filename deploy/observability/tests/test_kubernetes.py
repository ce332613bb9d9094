"""On Kubernetes the same is read under the same labels, and the same alerts are raised."""

from typing import Any

import yaml
from contracts.topology import THE_FIVE
from manifests.rendered import NAME, overlay
from watching import files, kubernetes

PRODUCTION = overlay("production")


def read_as(monitor: str) -> list[tuple[str, Any, dict[str, str]]]:
    """Return the path and parameters that a PodMonitor asks for, and the labels that it sets."""
    spec = PRODUCTION.named("PodMonitor", monitor)["spec"]
    return [
        (
            endpoint["path"],
            endpoint.get("params"),
            {one["targetLabel"]: one.get("replacement") or one["sourceLabels"][0] for one in endpoint["relabelings"]},
        )
        for endpoint in spec["podMetricsEndpoints"]
    ]


def test_the_alerts_are_those_of_the_compose_profile() -> None:
    assert kubernetes.ALERTS.read_text("utf-8") == kubernetes.written(), "run `make docs`"
    rules = PRODUCTION.named("PrometheusRule", "webinars")["spec"]
    assert rules == yaml.safe_load(files.ALERTS.read_text("utf-8"))


def test_services_are_read_under_the_labels_that_alerts_look_for() -> None:
    [(path, _, labels)] = read_as("webinars")

    assert path == "/metrics"
    assert labels == {"job": "webinars", "service": "__meta_kubernetes_pod_label_app_kubernetes_io_name"}
    assert {PRODUCTION.pods_of(service).labels[NAME] for service in THE_FIVE} == set(THE_FIVE)


def test_the_broker_is_read_as_it_is_there() -> None:
    configuration = yaml.safe_load(files.CONFIGURATION.read_text("utf-8"))
    there = [
        (one.get("metrics_path", "/metrics"), one.get("params"), {"job": one["job_name"], "service": "rabbitmq"})
        for one in configuration["scrape_configs"]
        if one["job_name"].startswith("rabbitmq")
    ]

    assert read_as("webinars-rabbitmq") == there


def test_prometheus_may_come_to_the_broker() -> None:
    rules = PRODUCTION.named("NetworkPolicy", "webinars-rabbitmq")["spec"]["ingress"]
    prometheus = {"namespaceSelector": {"matchLabels": {"webinars-access/metrics": "true"}}}

    assert [one["ports"] for one in rules if prometheus in one["from"]] == [[{"port": 15692}]]
