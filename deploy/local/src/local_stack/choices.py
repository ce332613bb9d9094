"""What a stack of this clone keeps from one start to the next: passwords and keys, readable by its owner alone."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from contracts.topology import SERVICES
from servicekit.tokens import new_key


def _key_pair() -> tuple[str, str]:
    return new_key("local")


@dataclass(frozen=True)
class Choices:
    """server_password: of the administrators of private servers. service_passwords: by service name.

    command_keys: the signing and the verifying setting. session_key: signs the cookies of room-ui.
    """

    server_password: str = field(default_factory=lambda: secrets.token_hex(16))
    service_passwords: dict[str, str] = field(default_factory=dict)
    command_keys: tuple[str, str] = field(default_factory=_key_pair)
    session_key: str = field(default_factory=lambda: secrets.token_hex(32))

    @classmethod
    def load(cls, file: Path) -> Self:
        """Return what the file holds; make it, or what it lacks, where needed."""
        found = json.loads(file.read_text()) if file.is_file() else {}
        if "command_keys" in found:
            found["command_keys"] = tuple(found["command_keys"])
        passwords = {service: secrets.token_hex(16) for service in SERVICES} | found.pop("service_passwords", {})
        choices = cls(service_passwords=passwords, **found)
        written = json.dumps(asdict(choices), indent=1)
        if not file.is_file() or file.read_text() != written:
            file.parent.mkdir(parents=True, exist_ok=True)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as handle:
                handle.write(written)
        return choices
