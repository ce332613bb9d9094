"""Who may talk to whom, what a drain of a node leaves standing, and whom the Services and the Ingress lead to."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from contracts.topology import POST_WEBINAR, ROOM_UI, THE_FIVE
from manifests.rendered import NAME, OVERLAYS, Object, Pods, Rendered, overlay

DNS = (("namespace", "kube-system"), 53)
BOTH = [(name, service) for name in OVERLAYS for service in THE_FIVE]


def policies_of(rendered: Rendered, pods: Pods) -> list[Object]:
    return [one["spec"] for one in rendered.of_kind("NetworkPolicy") if pods.match(one["spec"]["podSelector"])]


def server_of(selector: Object) -> str:
    """Return which server a selector of pods means, by the labels that its operator or the StatefulSet gives."""
    known = {
        ("webinars-server", "postgres"): "postgres",
        (NAME, "webinars-rabbitmq"): "rabbitmq",
    }
    [label] = selector["matchLabels"].items()
    return known[label]


def peer(one: Object) -> tuple[str, Any]:
    """Return a peer in short: a server, a namespace, or addresses."""
    if "ipBlock" in one:
        return "addresses", one["ipBlock"]["cidr"]
    if "namespaceSelector" in one:
        assert "podSelector" not in one
        [(label, value)] = one["namespaceSelector"]["matchLabels"].items()
        return "namespace", value if label == "kubernetes.io/metadata.name" else label
    return "server", server_of(one["podSelector"])


def allowed(rendered: Rendered, pods: Pods, direction: str) -> set[tuple[tuple[str, Any], int]]:
    """Return which peers may be reached (`egress`), or may come in (`ingress`), at which ports."""
    way = {"egress": "to", "ingress": "from"}[direction]
    return {
        (peer(one), port["port"])
        for policy in policies_of(rendered, pods)
        for rule in policy.get(direction, [])
        for one in rule[way]
        for port in rule["ports"]
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_allowed_that_no_policy_allows(name: str) -> None:
    assert overlay(name).named("NetworkPolicy", "default-deny")["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
    }


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_reaches_its_servers_and_only_the_sender_the_internet(name: str, service: str) -> None:
    rendered = overlay(name)
    telegram = {(("addresses", "0.0.0.0/0"), 443), (("addresses", "::/0"), 443)}

    assert allowed(rendered, rendered.pods_of(service), "egress") == {
        DNS,
        (("server", "postgres"), 5432),
        (("server", "rabbitmq"), 5672),
        (("namespace", "webinars-access/traces"), 4318),
        *(telegram if service == POST_WEBINAR else set()),
    }


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize(
    "private", ["10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "127.0.0.1", "fd00::1", "fe80::1"]
)
def test_the_internet_does_not_mean_what_is_private(name: str, private: str) -> None:
    rendered = overlay(name)
    blocks = [
        one["ipBlock"]
        for policy in policies_of(rendered, rendered.pods_of(POST_WEBINAR))
        for rule in policy.get("egress", [])
        for one in rule["to"]
        if "ipBlock" in one
    ]
    address = ip_address(private)

    assert [one for one in blocks if address in ip_network(one["cidr"])]
    for one in blocks:
        if address in ip_network(one["cidr"]):
            assert any(address in ip_network(excepted) for excepted in one["except"])


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_only_prometheus_comes_to_a_service_and_the_ingress_to_the_pages(name: str, service: str) -> None:
    rendered = overlay(name)
    pages = {(("namespace", "webinars-access/ingress"), 8000)}

    assert allowed(rendered, rendered.pods_of(service), "ingress") == {
        (("namespace", "webinars-access/metrics"), 8081),
        *(pages if service == ROOM_UI else set()),
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_provisioning_reaches_the_servers_and_nobody_reaches_it(name: str) -> None:
    rendered = overlay(name)
    job = rendered.pods_of("provision")

    assert allowed(rendered, job, "egress") == {
        DNS,
        (("server", "postgres"), 5432),
        (("server", "rabbitmq"), 5672),
        (("server", "rabbitmq"), 15672),
    }
    assert allowed(rendered, job, "ingress") == set()


@pytest.mark.parametrize("name", OVERLAYS)
@pytest.mark.parametrize(
    ("server", "port", "users"),
    [
        ("webinars-postgres", 5432, {*THE_FIVE, "provision"}),
        ("webinars-rabbitmq", 5672, {*THE_FIVE, "provision"}),
        ("webinars-rabbitmq", 15672, {"provision"}),
    ],
)
def test_a_server_lets_in_those_who_use_it(name: str, server: str, port: int, users: set[str]) -> None:
    rendered = overlay(name)
    selectors = [
        one["podSelector"]
        for rule in rendered.named("NetworkPolicy", server)["spec"]["ingress"]
        if port in [one["port"] for one in rule["ports"]]
        for one in rule["from"]
        if "podSelector" in one
    ]

    assert {pods.labels[NAME] for pods in rendered.pods() if any(pods.match(one) for one in selectors)} - {
        server
    } == users


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_workload_has_a_policy_of_its_own(name: str) -> None:
    rendered = overlay(name)
    for pods in rendered.pods():
        own = rendered.named("NetworkPolicy", pods.name)["spec"]
        assert own["policyTypes"] == ["Ingress", "Egress"]
        assert [one.name for one in rendered.pods() if one.match(own["podSelector"])] == [pods.name]


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_drain_takes_one_of_a_service_at_a_time(name: str) -> None:
    rendered = overlay(name)
    for service in THE_FIVE:
        budget = rendered.named("PodDisruptionBudget", service)["spec"]
        # Not `minAvailable: 1`, which would hold up the drain of a node where there is only one.
        assert budget["maxUnavailable"] == 1
        assert "minAvailable" not in budget
        assert [one.name for one in rendered.pods() if one.match(budget["selector"])] == [service]


@pytest.mark.parametrize("name", OVERLAYS)
def test_selectors_match_the_pods_that_they_are_for(name: str) -> None:
    rendered = overlay(name)
    for kind in ("Deployment", "StatefulSet"):
        for workload in rendered.of_kind(kind):
            matched = [pods.name for pods in rendered.pods() if pods.match(workload["spec"]["selector"])]
            assert matched == [workload["metadata"]["name"]]
    for service in rendered.of_kind("Service"):
        [pods] = [one for one in rendered.pods() if one.match({"matchLabels": service["spec"]["selector"]})]
        open_ports = {
            port[key] for one in pods.containers for port in one["ports"] for key in ("name", "containerPort")
        }
        assert {one.get("targetPort", one["port"]) for one in service["spec"]["ports"]} <= open_ports


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_way_in_leads_to_the_pages_and_does_not_hold_back_events(name: str) -> None:
    rendered = overlay(name)
    [way_in] = rendered.of_kind("Ingress")
    [rule] = way_in["spec"]["rules"]
    [path] = rule["http"]["paths"]
    target = path["backend"]["service"]
    service = rendered.named("Service", target["name"])
    [settings] = [one["data"] for one in rendered.of_kind("ConfigMap") if "BASE_URL" in one["data"]]
    notes = way_in["metadata"]["annotations"]

    assert service["spec"]["selector"] == {NAME: ROOM_UI}
    assert target["port"]["name"] in [one["name"] for one in service["spec"]["ports"]]
    assert settings["BASE_URL"] == f"https://{rule['host']}"
    assert way_in["spec"]["tls"][0]["hosts"] == [rule["host"]]
    assert notes["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert int(notes["nginx.ingress.kubernetes.io/proxy-read-timeout"]) >= 30


def test_metrics_are_read_from_all_five() -> None:
    rendered = overlay("production")
    monitor = rendered.named("PodMonitor", "webinars")["spec"]
    read = {pods.labels[NAME]: pods for pods in rendered.pods() if pods.match(monitor["selector"])}

    assert set(read) == set(THE_FIVE)
    for pods in read.values():
        [container] = pods.containers
        assert {one["port"] for one in monitor["podMetricsEndpoints"]} <= {one["name"] for one in container["ports"]}
