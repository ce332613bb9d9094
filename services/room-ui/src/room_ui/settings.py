"""What an operator can set for room-ui."""

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from servicekit import ServiceSettings

_USUAL_PORTS = {"http": 80, "https": 443}


class RoomUiSettings(ServiceSettings):
    """Read from environment variables of the same names in capitals."""

    base_url: str = Field(description="the public address, as people type it; absolute links come from it alone")
    http_host: str = Field(default="127.0.0.1", description="address of the HTTP port")
    http_port: int = Field(default=8000, ge=0, le=65535, description="the HTTP port; 0 takes a free one")
    session_keys: str = Field(description="comma separated secrets of 16 characters or more; the first one signs")
    command_signing_key: str = Field(description="`kid:base64url` of a 32-byte Ed25519 seed; signs what the desk asks")
    signup_url: str = Field(default="", description="where a guest books a place; empty: /signup/ says how")
    default_locale: str = Field(default="ru", pattern="^(ru|en)$", description="language of a visitor without a choice")
    organiser_contact: str = Field(default="", description="shown to who has no partner: text, a link or @name")
    forwarded_allow_ips: str = Field(
        default="127.0.0.1", description="proxies whose X-Forwarded-For is believed; comma separated addresses"
    )
    state_requests_per_second: float = Field(default=5.0, gt=0, description="polls of the state, per session")
    state_burst: int = Field(default=20, ge=1, description="polls of the state at once, per session")
    streams_per_session: int = Field(default=500, ge=1, description="event streams open at once, per session")
    streams_per_process: int = Field(default=18_000, ge=1, description="event streams open at once; each is a file")
    minimum_watched_seconds: int = Field(
        default=300, ge=0, description="as the tracker has it; for who would attend at another completion percent"
    )
    sign_in_attempts: int = Field(default=10, ge=1, description="failed sign-ins per login and address in 15 minutes")

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
