# ruff: noqa: N815 - fields are spelt as they are there
"""The operators' objects against models of ours: of what we use of their APIs, and nothing else is allowed.

Written after the references of CloudNativePG 1.30 (https://cloudnative-pg.io/docs/), its Barman Cloud plugin 0.14
(https://cloudnative-pg.io/plugin-barman-cloud/), RabbitMQ Cluster Operator 2.22
(https://www.rabbitmq.com/kubernetes/operator/using-operator), KEDA 2.20 (https://keda.sh/docs/) and Prometheus
Operator 0.93 (https://prometheus-operator.dev/docs/api-reference/api/).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from manifests.rendered import Object

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Quantity = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|Ki|Mi|Gi|Ti)?$")]
Labels = dict[str, str]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Metadata(_Part):
    name: Name
    namespace: Name
    labels: Labels = Field(default_factory=dict)


class Resources(_Part):
    requests: dict[Literal["cpu", "memory"], Quantity]
    limits: dict[Literal["cpu", "memory"], Quantity]


class Named(_Part):
    name: Name


class SecretKey(_Part):
    name: Name
    key: str


class Expression(_Part):
    key: str
    operator: Literal["In", "NotIn"]
    values: list[str]


class Selector(_Part):
    matchLabels: Labels = Field(default_factory=dict)
    matchExpressions: list[Expression] = Field(default_factory=list)


# CloudNativePG


class Volume(_Part):
    size: Quantity


class Synchronous(_Part):
    method: Literal["any", "first"]
    number: Annotated[int, Field(ge=1)]
    dataDurability: Literal["required", "preferred"] = "required"


class Postgresql(_Part):
    # Numbers, too, are texts here.
    parameters: dict[str, str]
    synchronous: Synchronous


class Metadatum(_Part):
    labels: Labels


class ClusterAffinity(_Part):
    enablePodAntiAffinity: bool
    topologyKey: str
    podAntiAffinityType: Literal["preferred", "required"]


class Plugin(_Part):
    name: str
    isWALArchiver: bool = False
    parameters: dict[str, str] = Field(default_factory=dict)


class Source(_Part):
    source: Name


class Bootstrap(_Part):
    recovery: Source


class ExternalCluster(_Part):
    name: Name
    plugin: Plugin


class ClusterSpec(_Part):
    instances: Annotated[int, Field(ge=1)]
    imageName: str
    enableSuperuserAccess: bool
    inheritedMetadata: Metadatum
    primaryUpdateMethod: Literal["switchover", "restart"]
    postgresql: Postgresql
    storage: Volume
    walStorage: Volume
    resources: Resources
    affinity: ClusterAffinity
    plugins: list[Plugin]
    bootstrap: Bootstrap | None = None
    externalClusters: list[ExternalCluster] = Field(default_factory=list)


class ScheduledBackupSpec(_Part):
    # Six fields, the first of them seconds.
    schedule: Annotated[str, StringConstraints(pattern=r"^\S+( \S+){5}$")]
    cluster: Named
    immediate: bool = False
    backupOwnerReference: Literal["none", "self", "cluster"] = "none"
    method: Literal["barmanObjectStore", "volumeSnapshot", "plugin"]
    pluginConfiguration: Named


class S3Credentials(_Part):
    accessKeyId: SecretKey
    secretAccessKey: SecretKey


class Compression(_Part):
    compression: Literal["bzip2", "gzip", "lz4", "snappy"]


class Store(_Part):
    destinationPath: Annotated[str, StringConstraints(pattern=r"^s3://")]
    endpointURL: str = ""
    s3Credentials: S3Credentials
    wal: Compression
    data: Compression


class Sidecar(_Part):
    resources: Resources


class ObjectStoreSpec(_Part):
    retentionPolicy: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*[dwm]$")]
    configuration: Store
    instanceSidecarConfiguration: Sidecar


# RabbitMQ Cluster Operator


class AntiAffinityTerm(_Part):
    topologyKey: str
    labelSelector: Selector


class PodAntiAffinity(_Part):
    requiredDuringSchedulingIgnoredDuringExecution: list[AntiAffinityTerm]


class Affinity(_Part):
    podAntiAffinity: PodAntiAffinity


class Persistence(_Part):
    storage: Quantity


class RabbitmqConfiguration(_Part):
    additionalConfig: str


class RabbitmqClusterSpec(_Part):
    replicas: Annotated[int, Field(ge=0)]
    image: str
    persistence: Persistence
    resources: Resources
    affinity: Affinity
    rabbitmq: RabbitmqConfiguration


# KEDA


class RabbitmqQueue(_Part):
    """Of the RabbitMQ scaler, asked over AMQP."""

    hostFromEnv: str
    queueName: str
    mode: Literal["QueueLength"]
    value: Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]


class PrometheusQuery(_Part):
    """Of the Prometheus scaler."""

    serverAddress: Annotated[str, StringConstraints(pattern=r"^https?://")]
    query: str
    threshold: Annotated[str, StringConstraints(pattern=r"^[0-9]+$")]
    ignoreNullValues: Literal["true", "false"]


class RabbitmqTrigger(_Part):
    type: Literal["rabbitmq"]
    metadata: RabbitmqQueue


class PrometheusTrigger(_Part):
    type: Literal["prometheus"]
    metadata: PrometheusQuery


class ScalingPolicy(_Part):
    type: Literal["Pods", "Percent"]
    value: Annotated[int, Field(ge=1)]
    periodSeconds: Annotated[int, Field(ge=1, le=1800)]


class ScalingRules(_Part):
    stabilizationWindowSeconds: Annotated[int, Field(ge=0, le=3600)]
    policies: list[ScalingPolicy]


class Behavior(_Part):
    scaleDown: ScalingRules


class AutoscalerConfig(_Part):
    behavior: Behavior


class Advanced(_Part):
    horizontalPodAutoscalerConfig: AutoscalerConfig


class Fallback(_Part):
    failureThreshold: Annotated[int, Field(ge=1)]
    replicas: Annotated[int, Field(ge=1)]
    behavior: Literal["static", "currentReplicas", "currentReplicasIfHigher", "currentReplicasIfLower"]


class ScaledObjectSpec(_Part):
    scaleTargetRef: Named
    minReplicaCount: Annotated[int, Field(ge=1)]
    maxReplicaCount: Annotated[int, Field(ge=1)]
    pollingInterval: Annotated[int, Field(ge=1)]
    fallback: Fallback | None = None
    advanced: Advanced
    triggers: Annotated[
        list[Annotated[RabbitmqTrigger | PrometheusTrigger, Field(discriminator="type")]], Field(min_length=1)
    ]


# Prometheus Operator


class Relabeling(_Part):
    targetLabel: str
    sourceLabels: list[str] = Field(default_factory=list)
    replacement: str = ""


Duration = Annotated[str, StringConstraints(pattern=r"^[0-9]+(ms|s|m|h)$")]


class Endpoint(_Part):
    port: str
    path: str
    params: dict[str, list[str]] = Field(default_factory=dict)
    interval: Duration
    relabelings: list[Relabeling] = Field(default_factory=list)


class PodMonitorSpec(_Part):
    selector: Selector
    podMetricsEndpoints: Annotated[list[Endpoint], Field(min_length=1)]


class Alert(_Part):
    alert: str
    expr: str
    for_: Annotated[Duration, Field(alias="for")]
    labels: Labels
    annotations: Labels


class RuleGroup(_Part):
    name: str
    rules: Annotated[list[Alert], Field(min_length=1)]


class PrometheusRuleSpec(_Part):
    groups: Annotated[list[RuleGroup], Field(min_length=1)]


SPECS: dict[tuple[str, str], type[BaseModel]] = {
    ("postgresql.cnpg.io/v1", "Cluster"): ClusterSpec,
    ("postgresql.cnpg.io/v1", "ScheduledBackup"): ScheduledBackupSpec,
    ("barmancloud.cnpg.io/v1", "ObjectStore"): ObjectStoreSpec,
    ("rabbitmq.com/v1beta1", "RabbitmqCluster"): RabbitmqClusterSpec,
    ("keda.sh/v1alpha1", "ScaledObject"): ScaledObjectSpec,
    ("monitoring.coreos.com/v1", "PodMonitor"): PodMonitorSpec,
    ("monitoring.coreos.com/v1", "PrometheusRule"): PrometheusRuleSpec,
}


def validate(thing: Object) -> None:
    """Raise `pydantic.ValidationError` for what the operator would refuse or overlook.

    Raises `KeyError` for an object that is nobody's.
    """
    spec = SPECS[thing["apiVersion"], thing["kind"]]
    rest: dict[str, Any] = {
        name: thing[name] for name in thing if name not in {"apiVersion", "kind", "metadata", "spec"}
    }
    assert not rest, rest
    Metadata.model_validate(thing["metadata"])
    spec.model_validate(thing["spec"])
