"""The overlays as `kubectl kustomize` renders them, and what can be asked of the result."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[1]
ROOT = FOLDER.parents[1]
OVERLAYS = ("small", "production")
NAMESPACE = "webinars"
NAME = "app.kubernetes.io/name"
_KUBECTL = Path(sys.executable).parent / "kubectl"

Object = dict[str, Any]


@dataclass(frozen=True)
class Pods:
    """What a workload makes: its kind and name, the labels of its pods, and their PodSpec."""

    kind: str
    name: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def runs_for_ever(self) -> bool:
        return self.kind != "Job"

    def match(self, selector: Mapping[str, Any]) -> bool:
        """Whether a label selector chooses these pods; an empty one chooses all."""
        if any(self.labels.get(name) != value for name, value in selector.get("matchLabels", {}).items()):
            return False
        expressions = selector.get("matchExpressions", [])
        assert all(one["operator"] == "In" for one in expressions), expressions
        return all(self.labels.get(one["key"]) in one["values"] for one in expressions)


@dataclass(frozen=True)
class Rendered:
    """The objects of one overlay."""

    objects: tuple[Object, ...]

    def of_kind(self, kind: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] == kind]

    def named(self, kind: str, name: str) -> Object:
        [found] = [one for one in self.of_kind(kind) if one["metadata"]["name"] == name]
        return found

    def pods(self) -> list[Pods]:
        """Return what each Deployment, StatefulSet and Job makes."""
        return [
            Pods(one["kind"], one["metadata"]["name"], template["metadata"]["labels"], template["spec"])
            for kind in ("Deployment", "StatefulSet", "Job")
            for one in self.of_kind(kind)
            for template in [one["spec"]["template"]]
        ]

    def pods_of(self, service: str) -> Pods:
        [found] = [pods for pods in self.pods() if pods.labels.get(NAME) == service]
        return found

    def hosts(self) -> set[str]:
        """Return the names that resolve in the cluster: of Services, those included that the operators make."""
        made_by_operators = [
            *(f"{one['metadata']['name']}-rw" for one in self.of_kind("Cluster")),
            *(one["metadata"]["name"] for one in self.of_kind("RabbitmqCluster")),
        ]
        names = [*made_by_operators, *(one["metadata"]["name"] for one in self.of_kind("Service"))]
        return {f"{name}.{NAMESPACE}.svc" for name in names}


def objects_in(text: str) -> list[Object]:
    """Return the objects of a YAML stream."""
    return [one for one in yaml.safe_load_all(text) if one is not None]


def render(folder: Path) -> Rendered:
    """Render a folder with a kustomization; fails with kubectl's own complaint."""
    ran = subprocess.run(  # noqa: S603 - our own program from the virtual environment
        [str(_KUBECTL), "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return Rendered(tuple(objects_in(ran.stdout)))


@cache
def overlay(name: str) -> Rendered:
    """Return an overlay, rendered once."""
    return render(FOLDER / name)


def values_in(node: Any, key: str) -> Iterator[Any]:
    """Yield whatever stands below `key`, at any depth."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key:
                yield value
            yield from values_in(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from values_in(value, key)
