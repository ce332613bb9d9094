"""What an operator can set."""

from datetime import timedelta

from pydantic import Field, SecretStr, field_validator
from servicekit import ServiceSettings


class PostWebinarSettings(ServiceSettings):
    """Settings of post-webinar beside those of every service."""

    command_verify_keys: str = Field(
        description="the public keys by which commands are checked, `kid:base64url` each, comma separated; the other"
        " half of room-ui's `COMMAND_SIGNING_KEY`"
    )
    base_url: str = Field(description="the public address, `https://host`; every link in a message begins with it")
    telegram_bot_token: SecretStr = Field(
        default=SecretStr(""),
        description="the bot's token, as Telegram's @BotFather gives it; without one nothing is sent and nobody can"
        " link a chat",
    )
    telegram_api_url: str = Field(
        default="",
        description="a Bot API server of one's own",
        json_schema_extra={"default_words": "`https://api.telegram.org`"},
    )
    followup_delay: int = Field(
        default=300,
        ge=0,
        description="how long after the stop the messages go; until then the desk can hold or cancel them",
        json_schema_extra={"unit": "seconds"},
    )

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
