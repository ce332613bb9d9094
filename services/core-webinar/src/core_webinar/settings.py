"""What an operator can set for core-webinar."""

from typing import Annotated, Any

from pydantic import Field, field_validator
from pydantic_settings import NoDecode
from servicekit import ServiceSettings

from core_webinar.domain import FRAME_HOSTS, frame_hosts


class CoreWebinarSettings(ServiceSettings):
    """Settings of core-webinar, beside those of every service."""

    command_verify_keys: str = Field(
        description="the public keys by which commands are checked, `kid:base64url` each, comma separated; the other"
        " half of room-ui's `COMMAND_SIGNING_KEY`"
    )
    frame_hosts: Annotated[frozenset[str], NoDecode] = Field(
        default=FRAME_HOSTS,
        description="further hosts whose player or chat may be framed in the room, beside those of YouTube, VK,"
        " Rutube and Vimeo",
        json_schema_extra={"default_words": "the built-in ones"},
    )

    @field_validator("frame_hosts", mode="before")
    @classmethod
    def _with_built_in(cls, value: Any) -> Any:
        return frame_hosts(value.split(",") if isinstance(value, str) else value)
