"""What `production` scales by: queues and a measure that are there, and connections enough for the largest."""

import re

import pytest
from contracts.base import Command
from contracts.commands import SnapshotRequested
from contracts.topology import ATTENDANCE, POST_WEBINAR, ROOM_UI, THE_FIVE, TRACKER, queues_of
from manifests.rendered import Object, overlay
from room_ui.measures import STREAMS
from servicekit import ServiceSettings
from servicekit.settings import CONNECTIONS_BESIDE_THE_POOL

PRODUCTION = overlay("production")
SCALED = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in PRODUCTION.of_kind("ScaledObject")}
# For the operator, for provisioning and for people.
CONNECTIONS_OF_OTHERS = 30


def triggers(service: str) -> list[Object]:
    return [one["metadata"] for one in SCALED[service]["triggers"]]


def test_those_who_have_a_backlog_follow_it_and_the_pages_their_visitors() -> None:
    assert set(SCALED) == {TRACKER, ATTENDANCE, POST_WEBINAR, ROOM_UI}


@pytest.mark.parametrize("service", [TRACKER, ATTENDANCE, POST_WEBINAR])
def test_a_service_follows_the_queues_that_can_grow_long(service: str) -> None:
    # Commands and requests for snapshots come one at a time, from people and from starts.
    grows = [
        queue.name for queue in queues_of(service) if not issubclass(queue.topic.message, Command | SnapshotRequested)
    ]

    assert [one["queueName"] for one in triggers(service)] == grows


@pytest.mark.parametrize("service", [TRACKER, ATTENDANCE, POST_WEBINAR])
def test_the_broker_is_asked_with_the_services_own_address(service: str) -> None:
    [container] = PRODUCTION.pods_of(service).containers
    [address] = {one["hostFromEnv"] for one in triggers(service)}
    [value] = [one["value"] for one in container["env"] if one["name"] == address]

    # KEDA runs in another namespace, where a name without ours would mean another server.
    assert re.match(r"amqp://[^@]+@webinars-rabbitmq\.webinars\.svc:", value)


def test_keda_may_come_to_the_broker() -> None:
    rules = PRODUCTION.named("NetworkPolicy", "webinars-rabbitmq")["spec"]["ingress"]
    keda = {"namespaceSelector": {"matchLabels": {"webinars-access/scaling": "true"}}}

    assert [one["ports"] for one in rules if keda in one["from"]] == [[{"port": 5672}]]


def test_the_pages_follow_a_measure_that_they_have() -> None:
    [trigger] = triggers(ROOM_UI)

    [metric] = STREAMS.describe()
    assert trigger["query"] == f'sum({metric.name}{{namespace="webinars"}})'


def test_nobody_but_keda_says_how_many_there_are() -> None:
    for service in THE_FIVE:
        spec = PRODUCTION.named("Deployment", service)["spec"]
        assert ("replicas" in spec) == (service not in SCALED)


def test_no_service_stands_on_one_process() -> None:
    assert all(spec["minReplicaCount"] >= 2 for spec in SCALED.values())
    assert all(spec["maxReplicaCount"] > spec["minReplicaCount"] for spec in SCALED.values())
    assert PRODUCTION.named("Deployment", "core-webinar")["spec"]["replicas"] >= 2


def connections_of(processes: int) -> int:
    pool: int = ServiceSettings.model_fields["pool_size"].default
    return processes * (pool + CONNECTIONS_BESIDE_THE_POOL) + CONNECTIONS_OF_OTHERS


def test_the_database_has_connections_for_the_largest_of_all() -> None:
    most = [SCALED[service]["maxReplicaCount"] if service in SCALED else 2 for service in THE_FIVE]
    parameters = PRODUCTION.named("Cluster", "webinars-postgres")["spec"]["postgresql"]["parameters"]

    # While it is replaced a service has one more.
    assert connections_of(sum(most) + len(THE_FIVE)) <= int(parameters["max_connections"])


def test_the_small_database_has_connections_while_all_are_replaced() -> None:
    [postgres] = [pods for pods in overlay("small").pods() if pods.name == "webinars-postgres"]
    [container] = postgres.containers
    option, setting = container["args"]

    assert option == "-c"
    assert connections_of(2 * len(THE_FIVE)) <= int(setting.removeprefix("max_connections="))


def test_the_servers_outlive_one_node() -> None:
    postgres = PRODUCTION.named("Cluster", "webinars-postgres")["spec"]
    rabbitmq = PRODUCTION.named("RabbitmqCluster", "webinars-rabbitmq")["spec"]
    [spread] = rabbitmq["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]

    assert (postgres["instances"], rabbitmq["replicas"]) == (3, 3)
    assert postgres["postgresql"]["synchronous"]["dataDurability"] == "required"
    assert postgres["affinity"]["podAntiAffinityType"] == "required"
    assert {postgres["affinity"]["topologyKey"], spread["topologyKey"]} == {"kubernetes.io/hostname"}
    assert PRODUCTION.named("PodDisruptionBudget", "webinars-rabbitmq")["spec"]["maxUnavailable"] == 1


def test_a_backup_is_made_of_the_cluster_that_there_is() -> None:
    backup = PRODUCTION.named("ScheduledBackup", "webinars-postgres")["spec"]
    cluster = PRODUCTION.named("Cluster", backup["cluster"]["name"])["spec"]
    [plugin] = cluster["plugins"]

    assert backup["method"] == "plugin"
    assert backup["pluginConfiguration"]["name"] == plugin["name"]
    assert plugin["isWALArchiver"] is True
    PRODUCTION.named("ObjectStore", plugin["parameters"]["barmanObjectName"])
