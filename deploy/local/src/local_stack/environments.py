"""The environment of every process of the stack; the one place where the parts learn of each other."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from local_stack.choices import Choices
from local_stack.servers import Servers

DEMO_BOT_TOKEN = "123456:demo-of-this-machine"  # noqa: S105 - opens nothing but the sandbox
# What a person may set for the services by setting it for `make demo`, `make up`.
HANDED_ON = (
    "DEFAULT_LOCALE", "FOLLOWUP_DELAY", "FORWARDED_ALLOW_IPS", "FRAME_HOSTS", "LOG_FORMAT", "LOG_LEVEL",
    "MINIMUM_WATCHED_SECONDS", "ORGANISER_CONTACT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG", "RETRY_SCALE", "SIGNUP_URL",
)  # fmt: skip
# What a program needs from the machine, whoever it is.
FROM_THE_MACHINE = ("HOME", "LANG", "LC_ALL", "PATH", "SSL_CERT_FILE", "TZ", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")


@dataclass(frozen=True)
class Addresses:
    """Where the stack is reached: BASE_URL and the address that the HTTP server listens on; where Telegram is."""

    base_url: str
    http_host: str
    http_port: int
    telegram_api_url: str
    telegram_bot_token: str


@dataclass(frozen=True)
class Environments:
    """Builds the environment of each process. overrides: settings by name that win, for every service."""

    servers: Servers
    choices: Choices
    addresses: Addresses
    overrides: Mapping[str, str] = field(default_factory=dict)

    def of_service(self, service: str, *, instance: str, ops_port: int, http_port: int) -> dict[str, str]:
        """Return the environment of one process of a service."""
        role = service.replace("-", "_")
        password = self.password_of(service)
        signing, verifying = self.choices.command_keys
        addresses = self.addresses
        of_one = {
            "room-ui": {
                "HTTP_HOST": addresses.http_host,
                "HTTP_PORT": str(http_port),
                "SESSION_KEYS": self.choices.session_key,
                "COMMAND_SIGNING_KEY": signing,
            },
            "core-webinar": {"COMMAND_VERIFY_KEYS": verifying},
            "post-webinar": {
                "COMMAND_VERIFY_KEYS": verifying,
                "TELEGRAM_API_URL": addresses.telegram_api_url,
                "TELEGRAM_BOT_TOKEN": addresses.telegram_bot_token,
            },
        }
        return {
            **machine(),
            "LOG_FORMAT": "json",
            "BASE_URL": addresses.base_url,
            **{name: os.environ[name] for name in HANDED_ON if name in os.environ},
            **of_one.get(service, {}),
            **self.overrides,
            "SERVICE_DATABASE_URL": with_login(self.servers.database_url, role, password, path=f"/{role}"),
            "SERVICE_RABBITMQ_URL": with_login(self.servers.rabbitmq_url, service, password),
            "OPS_HOST": "127.0.0.1",
            "OPS_PORT": str(ops_port),
            "INSTANCE_ID": instance,
        }

    def of_provisioning(self) -> dict[str, str]:
        """Return the environment of `webinarctl provision`, the only one with the administrators' URLs."""
        passwords = {
            password_variable(service): self.password_of(service) for service in self.choices.service_passwords
        }
        retry_scale = {**os.environ, **self.overrides}.get("RETRY_SCALE")
        code = self.overrides.get("PYTHONPATH")
        return {
            **machine(),
            **passwords,
            **({"RETRY_SCALE": retry_scale} if retry_scale else {}),
            # Whoever runs another release's code provisions with it, too.
            **({"PYTHONPATH": code} if code else {}),
            "DATABASE_URL": self.servers.database_url,
            "RABBITMQ_URL": self.servers.rabbitmq_url,
            "RABBITMQ_MANAGEMENT_URL": self.servers.rabbitmq_management_url,
        }

    def password_of(self, service: str) -> str:
        """Return a service's password: the one that somebody set for named servers, else this clone's own."""
        return self.given_password(service) or self.choices.service_passwords[service]

    def given_password(self, service: str) -> str:
        """Return the password that somebody set for a service on named servers, or an empty text."""
        return os.environ.get(password_variable(service), "") if self.servers.kind == "named" else ""


def password_variable(service: str) -> str:
    """Return the name of the setting that provisioning takes a service's password from."""
    return f"{service.replace('-', '_').upper()}_PASSWORD"


def machine() -> dict[str, str]:
    """Return what a program needs from the machine; secrets of the person's shell stay there."""
    found = {name: os.environ[name] for name in FROM_THE_MACHINE if name in os.environ}
    return {**found, "PYTHONUNBUFFERED": "1"}


def with_login(url: str, user: str, password: str, *, path: str | None = None) -> str:
    """Return the URL with another user and password, and with another path where one is given."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{host}", path=parts.path if path is None else path))


def python_module(name: str) -> list[str | Path]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", name]
