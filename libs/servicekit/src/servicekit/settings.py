"""What an operator can set, for every service."""

import os
import socket
from datetime import timedelta
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def _instance_name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


class ServiceSettings(BaseSettings):
    """Settings of every service, read from environment variables of the same names in capitals."""

    # An error about one setting must not quote the others: there are passwords among them.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    service_database_url: str = Field(description="this service's own database, with its own role", repr=False)
    service_rabbitmq_url: str = Field(description="the broker, with this service's own user", repr=False)
    ops_host: str = Field(default="127.0.0.1", description="address of the health and metrics port")
    ops_port: int = Field(default=8081, ge=0, le=65535, description="health and metrics; 0 takes a free one")
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    instance_id: str = Field(default_factory=_instance_name, min_length=1, max_length=128)
    pool_size: int = Field(default=10, ge=2, le=100, description="database connections of this process")
    dead_letters_kept_days: int = Field(default=90, ge=15, description="a dead letter is deleted after so many days")
    dead_letters_most: int = Field(default=200_000, ge=1_000, description="of more dead letters the oldest are deleted")

    @property
    def dead_letters_kept(self) -> timedelta:
        return timedelta(days=self.dead_letters_kept_days)
