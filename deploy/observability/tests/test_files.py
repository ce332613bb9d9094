"""The files are ones that Prometheus, Grafana and the collector take, and they agree with code and page."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from local_stack.prometheus import programs
from watching import files
from watching.registered import registered

MOST_ALERTS = 19
# Of Prometheus itself, of its client in every process, and of RabbitMQ; a story on running servers looks for each.
OF_OTHERS = {
    "up",
    "ALERTS",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "rabbitmq_alarms_free_disk_space_watermark",
    "rabbitmq_alarms_memory_used_watermark",
    "rabbitmq_detailed_queue_consumers",
    "rabbitmq_detailed_queue_messages_ready",
    "rabbitmq_detailed_queue_messages_unacked",
}
RUNBOOK = "docs/watching.md#"


def promtool(*words: str | Path) -> str:
    """Run promtool; return what it says of something that is right."""
    ran = subprocess.run(
        [programs().promtool, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_prometheus_takes_its_configuration_and_the_rules() -> None:
    said = promtool("check", "config", files.CONFIGURATION)

    assert f"{len(files.alerts())} rules found" in said


def test_the_names_are_what_prometheus_expects(tmp_path: Path) -> None:
    page = subprocess.run(
        [programs().promtool, "check", "metrics"],
        input="".join(
            f"# HELP {one.name} words\n# TYPE {one.name} {one.kind}\n{one.series[0]} 1\n"
            for one in registered()
            if one.kind != "histogram"
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (page.returncode, page.stderr) == (0, "")


def test_every_panel_asks_for_something_that_can_be_read(tmp_path: Path) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": expression} for number, expression in enumerate(files.all_expressions())
    ]
    rules = tmp_path / "panels.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}), "utf-8")

    promtool("check", "rules", rules)


def test_every_metric_that_is_asked_for_is_there() -> None:
    known = OF_OTHERS | {series for metric in registered() for series in metric.series}
    asked = {name for expression in files.all_expressions() for name in files.metrics_in(expression)}

    assert asked - known == set()
    assert OF_OTHERS - asked == set(), "nobody asks for these any more"


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (queue) (increase(a_total{b="c and d"}[10m])) > 0', {"a_total"}),
        ('a{b="1"} / on (x, y) group_left (z) b', {"a", "b"}),
        ("histogram_quantile(0.9, sum by (le) (rate(a_bucket[5m]))) > 30", {"a_bucket"}),
        ('max(a) > 0 and max(b) > 0 unless absent(c{d="e"})', {"a", "b", "c"}),
    ],
)
def test_names_are_found_in_expressions(expression: str, names: set[str]) -> None:
    assert files.metrics_in(expression) == names


def test_nothing_is_registered_elsewhere() -> None:
    makes_one = re.compile(
        r"^from prometheus_client import .*\b(?:Counter|Gauge|Histogram|Summary|Info|Enum)\b", re.MULTILINE
    )
    sources = [source for top in ("libs", "services") for source in (files.ROOT / top).glob("*/src/**/*.py")]

    found = {source.stem for source in sources if makes_one.search(source.read_text("utf-8"))}

    assert len(sources) > 100
    assert found == {"metrics", "measures"}


def test_the_page_lists_every_metric_as_it_is() -> None:
    listed = {
        (name.strip("`"), kind, tuple(re.findall(r"`(\w+)`", labels)), service)
        for name, kind, labels, service, _ in files.table("Metrics")
    }

    assert listed == {(one.name, one.kind, one.labels, one.service) for one in registered()}
    assert all(meaning for *_, meaning in files.table("Metrics"))


def test_an_alert_says_how_bad_it_is_what_is_the_matter_and_where_to_read_on() -> None:
    for rule in files.alerts():
        assert rule["labels"]["severity"] in {"critical", "warning"}, rule["alert"]
        assert rule["annotations"]["summary"].endswith("."), rule["alert"]
        assert rule["annotations"]["runbook"] == RUNBOOK + rule["alert"].lower()
    assert len({rule["alert"] for rule in files.alerts()}) == len(files.alerts()) <= MOST_ALERTS


def test_every_alert_has_a_section_of_the_page_and_every_section_an_alert() -> None:
    _, _, runbook = files.PAGE.read_text("utf-8").partition("## What to do\n")
    sections = re.findall(r"^### (\w+)\n\n(.+?)(?=^#|\Z)", runbook, re.MULTILINE | re.DOTALL)

    assert [name for name, _ in sections] == [rule["alert"] for rule in files.alerts()]
    assert all(len(words.split()) > 15 for _, words in sections)


@pytest.mark.parametrize("file", files.DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_whole(file: Path) -> None:
    board = files.dashboard(file)

    assert board["uid"] == file.stem
    assert board["title"]
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, f"{panel['title']} covers another"
        assert place["x"] + place["w"] <= 24
        taken |= cells
        assert panel["datasource"] == {"type": "prometheus", "uid": "prometheus"}
        assert panel["title"]
        assert panel["targets"]


def test_dashboards_are_three_and_have_names_of_their_own() -> None:
    boards = [files.dashboard(file) for file in files.DASHBOARDS]

    assert {board["uid"] for board in boards} == {"webinars-live", "webinars-pipeline", "webinars-telegram"}
    assert len({board["title"] for board in boards}) == len(boards)


def loaded(file: str) -> Any:
    return yaml.safe_load((files.HERE / file).read_text("utf-8"))


def test_grafana_asks_who_is_there() -> None:
    sources = loaded("grafana/provisioning/datasources/datasources.yml")["datasources"]
    services = compose_services()

    assert {source["uid"] for source in sources} == {"prometheus", "jaeger"}
    for source in sources:
        assert re.fullmatch(r"http://([a-z-]+):\d+", source["url"])[1] in services  # type: ignore[index]


def test_the_collector_uses_what_it_declares_and_leads_to_who_is_there() -> None:
    collector = loaded("otel-collector.yml")
    pipelines = collector["service"]["pipelines"]

    for kind in ("receivers", "processors", "exporters"):
        assert {name for one in pipelines.values() for name in one[kind]} == set(collector[kind])
    for exporter in collector["exporters"].values():
        assert exporter["endpoint"].split(":")[0] in compose_services()


def compose_services() -> set[str]:
    compose = yaml.safe_load((files.ROOT / "docker-compose.yml").read_text("utf-8"))
    return set(compose["services"])
