"""The JSON Schema of every message as it was last released: `<name>.v<major version>.json`, one for each topic.

Beside the topics: `envelope` (the AMQP properties and headers around a body) and `command_reply`. Written by
`python -m contracts.release` and by nothing else; `release.json` holds their digests, so that an edit shows.
"""

import json
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

Json = dict[str, Any]
RELEASE = "release.json"


class UnreleasedError(LookupError):
    """There is no released schema of that name and major version."""


@cache
def _release() -> Json:
    found: Json = json.loads((files(__name__) / RELEASE).read_text(encoding="utf-8"))
    return found


def released_version() -> str:
    """Return the version of the last release, `<major>.<minor>.<patch>`."""
    return str(_release()["version"])


def released_names() -> tuple[tuple[str, int], ...]:
    """Return name and major version of every released schema, sorted."""
    pairs = (name.removesuffix(".json").rsplit(".v", 1) for name in _release()["sha256"])
    return tuple(sorted((name, int(version)) for name, version in pairs))


def schema(name: str, version: int | None = None) -> Json:
    """Return the released JSON Schema of a topic, of `envelope` or of `command_reply`; by default the newest.

    Raises `UnreleasedError` when there is none.
    """
    versions = [number for known, number in released_names() if known == name]
    if not versions or (version is not None and version not in versions):
        raise UnreleasedError(f"{name} of major version {version or 1} is not in release {released_version()}")
    found: Json = json.loads((files(__name__) / file_name(name, version or versions[-1])).read_bytes())
    return found


def newest_schemas() -> dict[str, Json]:
    """Return every released schema by its name, of each the newest major version."""
    return {name: schema(name) for name in sorted({name for name, _ in released_names()})}


def edited_by_hand() -> tuple[str, ...]:
    """Return the names of the schema files that are not what the release wrote: changed, missing, or more."""
    present = {
        entry.name: sha256(entry.read_bytes()).hexdigest()
        for entry in files(__name__).iterdir()
        if entry.name.endswith(".json") and entry.name != RELEASE
    }
    written: dict[str, str] = _release()["sha256"]
    return tuple(sorted(name for name in present.keys() | written if present.get(name) != written.get(name)))


def file_name(name: str, version: int) -> str:
    """Return the name of a schema's file."""
    return f"{name}.v{version}.json"
