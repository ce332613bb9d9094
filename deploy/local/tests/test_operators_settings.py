"""docs/operating.md, docker-compose.yml and the code agree on what an operator can set."""

import re

import pytest
import yaml
from contracts.topology import SERVICES
from local_stack.paths import ROOT

PAGE = (ROOT / "docs/operating.md").read_text(encoding="utf-8")


def listed(service: str) -> set[str]:
    """Return the variables that the operator's page lists for a service."""
    rows = [row.split("|") for row in PAGE.splitlines() if row.startswith("| `")]
    whole_words = re.compile(rf"(?<![\w-]){service}(?![\w-])")
    return {name for row in rows if whole_words.search(row[2]) for name in re.findall(r"`([A-Z_]+)`", row[1])}


def handed_on(service: str) -> set[str]:
    """Return the variables of a service in docker-compose.yml, without the addresses of its servers."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return {name for name in compose["services"][service]["environment"] if not name.startswith("SERVICE_")}


@pytest.mark.parametrize("service", SERVICES)
def test_what_an_operator_sets_reaches_the_services_that_the_page_names(service: str) -> None:
    assert handed_on(service) == listed(service)
