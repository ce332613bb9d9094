"""Every object of every overlay is one that Kubernetes and the operators know."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from manifests import core_objects, custom_resources
from manifests.rendered import OVERLAYS, Object, overlay
from pydantic import ValidationError


def validate(thing: Object) -> None:
    (core_objects if core_objects.is_core(thing) else custom_resources).validate(thing)


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_fits_its_schema(name: str) -> None:
    for thing in overlay(name).objects:
        try:
            validate(thing)
        except ValidationError as error:
            pytest.fail(f"{thing['kind']} {thing['metadata']['name']}: {error}")


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_object_is_there_twice_and_all_are_in_one_namespace(name: str) -> None:
    things = overlay(name).objects
    names = [(one["apiVersion"], one["kind"], one["metadata"]["name"]) for one in things]

    assert len(set(names)) == len(names)
    assert {one["metadata"].get("namespace", one["metadata"]["name"]) for one in things} == {"webinars"}


Spoil = Callable[[Any], object]


def container(spec: Any) -> Any:
    return spec["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("kind", "name", "spoil"),
    [
        ("Deployment", "tracker", lambda spec: spec.update(replica=2)),
        ("Deployment", "tracker", lambda spec: spec.pop("selector")),
        ("Deployment", "tracker", lambda spec: container(spec).pop("name")),
        ("Deployment", "tracker", lambda spec: container(spec)["ports"][0].update(containerPort="1")),
        ("Deployment", "tracker", lambda spec: spec["template"]["spec"]["securityContext"].update(runAsNonroot=True)),
        ("Deployment", "tracker", lambda spec: container(spec)["env"][0].update(value=1)),
        ("NetworkPolicy", "room-ui", lambda spec: spec["ingress"][0].update(form=[])),
        ("NetworkPolicy", "post-webinar", lambda spec: spec["egress"][2]["to"][0]["ipBlock"].update(excepting=[])),
        ("Ingress", "room-ui", lambda spec: spec["rules"][0]["http"]["paths"][0].pop("pathType")),
        ("Cluster", "webinars-postgres", lambda spec: spec["postgresql"]["parameters"].update(max_connections=500)),
        ("Cluster", "webinars-postgres", lambda spec: spec["postgresql"].update(syncReplicas=1)),
        ("ScheduledBackup", "webinars-postgres", lambda spec: spec.update(schedule="30 3 * * *")),
        ("ObjectStore", "webinars-backup", lambda spec: spec["configuration"]["s3Credentials"].pop("accessKeyId")),
        ("RabbitmqCluster", "webinars-rabbitmq", lambda spec: spec.update(replicas="3")),
        ("ScaledObject", "tracker", lambda spec: spec.update(maxReplicas=6)),
        ("ScaledObject", "tracker", lambda spec: spec["triggers"][0]["metadata"].update(value=1000)),
        ("ScaledObject", "room-ui", lambda spec: spec["triggers"][0]["metadata"].pop("query")),
        ("PodMonitor", "webinars", lambda spec: spec["podMetricsEndpoints"][0].update(intervall="15s")),
        ("PodMonitor", "webinars", lambda spec: spec["podMetricsEndpoints"][0]["relabelings"][0].pop("targetLabel")),
        ("PrometheusRule", "webinars", lambda spec: spec["groups"][0]["rules"][0].update(severity="critical")),
        ("PrometheusRule", "webinars", lambda spec: spec["groups"][0]["rules"][0].pop("for")),
    ],
)  # fmt: skip
def test_an_object_that_is_wrong_fits_none(kind: str, name: str, spoil: Spoil) -> None:
    thing = copy.deepcopy(overlay("production").named(kind, name))
    spoil(thing["spec"])

    with pytest.raises(ValidationError):
        validate(thing)
