"""docs/settings.md: current, whole, and no secret that is shown."""

import re
from pathlib import Path

import pytest
import yaml
from contracts.topology import THE_FIVE
from pydantic import Field
from servicekit import ServiceSettings
from servicekit.operator.settings import ProvisionSettings
from servicekit.settings_docs import (
    NAME,
    OF_COMPOSE,
    OF_OPENTELEMETRY,
    PASSWORDS,
    UndescribedError,
    documented,
    main,
    page,
    settings_of,
)
from servicekit.settings_docs import _table as table

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
IN_ENV = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*)", COMPOSE))
SECRETS = {
    "SERVICE_DATABASE_URL", "SERVICE_RABBITMQ_URL", "SESSION_KEYS", "COMMAND_SIGNING_KEY", "TELEGRAM_BOT_TOKEN",
    "DATABASE_URL", "RABBITMQ_URL", "RABBITMQ_MANAGEMENT_URL", *PASSWORDS,
}  # fmt: skip


def test_the_page_is_current() -> None:
    assert (ROOT / "docs" / NAME).read_text(encoding="utf-8") == page(), "run `make docs`"


def test_the_check_fails_on_a_page_that_is_not_current(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--check"]) == 1
    assert not (tmp_path / NAME).exists()
    assert (main([str(tmp_path)]), main([str(tmp_path), "--check"])) == (0, 0)
    (tmp_path / NAME).write_text("stale", encoding="utf-8")
    capsys.readouterr()
    assert main([str(tmp_path), "--check"]) == 1
    assert "is not current" in capsys.readouterr().err


def test_a_setting_that_does_not_say_what_it_means_is_refused() -> None:
    class Careless(ServiceSettings):
        """Somebody was in a hurry."""

        nameless: int = Field(default=1, ge=1)

    with pytest.raises(UndescribedError, match=r"Careless\.nameless has no description"):
        table(Careless, Careless.model_fields)


def test_every_variable_of_docker_compose_is_a_setting_or_is_told_of() -> None:
    unknown = IN_ENV - documented()
    assert not unknown, f"{unknown}: add their words to OF_COMPOSE in servicekit.settings_docs"
    assert set(OF_COMPOSE) <= IN_ENV
    services = yaml.safe_load(COMPOSE)["services"]
    for name in THE_FIVE:
        settings = {field.upper() for field in settings_of(name).model_fields} | set(OF_OPENTELEMETRY)
        assert set(services[name]["environment"]) <= settings, name


def test_secrets_are_marked_and_not_shown_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page().splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows if row[3:4] == ["secret"]} == SECRETS
    monkeypatch.setenv("BASE_URL", "https://webinars.example")
    monkeypatch.setenv("COMMAND_VERIFY_KEYS", "1:key")
    for name in SECRETS:
        monkeypatch.setenv(name, f"1:hidden-and-{name}")
    for service in THE_FIVE:
        assert "hidden" not in repr(settings_of(service)())
    assert "hidden" not in repr(ProvisionSettings())
