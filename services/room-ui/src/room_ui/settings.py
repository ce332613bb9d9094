"""What an operator can set for room-ui."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from servicekit import ServiceSettings

_USUAL_PORTS = {"http": 80, "https": 443}


class RoomUiSettings(ServiceSettings):
    """Read from environment variables of the same names in capitals."""

    base_url: str = Field(
        description="the public address as people type it, `https://host` without a path; absolute links come from it"
        " alone, and with `https` the cookies are `Secure`"
    )
    http_host: str = Field(default="127.0.0.1", description="the address that the pages are served on")
    http_port: int = Field(default=8000, ge=0, le=65535, description="their port; 0 takes a free one")
    session_keys: str = Field(
        description="secrets of 16 characters or more that cookies are signed with, comma separated; the first one"
        " signs, all of them are accepted",
        repr=False,
    )
    command_signing_key: str = Field(
        description="the key that what the desk asks is signed with, `kid:base64url` of a 32-byte Ed25519 seed;"
        " `webinarctl keys` makes one",
        repr=False,
    )
    signup_url: str = Field(
        default="",
        description="where a guest books a place",
        json_schema_extra={"default_words": "the page `/signup/`, which says how"},
    )
    default_locale: Literal["ru", "en"] = Field(
        default="ru", description="the language of a visitor who has chosen none"
    )
    organiser_contact: str = Field(
        default="", description="whom somebody without a partner turns to, as shown to them: text, a link or @name"
    )
    forwarded_allow_ips: str = Field(
        default="127.0.0.1",
        description="addresses or networks of the proxies whose `X-Forwarded-For` is believed, comma separated; without"
        " the right one all visitors share one limit of failed sign-ins",
    )
    state_requests_per_second: float = Field(
        default=5.0,
        gt=0,
        description="how often a session may poll the state; more is answered with 429",
        json_schema_extra={"unit": "requests a second"},
    )
    state_burst: int = Field(
        default=20,
        ge=1,
        description="how often it may do so at once, after a pause",
        json_schema_extra={"unit": "requests"},
    )
    streams_per_session: int = Field(
        default=500, ge=1, description="how many streams a session may have open", json_schema_extra={"unit": "streams"}
    )
    streams_per_process: int = Field(
        default=18_000,
        ge=1,
        description="how many streams this process holds; each is an open file, so stay below its limit of these",
        json_schema_extra={"unit": "streams"},
    )
    minimum_watched_seconds: int = Field(
        default=300,
        ge=0,
        description="the tracker's value once more: the report asks who would attend at another percent",
        json_schema_extra={"unit": "seconds"},
    )
    sign_in_attempts: int = Field(
        default=10,
        ge=1,
        description="how many sign-ins with one login may fail from one address in 15 minutes; twenty times as many"
        " from one address",
        json_schema_extra={"unit": "attempts"},
    )

    @model_validator(mode="after")
    def _says_what_is_wrong(self) -> Self:
        address = urlsplit(self.base_url)
        if address.scheme not in {"http", "https"} or not address.netloc or address.path not in {"", "/"}:
            raise ValueError("BASE_URL is http(s)://host[:port] without a path")
        try:
            _ = self.origin
        except ValueError as error:
            raise ValueError(f"BASE_URL has a host or port that no address can have: {error}") from None
        if any(len(key) < 16 for key in self.signing_keys) or not self.signing_keys:
            raise ValueError("SESSION_KEYS needs keys of 16 characters or more")
        return self

    @property
    def origin(self) -> str:
        """`BASE_URL` as a browser writes it in `Origin`: lower case, any alphabet in ASCII, no usual port."""
        address = urlsplit(self.base_url)
        host = address.hostname or ""
        if not host.isascii():
            host = host.encode("idna").decode()
        if ":" in host:
            host = f"[{host}]"
        port = "" if address.port in {None, _USUAL_PORTS[address.scheme]} else f":{address.port}"
        return f"{address.scheme}://{host}{port}"

    @property
    def is_https(self) -> bool:
        return urlsplit(self.base_url).scheme == "https"

    @property
    def signing_keys(self) -> tuple[bytes, ...]:
        """The session keys; the first one signs, all of them are accepted."""
        return tuple(key.strip().encode() for key in self.session_keys.split(",") if key.strip())
