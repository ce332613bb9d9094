"""Tokens of commands: a right to one command, for one receiver, until its deadline. Never stored, never logged."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from contracts import Capability
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc import jwt
from joserfc.jwk import OKPKey

from servicekit.messages import Actor

ALGORITHM = "Ed25519"
_KNOWN = frozenset(capability.value for capability in Capability)


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
        try:
            raw = base64.urlsafe_b64decode(seed + "=" * (-len(seed) % 4))
            public = Ed25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw()
        except ValueError:
            # Not with its cause: that one may quote the key.
            raise ValueError("COMMAND_SIGNING_KEY is no `kid:key`; `webinarctl keys` makes one") from None
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
        """Read `kid:base64url public key, kid2:…`; raises `ValueError`."""
        keys: dict[str, OKPKey] = {}
        for pair in filter(None, (part.strip() for part in setting.split(","))):
            kid, _, public = pair.partition(":")
            try:
                raw = base64.urlsafe_b64decode(public + "=" * (-len(public) % 4))
                Ed25519PublicKey.from_public_bytes(raw)
            except ValueError as error:
                raise ValueError(f"COMMAND_VERIFY_KEYS: the key {kid!r} is not valid: {error}") from None
            if kid in keys:
                raise ValueError(f"COMMAND_VERIFY_KEYS: {kid!r} stands there twice")
            keys[kid] = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": _unpadded(raw)})
        return cls(keys, audience=audience)

    @property
    def knows_keys(self) -> bool:
        return bool(self._keys)

    def check(self, token: str | None, *, topic: str, message_id: UUID) -> tuple[Actor, datetime]:
        """Return the actor and the deadline of a token; raises `InvalidTokenError`. Expiry is the caller's to judge."""
        if not token:
            raise InvalidTokenError("no token")
        try:
            decoded = jwt.decode(token, lambda obj: self._key_of(obj.headers().get("kid")), algorithms=[ALGORITHM])
        except InvalidTokenError:
            raise
        except Exception as error:
            # What a stranger writes there may trip the library in any way; it is a refusal all the same.
            raise InvalidTokenError(f"not a token of ours: {type(error).__name__}") from error
        claims = decoded.claims
        expected = {"aud": self._audience, "act": topic, "jti": str(message_id)}
        for name, value in expected.items():
            if claims.get(name) != value:
                raise InvalidTokenError(f"{name} is for something else")
        try:
            # A sender of the next release may know more capabilities than this receiver, which asks for none of them.
            capabilities = frozenset(Capability(word) for word in claims["cap"] if word in _KNOWN)
            actor = Actor(account_id=str(claims["sub"]), capabilities=capabilities)
            deadline = datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise InvalidTokenError(f"claims: {error!r}") from error
        return actor, deadline

    def _key_of(self, kid: object) -> OKPKey:
        key = self._keys.get(str(kid))
        if key is None:
            raise InvalidTokenError(f"unknown key {kid!r}")
        return key
