"""Tokens of commands: a right to one command, for one receiver, until its deadline. Never stored, never logged."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contracts import Capability
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from servicekit.messages import Actor

ALGORITHM = "Ed25519"


class InvalidTokenError(Exception):
    """The token is missing, forged, expired or for something else."""


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _public_part(key: OKPKey) -> str:
    part = key.as_dict(private=False)["x"]
    assert isinstance(part, str)
    return part


def new_key(kid: str) -> tuple[str, str]:
    """Return a fresh pair for the settings: `COMMAND_SIGNING_KEY` and `COMMAND_VERIFY_KEYS`."""
    key = OKPKey.generate_key("Ed25519")
    seed = key.as_dict(private=True)["d"]
    return f"{kid}:{seed}", f"{kid}:{_public_part(key)}"


@dataclass(frozen=True)
class TokenMaker:
    """Signs tokens with the key that `COMMAND_SIGNING_KEY` (`kid:seed`) names."""

    kid: str
    key: OKPKey
    issuer: str

    @classmethod
    def from_setting(cls, setting: str, *, issuer: str) -> "TokenMaker":
        """Read `kid:base64url seed`; raises `ValueError`."""
        kid, _, seed = setting.partition(":")
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

        raw = base64.urlsafe_b64decode(seed + "=" * (-len(seed) % 4))
        public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "d": _unpadded(raw), "x": _unpadded(public)})
        return cls(kid, key, issuer)

    def make(self, *, actor: Actor, topic: str, audience: str, message_id: UUID, deadline: datetime) -> str:
        """Return the token for one command."""
        claims: dict[str, object] = {
            "iss": self.issuer,
            "aud": audience,
            "jti": str(message_id),
            "act": topic,
            "sub": actor.account_id,
            "cap": sorted(actor.capabilities),
            "exp": deadline.timestamp(),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": self.kid}, claims, self.key, algorithms=[ALGORITHM])


class TokenChecker:
    """Checks tokens against the keys that are in force; several, so that one can be changed."""

    def __init__(self, keys: Mapping[str, OKPKey], *, audience: str) -> None:
        self._keys = dict(keys)
        self._audience = audience

    @classmethod
    def from_setting(cls, setting: str, *, audience: str) -> "TokenChecker":
        """Read `kid:base64url public key, kid2:…`."""
        keys: dict[str, OKPKey] = {}
        for pair in filter(None, (part.strip() for part in setting.split(","))):
            kid, _, public = pair.partition(":")
            keys[kid] = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": public})
        return cls(keys, audience=audience)

    def check(self, token: str | None, *, topic: str, message_id: UUID) -> tuple[Actor, datetime]:
        """Return the actor and the deadline of a token; raises `InvalidTokenError`. Expiry is the caller's to judge."""
        if not token:
            raise InvalidTokenError("no token")
        try:
            kid = jwt.decode(token, lambda obj: self._key_of(obj.headers().get("kid")), algorithms=[ALGORITHM])
        except (JoseError, ValueError, TypeError) as error:
            raise InvalidTokenError(f"not a token of ours: {error!r}") from error
        claims = kid.claims
        expected = {"aud": self._audience, "act": topic, "jti": str(message_id)}
        for name, value in expected.items():
            if claims.get(name) != value:
                raise InvalidTokenError(f"{name} is for something else")
        try:
            capabilities = frozenset(Capability(word) for word in claims["cap"])
            actor = Actor(account_id=str(claims["sub"]), capabilities=capabilities)
            deadline = datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidTokenError(f"claims: {error!r}") from error
        return actor, deadline

    def _key_of(self, kid: object) -> OKPKey:
        key = self._keys.get(str(kid))
        if key is None:
            raise InvalidTokenError(f"unknown key {kid!r}")
        return key
