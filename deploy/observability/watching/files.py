"""The files of this folder and of docs/watching.md, as they are."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parents[1]
ROOT = HERE.parents[1]
CONFIGURATION = HERE / "prometheus.yml"
ALERTS = HERE / "alerts.yml"
DASHBOARDS = sorted((HERE / "grafana/dashboards").glob("*.json"))
PAGE = ROOT / "docs/watching.md"


@cache
def alerts() -> list[dict[str, Any]]:
    """Return the alert rules."""
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


@cache
def dashboard(file: Path) -> dict[str, Any]:
    """Return a dashboard of Grafana."""
    found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found


def expressions_of(board: dict[str, Any]) -> list[str]:
    """Return what the panels of a dashboard ask for."""
    return [target["expr"] for panel in board["panels"] for target in panel["targets"]]


def all_expressions() -> list[str]:
    """Return what all alerts and dashboards ask for."""
    shown = [expression for file in DASHBOARDS for expression in expressions_of(dashboard(file))]
    return [*(rule["expr"] for rule in alerts()), *shown]


_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_NOT_METRICS = re.compile(
    r"\{[^{}]*\}|\[[^\]]*\]|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)|\b(?:and|or|unless)\b"
)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\()\b")


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression of Prometheus asks for."""
    return set(_NAME.findall(_NOT_METRICS.sub(" ", _STRING.sub('""', expression))))


def table(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading of the page, without their marks."""
    _, _, rest = PAGE.read_text("utf-8").partition(f"## {heading}\n")
    assert rest, f"docs/watching.md has no section {heading}"
    rows = [
        line
        for line in re.split(r"^## ", rest, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
        if line.startswith("| `")
    ]
    return [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in rows]
