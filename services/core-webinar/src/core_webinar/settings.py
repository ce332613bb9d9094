"""What an operator can set for core-webinar."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode
from servicekit import ServiceSettings

from core_webinar.domain import FRAME_HOSTS, frame_hosts


class CoreWebinarSettings(ServiceSettings):
    """Settings of core-webinar, beside those of every service."""

    command_verify_keys: str = Field(description="`kid:base64url public key`, comma separated: who may sign commands")
    frame_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=FRAME_HOSTS,
        description="hosts allowed in player_src and chat_src beside the built-in ones, comma separated",
    )

    @field_validator("frame_hosts", mode="before")
    @classmethod
    def _with_built_in(cls, value: Any) -> Any:
        return frame_hosts(value.split(",") if isinstance(value, str) else value)
