"""What every pod is held to: no root, nothing to write to, bounds, probes, time to stop, the images that we build."""

import re

import pytest
import yaml
from contracts.topology import THE_FIVE
from manifests.rendered import NAME, OVERLAYS, ROOT, Pods, overlay, values_in
from servicekit.stopping import LAST_RESORT_SECONDS

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
ALL_PODS = [
    pytest.param(pods, id=f"{name}-{pods.kind}-{pods.name}") for name in OVERLAYS for pods in overlay(name).pods()
]
BOTH = [(name, service) for name in OVERLAYS for service in THE_FIVE]


@pytest.mark.parametrize("name", OVERLAYS)
def test_each_of_the_five_has_a_deployment_and_there_is_one_job(name: str) -> None:
    made = [(pods.kind, pods.labels[NAME]) for pods in overlay(name).pods() if pods.kind != "StatefulSet"]

    assert sorted(made) == sorted([*(("Deployment", service) for service in THE_FIVE), ("Job", "provision")])


@pytest.mark.parametrize("pods", ALL_PODS)
def test_a_pod_has_no_rights_that_it_does_not_need(pods: Pods) -> None:
    context = pods.spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] > 0
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pods.spec["automountServiceAccountToken"] is False
    assert pods.spec["enableServiceLinks"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pods.spec)
    for container in pods.containers:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert not {"privileged", "runAsUser", "runAsNonRoot", "seccompProfile"} & set(own)


@pytest.mark.parametrize("pods", ALL_PODS)
def test_a_pod_has_an_account_of_its_own_that_cannot_ask_kubernetes_anything(pods: Pods) -> None:
    for name in OVERLAYS:
        rendered = overlay(name)
        accounts = {one["metadata"]["name"]: one for one in rendered.of_kind("ServiceAccount")}
        users = [one.spec["serviceAccountName"] for one in rendered.pods()]
        assert sorted(accounts) == sorted(users)
        assert all(account["automountServiceAccountToken"] is False for account in accounts.values())
    assert pods.spec["serviceAccountName"] == pods.name


@pytest.mark.parametrize("pods", ALL_PODS)
def test_a_container_asks_for_what_it_needs_and_is_bounded(pods: Pods) -> None:
    for container in pods.containers:
        for bound in ("requests", "limits"):
            assert set(container["resources"][bound]) == {"cpu", "memory"}


@pytest.mark.parametrize("pods", ALL_PODS)
def test_a_container_can_write_to_tmp_alone_and_to_its_data(pods: Pods) -> None:
    volumes = {one["name"]: one for one in pods.spec["volumes"]}
    assert all(
        "sizeLimit" in one["emptyDir"] if "emptyDir" in one else "configMap" in one for one in volumes.values()
    ), volumes
    for container in pods.containers:
        mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
        assert "emptyDir" in volumes[mounts["/tmp"]]
        if pods.kind != "StatefulSet":
            assert set(mounts) == {"/tmp"}


@pytest.mark.parametrize("pods", [one for one in ALL_PODS if one.values[0].runs_for_ever])  # type: ignore[union-attr]
def test_what_runs_for_ever_is_probed(pods: Pods) -> None:
    for container in pods.containers:
        named = {one["name"] for one in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert probe in container
            assert set(values_in(container[probe], "port")) <= named


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_is_asked_at_the_ops_port_of_the_image(name: str, service: str) -> None:
    pods = overlay(name).pods_of(service)
    [container] = pods.containers
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}

    assert asked == {
        "startup": {"path": "/health/live", "port": "ops"},
        "liveness": {"path": "/health/live", "port": "ops"},
        "readiness": {"path": "/health/ready", "port": "ops"},
    }
    assert f" OPS_HOST=0.0.0.0 OPS_PORT={ports['ops']} " in DOCKERFILE
    if "http" in ports:
        assert re.search(rf" HTTP_HOST=0\.0\.0\.0 HTTP_PORT={ports['http']}\n", DOCKERFILE)


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_has_the_time_to_stop_that_it_takes(name: str, service: str) -> None:
    pods = overlay(name).pods_of(service)
    [container] = pods.containers
    before = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)

    assert pods.spec["terminationGracePeriodSeconds"] >= before + LAST_RESORT_SECONDS + 1


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_runs_as_the_user_of_the_image(name: str, service: str) -> None:
    pods = overlay(name).pods_of(service)
    assert f"USER {pods.spec['securityContext']['runAsUser']}\n" in DOCKERFILE


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_instances_of_a_service_are_spread_over_nodes_and_zones(name: str, service: str) -> None:
    pods = overlay(name).pods_of(service)
    spread = pods.spec["topologySpreadConstraints"]

    assert {one["topologyKey"] for one in spread} == {"kubernetes.io/hostname", "topology.kubernetes.io/zone"}
    for one in spread:
        assert pods.match(one["labelSelector"])
        # Counted among those of the same service and release.
        assert one["matchLabelKeys"] == [NAME, "pod-template-hash"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_replacement_is_ready_before_the_one_that_it_replaces_goes(name: str) -> None:
    for deployment in overlay(name).of_kind("Deployment"):
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


@pytest.mark.parametrize("name", OVERLAYS)
def test_images_are_those_that_docker_compose_builds_and_runs(name: str) -> None:
    built = {service: COMPOSE[service]["image"] for service in (*THE_FIVE, "provision")}
    used = {
        pods.labels[NAME]: container["image"]
        for pods in overlay(name).pods()
        if pods.kind != "StatefulSet"
        for container in pods.containers
    }
    images = {image for one in overlay(name).objects for image in values_in(one, "image")}

    assert used == built
    assert images - set(built.values()) <= {COMPOSE["postgres"]["image"], COMPOSE["rabbitmq"]["image"]}


def test_postgresql_is_of_the_release_that_docker_compose_runs() -> None:
    [release] = re.findall(r"^postgres:(\d+)$", COMPOSE["postgres"]["image"])
    image = overlay("production").named("Cluster", "webinars-postgres")["spec"]["imageName"]

    assert re.search(rf"/postgresql:{release}\.", image)


@pytest.mark.parametrize("name", OVERLAYS)
def test_provisioning_is_the_command_that_docker_compose_runs(name: str) -> None:
    [container] = overlay(name).pods_of("provision").containers

    assert container["command"] == COMPOSE["provision"]["command"]
