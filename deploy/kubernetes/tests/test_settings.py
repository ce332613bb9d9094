"""What the containers are told: settings that exist, all that are needed, and no secret of another service."""

import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from contracts.topology import THE_FIVE
from manifests.rendered import FOLDER, OVERLAYS, ROOT, Object, Pods, objects_in, overlay
from servicekit import ServiceSettings
from servicekit.settings_docs import OF_OPENTELEMETRY

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
REFERENCE = re.compile(r"\$\(([A-Z_]+)\)")
# What a person fills in beside what `webinarctl env` prints.
BY_HAND = {"TELEGRAM_BOT_TOKEN": "", "BACKUP_ACCESS_KEY_ID": "key", "BACKUP_SECRET_ACCESS_KEY": "secret"}
# Of what watches with docker compose; on a cluster Grafana is another's.
OF_COMPOSE_ALONE = {"GRAFANA_ADMIN_PASSWORD"}
BOTH = [(name, service) for name in OVERLAYS for service in THE_FIVE]


def settings_of(service: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    module = import_module(f"{service.replace('-', '_')}.settings")
    [found] = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, ServiceSettings) and one is not ServiceSettings
    ]
    return found


def variables(pods: Pods) -> list[Object]:
    [container] = pods.containers
    assert "envFrom" not in container
    listed: list[Object] = container["env"]
    return listed


def named(pods: Pods) -> set[str]:
    """Return the variables without those that are only there to be put into others."""
    helpers = {name for one in variables(pods) for name in REFERENCE.findall(one.get("value", ""))}
    return {one["name"] for one in variables(pods)} - helpers


def secret_keys(pods: Pods) -> set[tuple[str, str]]:
    sources = [
        one["valueFrom"]["secretKeyRef"] for one in variables(pods) if "secretKeyRef" in one.get("valueFrom", {})
    ]
    return {(source["name"], source["key"]) for source in sources}


@cache
def fresh_secrets() -> dict[str, str]:
    """Return what `webinarctl env` prints, and what a person adds."""
    program = str(Path(sys.executable).parent / "webinarctl")
    printed = subprocess.run([program, "env"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines()) | BY_HAND


def templates(*names: str) -> dict[str, Object]:
    """Return the documented Secrets by name, filled in as an operator does it."""
    filled = fresh_secrets()
    texts = [
        Template((FOLDER / f"secrets/{name}.yaml").read_text(encoding="utf-8")).substitute(filled) for name in names
    ]
    return {one["metadata"]["name"]: one for text in texts for one in objects_in(text)}


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_every_variable_is_a_setting_and_what_is_required_is_there(name: str, service: str) -> None:
    fields = settings_of(service).model_fields
    told = named(overlay(name).pods_of(service))

    assert told - set(OF_OPENTELEMETRY) <= {field.upper() for field in fields}
    assert {field.upper() for field, what in fields.items() if what.is_required()} <= told


@pytest.mark.parametrize(("name", "service"), [*BOTH, *((name, "provision") for name in OVERLAYS)])
def test_the_variables_are_those_that_docker_compose_hands_on(name: str, service: str) -> None:
    assert named(overlay(name).pods_of(service)) == set(COMPOSE[service]["environment"])


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_is_put_into_a_variable_stands_before_it(name: str) -> None:
    for pods in overlay(name).pods():
        known: set[str] = set()
        for one in variables(pods):
            assert set(REFERENCE.findall(one.get("value", ""))) <= known, one
            known.add(one["name"])


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_setting_of_the_config_map_is_used_and_there(name: str) -> None:
    [settings] = [one for one in overlay(name).of_kind("ConfigMap") if "BASE_URL" in one["data"]]
    used = [
        (one["name"], one["valueFrom"]["configMapKeyRef"])
        for pods in overlay(name).pods()
        for one in variables(pods)
        if "configMapKeyRef" in one.get("valueFrom", {})
    ]

    assert {source["name"] for _, source in used} == {settings["metadata"]["name"]}
    assert {source["key"] for _, source in used} == set(settings["data"])
    assert all(variable == source["key"] for variable, source in used)


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_starts_with_what_it_is_told(name: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = overlay(name)
    secrets, maps = templates("services"), {one["metadata"]["name"]: one for one in rendered.of_kind("ConfigMap")}
    environment: dict[str, str] = {}
    for one in variables(rendered.pods_of(service)):
        source: dict[str, Any] = one.get("valueFrom", {})
        if "secretKeyRef" in source:
            value = secrets[source["secretKeyRef"]["name"]]["stringData"][source["secretKeyRef"]["key"]]
        elif "configMapKeyRef" in source:
            value = maps[source["configMapKeyRef"]["name"]]["data"][source["configMapKeyRef"]["key"]]
        else:
            value = REFERENCE.sub(lambda found: environment[found[1]], one["value"])
        environment[one["name"]] = value
    for known in list(os.environ):
        monkeypatch.delenv(known)
    for key, value in environment.items():
        monkeypatch.setenv(key, value)

    settings = settings_of(service)()

    role = service.replace("-", "_")
    assert re.fullmatch(
        rf"postgresql://{role}:[0-9a-f]{{48}}@webinars-postgres-rw\.webinars\.svc:5432/{role}",
        settings.service_database_url,
    )
    assert re.fullmatch(
        rf"amqp://{service}:[0-9a-f]{{48}}@webinars-rabbitmq\.webinars\.svc:5672/", settings.service_rabbitmq_url
    )


@pytest.mark.parametrize("name", OVERLAYS)
def test_addresses_are_those_of_servers_that_are_there(name: str) -> None:
    rendered = overlay(name)
    addresses = [one["value"] for pods in rendered.pods() for one in variables(pods) if "://" in one.get("value", "")]
    hosts = {re.split(r"[:/]", address.split("@")[1])[0] for address in addresses}

    assert len(addresses) == 2 * len(THE_FIVE) + 3
    assert hosts <= rendered.hosts()


@pytest.mark.parametrize(("name", "service"), BOTH)
def test_a_service_is_given_its_own_secret_and_uses_all_of_it(name: str, service: str) -> None:
    documented = templates("services")[f"webinars-{service}"]

    assert secret_keys(overlay(name).pods_of(service)) == {
        (f"webinars-{service}", key) for key in documented["stringData"]
    }


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_secret_that_is_named_is_documented_or_made_by_an_operator(name: str) -> None:
    rendered = overlay(name)
    wanted = {pair for pods in rendered.pods() for pair in secret_keys(pods)}
    for store in rendered.of_kind("ObjectStore"):
        wanted |= {(one["name"], one["key"]) for one in store["spec"]["configuration"]["s3Credentials"].values()}
    documented = {(secret, key) for secret, one in templates("services", name).items() for key in one["stringData"]}
    for made in (
        *(f"{one['metadata']['name']}-superuser" for one in rendered.of_kind("Cluster")),
        *(f"{one['metadata']['name']}-default-user" for one in rendered.of_kind("RabbitmqCluster")),
    ):
        documented |= {(made, "username"), (made, "password")}

    assert wanted == documented


def test_the_operators_keep_the_superuser_that_provisioning_needs() -> None:
    assert overlay("production").named("Cluster", "webinars-postgres")["spec"]["enableSuperuserAccess"] is True


def test_templates_ask_for_what_webinarctl_prints_and_hold_nothing_secret() -> None:
    texts = {file.stem: file.read_text(encoding="utf-8") for file in (FOLDER / "secrets").glob("*.yaml")}
    values = {
        value
        for text in texts.values()
        for one in objects_in(text)
        for key, value in one["stringData"].items()
        if key != "username"
    }

    assert set(texts) == {"services", *OVERLAYS}
    assert all(re.fullmatch(r"\$\{[A-Z_]+\}", value) for value in values)
    assert {value[2:-1] for value in values} == set(fresh_secrets()) - OF_COMPOSE_ALONE


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_secret_is_rendered(name: str) -> None:
    assert overlay(name).of_kind("Secret") == []
