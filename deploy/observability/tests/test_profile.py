"""The profiles `observability` and `scale` of docker-compose.yml, as Compose itself reads them."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from contracts.topology import THE_FIVE
from servicekit import ServiceSettings
from servicekit.settings import CONNECTIONS_BESIDE_THE_POOL
from watching import files

BIN = Path(sys.executable).parent
WATCHERS = {"prometheus", "grafana", "otel-collector", "jaeger"}


@cache
def secrets() -> dict[str, str]:
    """Return the secrets that `make env` makes."""
    made = subprocess.run([BIN / "webinarctl", "env"], check=True, capture_output=True, text=True).stdout
    return dict(line.split("=", 1) for line in made.splitlines())


@cache
def compose(*words: str) -> dict[str, Any]:
    """Return the project of a profile, with these further settings."""
    settings = secrets() | dict(word.split("=", 1) for word in words if "=" in word)
    ran = subprocess.run(
        [BIN / "docker-compose", "--profile", words[0] if words else "", "config", "--format", "json"],
        cwd=files.ROOT,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "COMPOSE_ENV_FILES": "/dev/null", **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def test_watching_is_only_there_for_who_asks() -> None:
    assert set(compose()["services"]) & WATCHERS == set()
    assert set(compose("observability")["services"]) == set(compose()["services"]) | WATCHERS


def test_what_runs_is_of_one_release() -> None:
    images = {name: compose("observability")["services"][name]["image"] for name in WATCHERS}

    assert [image for image in images.values() if not re.search(r":v?\d+\.\d+\.\d+$", image)] == []


def test_our_own_images_are_built_here_and_never_pulled() -> None:
    ours = [one for one in compose("scale")["services"].values() if one["image"].startswith("webinars/")]

    assert len(ours) == 2 * len(THE_FIVE) + 1
    assert [one["pull_policy"] for one in ours] == ["never"] * len(ours)
    # Built for two services, an image would be another one for each, and the next `up` would replace a container.
    built = [one["image"] for one in ours if one.get("build")]
    assert sorted(built) == sorted({one["image"] for one in ours})


def test_it_is_reached_from_this_machine_alone() -> None:
    ports = {
        name: [(port["host_ip"], port["target"]) for port in service.get("ports", [])]
        for name, service in compose("observability")["services"].items()
        if name in WATCHERS
    }

    assert ports == {
        "prometheus": [("127.0.0.1", 9090)],
        "grafana": [("127.0.0.1", 3000)],
        "jaeger": [("127.0.0.1", 16686)],
        "otel-collector": [],
    }


def test_grafana_lets_nobody_in_without_the_password_of_the_settings() -> None:
    grafana = compose("observability")["services"]["grafana"]
    environment = grafana["environment"]

    assert len(environment["GF_SECURITY_ADMIN_PASSWORD"]) >= 32
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert environment["GF_USERS_ALLOW_SIGN_UP"] == "false"


def test_without_a_password_grafana_does_not_start_and_says_why() -> None:
    grafana = compose("observability", "GRAFANA_ADMIN_PASSWORD=")["services"]["grafana"]
    # In the project a dollar sign is written twice.
    command = [word.replace("$$", "$").replace("/run.sh", "true") for word in grafana["entrypoint"]]

    def started(password: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": "/usr/bin:/bin", "GF_SECURITY_ADMIN_PASSWORD": password}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    refused = started(grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD"])

    assert refused.returncode == 1
    assert "GRAFANA_ADMIN_PASSWORD is not set" in refused.stderr
    assert started("a password").returncode == 0


def test_what_is_mounted_is_there() -> None:
    for name in WATCHERS:
        for volume in compose("observability")["services"][name].get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume["source"]
                assert volume["read_only"] is True


def test_prometheus_reads_every_instance_at_its_ops_port() -> None:
    configuration = yaml.safe_load(files.CONFIGURATION.read_text("utf-8"))
    jobs = {one["job_name"]: one for one in configuration["scrape_configs"]}
    [found] = jobs["webinars"]["dns_sd_configs"]
    dockerfile = (files.ROOT / "deploy/Dockerfile").read_text("utf-8")

    assert set(found["names"]) == set(THE_FIVE) | {f"{service}-2" for service in THE_FIVE}
    assert f"OPS_PORT={found['port']}" in dockerfile
    assert "OPS_HOST=0.0.0.0" in dockerfile


def test_the_second_instances_are_what_the_first_are_but_for_the_way_in() -> None:
    services = compose("scale")["services"]
    assert set(services) == set(compose()["services"]) | {"nginx"} | {f"{service}-2" for service in THE_FIVE}
    for service in THE_FIVE:
        first, second = (
            services[name] | {"profiles": None, "ports": None, "build": None} for name in (service, f"{service}-2")
        )
        assert second == first
    assert services["room-ui-2"].get("ports", []) == []


def test_the_database_has_connections_for_two_of_each_and_for_who_looks() -> None:
    services = compose("scale")["services"]
    instances = [name for name in services if name.removesuffix("-2") in THE_FIVE]
    pool: int = ServiceSettings.model_fields["pool_size"].default
    *_, option, setting = services["postgres"]["command"]

    assert (len(instances), option) == (2 * len(THE_FIVE), "-c")
    # Half as many again for provisioning, for the operator, and for who backs up.
    assert 1.5 * len(instances) * (pool + CONNECTIONS_BESIDE_THE_POOL) <= int(setting.removeprefix("max_connections="))


def test_nginx_serves_what_the_tests_of_its_configuration_play() -> None:
    nginx = compose("scale")["services"]["nginx"]
    given = nginx["environment"]
    [port] = nginx["ports"]
    assert (given["ROOM_UI_FIRST"], given["ROOM_UI_SECOND"]) == ("room-ui:8000", "room-ui-2:8000")
    assert (port["host_ip"], str(port["target"])) == ("127.0.0.1", given["NGINX_PORT"])
    mounted = {volume["target"]: Path(volume["source"]) for volume in nginx["volumes"]}
    assert mounted["/etc/nginx/templates/webinars.conf.template"].read_text("utf-8")
    assert mounted[f"{given['NGINX_SNIPPETS']}/room-ui.conf"].read_text("utf-8")


def test_traces_go_nowhere_unless_somebody_says_where() -> None:
    name = "OTEL_EXPORTER_OTLP_ENDPOINT"
    said = compose("observability", f"{name}=http://otel-collector:4318")["services"]

    for service in THE_FIVE:
        assert compose()["services"][service]["environment"][name] == ""
        assert said[service]["environment"][name] == "http://otel-collector:4318"


def test_how_many_traces_are_recorded_is_handed_on_and_never_empty() -> None:
    said = compose("", "OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0.01")["services"]

    for service in THE_FIVE:
        assert sampling(compose()["services"][service]) == ("parentbased_always_on", "1.0")
        assert sampling(said[service]) == ("parentbased_traceidratio", "0.01")


def sampling(service: Any) -> tuple[str, str]:
    environment = service["environment"]
    return environment["OTEL_TRACES_SAMPLER"], environment["OTEL_TRACES_SAMPLER_ARG"]
