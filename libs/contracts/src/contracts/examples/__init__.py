"""An example of every message, for every major version ever published: `<topic>.v<version>.json`, the body alone.

They tell one story: Vera's webinar of 26 November 2026, the candidate Anna and her partner Boris. Beside the topics:
`<command>.reply` (done) and `core_webinar_set_status.refused` (not done), `envelope` and `command_envelope` (a message
with its AMQP properties and headers).
"""

from functools import cache
from importlib.resources import files

_SUFFIX = ".json"


@cache
def example(name: str, version: int = 1) -> bytes:
    """Return the example file `name` of major version `version`; raises `FileNotFoundError` for a name without one."""
    return (files(__name__) / f"{name}.v{version}{_SUFFIX}").read_bytes()


@cache
def examples() -> tuple[tuple[str, int], ...]:
    """Return name and major version of every example, sorted."""
    stems = (entry.name.removesuffix(_SUFFIX) for entry in files(__name__).iterdir() if entry.name.endswith(_SUFFIX))
    pairs = (stem.rsplit(".v", 1) for stem in stems)
    return tuple(sorted((name, int(version)) for name, version in pairs))
