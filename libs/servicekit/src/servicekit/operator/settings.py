"""What `webinarctl` reads: the administrators' servers, or those of one service."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from servicekit.history import KEPT_DAYS, KEPT_MEGABYTES, Kept


class OperatorSettings(BaseSettings):
    """Of every command; each says what it needs of them. What is empty is not set."""

    # An error about one setting must not quote the others: there are passwords among them.
    model_config = SettingsConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, env_ignore_empty=True)

    database_url: str | None = Field(
        default=None,
        repr=False,
        description="the PostgreSQL server as an administrator: a superuser, or a role with CREATEROLE and CREATEDB;"
        " commands then look at all services, in the role of each",
    )
    rabbitmq_url: str | None = Field(
        default=None,
        repr=False,
        description="the broker as an administrator; `history` also takes a team's address",
    )
    rabbitmq_management_url: str | None = Field(
        default=None,
        repr=False,
        description="the broker's management API with an administrator's name and password",
        json_schema_extra={"default_words": "the host and login of `RABBITMQ_URL`, port 15672"},
    )
    service_database_url: str | None = Field(
        default=None, repr=False, description="the database of one service: commands then look at this one alone"
    )
    service_rabbitmq_url: str | None = Field(default=None, repr=False, description="the broker as that service")


class ProvisionSettings(OperatorSettings):
    """Of `webinarctl provision` alone."""

    history_days: int = Field(
        default=KEPT_DAYS,
        ge=1,
        description="how long the history keeps what was said in public",
        json_schema_extra={"unit": "days"},
    )
    history_megabytes: int = Field(
        default=KEPT_MEGABYTES,
        ge=1,
        description="how much of it; whichever is reached first",
        json_schema_extra={"unit": "megabytes"},
    )
    retry_scale: float = Field(
        default=1.0,
        gt=0,
        description="a factor on all delays of retries (1 s, 10 s, 1 min, 10 min), for tests; it is put into the"
        " queues, and nothing else reads it",
    )

    @property
    def kept(self) -> Kept:
        return Kept(self.history_days, self.history_megabytes)
