"""Kubernetes' own objects against the dataclasses that kube-models makes of Kubernetes' OpenAPI description."""

import json
import keyword
import sys
from functools import cache
from importlib import import_module
from typing import Any

from pydantic import ConfigDict, TypeAdapter

from manifests.rendered import Object

_MODULES = {
    "v1": "api_v1.io.k8s.api.core.v1",
    "apps/v1": "apis_apps_v1.io.k8s.api.apps.v1",
    "batch/v1": "apis_batch_v1.io.k8s.api.batch.v1",
    "networking.k8s.io/v1": "apis_networking_k8s_io_v1.io.k8s.api.networking.v1",
    "policy/v1": "apis_policy_v1.io.k8s.api.policy.v1",
}


def is_core(thing: Object) -> bool:
    return thing["apiVersion"] in _MODULES


def validate(thing: Object) -> None:
    """Raise `pydantic.ValidationError` for a field that does not exist, has another type, or is missing."""
    body = {name: _as_attributes(value) for name, value in thing.items() if name not in {"apiVersion", "kind"}}
    # As JSON, where a mapping may become an object while a text still becomes no number.
    _adapter(thing["apiVersion"], thing["kind"]).validate_json(json.dumps(body), strict=True)


@cache
def _adapter(api_version: str, kind: str) -> TypeAdapter[Any]:
    model = getattr(import_module(f"kube_models.{_MODULES[api_version]}"), kind)
    for name, module in list(sys.modules.items()):
        if name.startswith("kube_models."):
            for found in vars(module).values():
                if isinstance(found, type) and found.__module__ == name:
                    found.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return TypeAdapter(model)


def _as_attributes(node: Any) -> Any:
    """Name `from`, `except` and `continue` as the dataclasses do."""
    if isinstance(node, list):
        return [_as_attributes(one) for one in node]
    if isinstance(node, dict):
        return {f"{key}_" if keyword.iskeyword(key) else key: _as_attributes(value) for key, value in node.items()}
    return node
