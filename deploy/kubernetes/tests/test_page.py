"""docs/kubernetes.md: what it says to write renders, and what it says of the numbers is so."""

import os
import re
from pathlib import Path

import pytest
import yaml
from contracts.topology import THE_FIVE
from manifests import core_objects, custom_resources
from manifests.rendered import FOLDER, NAME, OVERLAYS, ROOT, Object, Rendered, overlay, render, values_in

PAGE = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
SITE, BACKUP, RESTORE = (
    re.sub(r"^ {3}", "", block, flags=re.MULTILINE) if indented else block
    for indented, block in re.findall(r"^( *)```yaml\n(.*?)^ *```$", PAGE, re.MULTILINE | re.DOTALL)
)


def site(folder: Path, name: str, *more: Object) -> Rendered:
    """Render the documented installation, with another overlay and further patches."""
    written = yaml.safe_load(SITE)
    place = folder / "site"
    place.mkdir()
    assert written["resources"] == ["../webinars/deploy/kubernetes/production"]
    written["resources"] = [os.path.relpath(FOLDER / name, place)]
    written["patches"] += more
    (place / "kustomization.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return render(place)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_documented_installation_changes_what_it_says(name: str, tmp_path: Path) -> None:
    rendered = site(tmp_path, name)
    [way_in] = rendered.of_kind("Ingress")
    [settings] = [one for one in rendered.of_kind("ConfigMap") if "BASE_URL" in one["data"]]
    [before] = [one for one in overlay(name).of_kind("ConfigMap") if "BASE_URL" in one["data"]]

    assert way_in["spec"]["rules"][0]["host"] == way_in["spec"]["tls"][0]["hosts"][0] == "live.example.org"
    assert settings["data"] == before["data"] | {
        "BASE_URL": "https://live.example.org",
        "FORWARDED_ALLOW_IPS": "10.244.0.0/16",
        "ORGANISER_CONTACT": "@organiser",
    }
    # Another name, so that the processes that read it are replaced.
    assert settings["metadata"]["name"] != before["metadata"]["name"]
    named = {one["name"] for pods in rendered.pods() for one in values_in(pods.spec, "configMapKeyRef")}
    assert named == {settings["metadata"]["name"]}
    images = {pods.labels[NAME]: pods.spec["containers"][0]["image"] for pods in rendered.pods()}
    for service in THE_FIVE:
        assert images[service] == f"registry.example.org/webinars/{service}:2026.11.1"
    assert images["provision"] == images["core-webinar"]


def test_the_documented_restore_is_one_that_the_operator_knows(tmp_path: Path) -> None:
    rendered = site(tmp_path, "production", *yaml.safe_load(RESTORE))
    cluster = rendered.named("Cluster", "webinars-postgres")
    store = rendered.of_kind("ObjectStore")[0]["metadata"]["name"]
    [source] = cluster["spec"]["externalClusters"]
    [plugin] = cluster["spec"]["plugins"]

    custom_resources.validate(cluster)
    assert cluster["spec"]["bootstrap"]["recovery"]["source"] == source["name"]
    assert source["plugin"]["name"] == plugin["name"]
    assert source["plugin"]["parameters"] == {"barmanObjectName": store, "serverName": cluster["metadata"]["name"]}
    assert plugin["parameters"]["serverName"] != source["plugin"]["parameters"]["serverName"]


def test_the_documented_backup_is_made_like_the_nightly_one() -> None:
    nightly = overlay("production").named("ScheduledBackup", "webinars-postgres")["spec"]
    asked = yaml.safe_load(BACKUP)["spec"]

    assert asked == {part: nightly[part] for part in ("cluster", "method", "pluginConfiguration")}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_selector_of_an_upgrade_takes_provisioning_and_nothing_else(name: str) -> None:
    [selector] = set(re.findall(r" -l (\S+)=(\S+)$", PAGE, re.MULTILINE))
    chosen = [
        (one["kind"], one["metadata"]["name"])
        for one in overlay(name).objects
        if one["metadata"].get("labels", {}).get(selector[0]) == selector[1]
    ]

    assert sorted(chosen) == [("Job", "provision"), ("NetworkPolicy", "provision"), ("ServiceAccount", "provision")]


def test_the_page_names_every_secret_and_key() -> None:
    rows = [row.split("|") for row in PAGE.splitlines() if row.startswith("| `webinars-")]
    named = {
        secret: re.findall(r"`([a-z-]+)`", row[2]) for row in rows for secret in re.findall(r"`([a-z-]+)`", row[1])
    }
    there = {
        one["metadata"]["name"]: list(one["stringData"])
        for file in (FOLDER / "secrets").glob("*.yaml")
        for one in yaml.safe_load_all(file.read_text(encoding="utf-8"))
    }

    assert named == there


def test_the_page_tells_how_many_of_each_there_are() -> None:
    rows = [row.split("|") for row in PAGE.partition("## Scaling")[2].splitlines() if row.startswith("| ")]
    told = {service: row[3].strip() for row in rows for service in row[1].strip().split(", ")}

    for one in overlay("production").of_kind("ScaledObject"):
        spec = one["spec"]
        assert told[spec["scaleTargetRef"]["name"]] == f"{spec['minReplicaCount']} – {spec['maxReplicaCount']}"


def test_the_page_names_the_labels_that_open_the_network() -> None:
    told = set(re.findall(r"kubectl label namespace \S+ (\S+)=true", PAGE))
    asked = {
        label
        for name in OVERLAYS
        for policy in overlay(name).of_kind("NetworkPolicy")
        for selector in values_in(policy, "namespaceSelector")
        for label in selector["matchLabels"]
    }

    assert told == asked - {"kubernetes.io/metadata.name"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_documented_installation_fits_its_schemas(name: str, tmp_path: Path) -> None:
    for thing in site(tmp_path, name).objects:
        (core_objects if core_objects.is_core(thing) else custom_resources).validate(thing)
