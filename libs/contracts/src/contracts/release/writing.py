"""Whether a release may be made, and the files that it writes."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import contracts.schemas
from contracts.release.compatibility import Change
from contracts.schemas import RELEASE, file_name

Json = Mapping[str, Any]
SCHEMAS = Path(contracts.schemas.__file__).parent
CHANGELOG = Path(__file__).parents[3] / "CHANGELOG.md"


class ReleaseRefusedError(ValueError):
    """A release that must not be made, and why."""


@dataclass(frozen=True, order=True)
class Version:
    """A version of the contracts: the first number grows when others break, the second with what is new."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `<major>.<minor>.<patch>`; raises `ReleaseRefusedError` for another form."""
        found = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)
        if found is None:
            raise ReleaseRefusedError(f"{text!r} is no version; one looks like 1.2.3.")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def changelog() -> str:
    """Return libs/contracts/CHANGELOG.md; raises `ReleaseRefusedError` where the package is only installed."""
    if not CHANGELOG.is_file():
        raise ReleaseRefusedError("A release is made in a clone of the repository, where CHANGELOG.md is.")
    return CHANGELOG.read_text(encoding="utf-8")


def least_version(last: Version, found: Sequence[Change]) -> Version:
    """Return the lowest version in which the changes may be released."""
    if any(change.breaks for change in found):
        return Version(last.major + 1, 0, 0)
    return Version(last.major, last.minor + 1, 0) if found else Version(last.major, last.minor, last.patch + 1)


def check_release(version: Version, last: Version, found: Sequence[Change], what_is_new: str) -> None:
    """Raise `ReleaseRefusedError` when what was found must not go out as `version`; `what_is_new` is the changelog."""
    if version <= last:
        raise ReleaseRefusedError(f"{version} is not higher than {last}, the last release.")
    broken = [change for change in found if change.breaks]
    least = least_version(last, found)
    if broken and version.major == last.major:
        raise ReleaseRefusedError(
            f"{version} would break those who build on {last}:"
            + "".join(f"\n  {change}" for change in broken)
            + f"\nUndo what breaks; or, when it has to, raise the `schema_version` of each class and release {least}."
        )
    unmarked = sorted({change.topic for change in broken if change.unmarked})
    if unmarked:
        raise ReleaseRefusedError(
            f"{', '.join(unmarked)}: readers tell the new form from the old by the header `schema_version`."
            " Raise it in the class, and add an example file for the new version."
        )
    if version < least:
        raise ReleaseRefusedError(
            f"{version} would hide what is new since {last}:"
            + "".join(f"\n  {change}" for change in found)
            + f"\nRelease {least}."
        )
    if not re.search(rf"^## {re.escape(str(version))}\b", what_is_new, re.MULTILINE):
        raise ReleaseRefusedError(f"CHANGELOG.md of the contracts has no section `## {version}` that says what is new.")


def write_release(version: Version, present: Mapping[str, Json], folder: Path = SCHEMAS) -> Iterator[str]:
    """Write the present schemas and the file `release.json` into `folder`; yield a line for each file that changed.

    A topic's schemas of earlier major versions stay. Those of a topic that is gone are removed.
    """
    for name, document in sorted(present.items()):
        path = folder / file_name(name, document["x-schema-version"])
        text = _text(document)
        before = path.read_text(encoding="utf-8") if path.is_file() else None
        if text != before:
            path.write_text(text, encoding="utf-8")
            yield f"{'wrote' if before is None else 'changed'} {path.name}"
    for path in sorted(folder.glob("*.v*.json")):
        if path.name.rsplit(".v", 1)[0] not in present:
            path.unlink()
            yield f"removed {path.name}"
    digests = {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.v*.json"))}
    # Last, so that a release which was cut off shows as files that nobody released.
    (folder / RELEASE).write_text(_text({"version": str(version), "sha256": digests}), encoding="utf-8")
    yield f"wrote {RELEASE}: version {version}, {len(digests)} schemas"


def _text(document: Json) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
