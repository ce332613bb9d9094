"""What an operator can set."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator
from servicekit import ServiceSettings


class PostWebinarSettings(ServiceSettings):
    """Settings of post-webinar beside those of every service."""

    command_verify_keys: str = Field(description="`kid:base64url public key`, comma separated: who may sign commands")
    base_url: str = Field(description="where people open the site; links in messages begin with it")
    telegram_bot_token: SecretStr = Field(default=SecretStr(""), description="empty: nothing is sent, nobody can link")
    telegram_api_url: str = Field(default="", description="another Bot API server; empty: api.telegram.org")
    followup_delay: int = Field(default=300, ge=0, description="seconds from the stop to the follow-up")

    @field_validator("base_url", "telegram_api_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("an address that begins with https:// or http:// is needed")
        return value.rstrip("/")

    @property
    def delay(self) -> timedelta:
        return timedelta(seconds=self.followup_delay)

    def page(self, path: str) -> str:
        """Return the address of one of our pages."""
        return self.base_url + path
