"""What an operator can set, for every service."""

import os
import socket
from datetime import timedelta
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _instance_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


CONNECTIONS_BESIDE_THE_POOL = 6
"""To its database, of each process: the relay, the periodic jobs' and a role's locks, the probe, the migration."""


class ServiceSettings(BaseSettings):
    """Settings of every service, read from environment variables of the same names in capitals."""

    # An error about one setting must not quote the others: there are passwords among them.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    service_database_url: str = Field(
        description="this service's own database with its own role, `postgresql://role:password@host:5432/database`",
        repr=False,
    )
    service_rabbitmq_url: str = Field(
        description="the broker with this service's own user, `amqp://user:password@host:5672/vhost`", repr=False
    )
    ops_host: str = Field(
        default="127.0.0.1",
        description="the address that `/health/live`, `/health/ready` and `/metrics` are served on; they ask nobody who"
        " they are, so not a public one",
    )
    ops_port: int = Field(default=8081, ge=0, le=65535, description="the port of these; 0 takes a free one")
    log_format: Literal["json", "console"] = Field(
        default="json", description="log lines for programs, or coloured ones for people"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="the least that is logged; `DEBUG` also tells of each presence report"
    )
    instance_id: str = Field(
        default_factory=_instance_name,
        min_length=1,
        max_length=128,
        description="the name of this process, unique among those of the service",
        json_schema_extra={"default_words": "host and process id"},
    )
    pool_size: int = Field(
        default=10,
        ge=2,
        le=100,
        description="how many connections to its database this process works with; beside them it has up to six for"
        " the relay, for locks and for asking whether the server answers",
        json_schema_extra={"unit": "connections"},
    )
    dead_letters_kept_days: int = Field(
        default=90,
        ge=15,
        description="a dead letter is deleted after so long",
        json_schema_extra={"unit": "days"},
    )
    dead_letters_most: int = Field(
        default=200_000,
        ge=1_000,
        description="of more dead letters than these the oldest are deleted",
        json_schema_extra={"unit": "dead letters"},
    )

    @property
    def dead_letters_kept(self) -> timedelta:
        return timedelta(days=self.dead_letters_kept_days)
