"""Known vulnerabilities of what the lock files pin: `python -m local_stack.advisories`.

pip-audit asks the OSV database, package by package. Where the database cannot be reached, that is said, and is no
failure: nobody's test is to depend on a network; `ADVISORIES=required` makes it one. To be asked for a package that
is known to be vulnerable, and to know nothing, counts as not reached: an answer of "nothing is known" would be no
answer. What is accepted in spite of an advisory stands in `requirements/accepted-vulnerabilities.toml`.
"""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import httpx

from local_stack.errors import LocalStackError
from local_stack.paths import ROOT
from local_stack.progress import say

DATABASE = "https://api.osv.dev/v1/query"
LOCKS = tuple(ROOT / f"requirements/{name}.txt" for name in ("dev", "build", "bootstrap", "javascript"))
"""`dev` holds all of `runtime`."""
ACCEPTED = ROOT / "requirements/accepted-vulnerabilities.toml"
PIP_AUDIT = Path(sys.executable).parent / "pip-audit"
KNOWN_TO_BE_BAD = {"package": {"name": "jinja2", "ecosystem": "PyPI"}, "version": "2.4.1"}
_SECONDS = 5


@dataclass(frozen=True)
class Finding:
    """A package that is pinned, and an advisory about it; `also`: other names of the same."""

    package: str
    version: str
    advisory: str
    also: tuple[str, ...]
    fixed_in: tuple[str, ...]

    @property
    def words(self) -> str:
        fixed = f"fixed in {', '.join(self.fixed_in)}" if self.fixed_in else "no fix yet"
        return f"{self.package} {self.version}: {' '.join((self.advisory, *self.also))}, {fixed}"


def why_not_reached(database: str) -> str | None:
    """Return why the database is of no use here; None when it answers as it should."""
    try:
        answer = httpx.post(database, json=KNOWN_TO_BE_BAD, timeout=_SECONDS)
        known = answer.raise_for_status().json().get("vulns")
    except (httpx.HTTPError, ValueError, AttributeError) as error:
        return repr(error)
    return None if known else "it knows nothing of a package that is known to be vulnerable"


def findings(database: str, locks: Sequence[Path] = LOCKS) -> list[Finding]:
    """Return what is known of the pinned packages; raises `LocalStackError` when that did not come to an end."""
    files = [word for lock in locks for word in ("-r", str(lock))]
    asking = ("-s", "osv", "--osv-url", database, "--timeout", str(_SECONDS))
    command = (str(PIP_AUDIT), *asking, "--disable-pip", "--progress-spinner", "off", "-f", "json", *files)
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        raise LocalStackError(f"pip-audit did not come to an end:\n{done.stderr[-2000:]}") from None
    if skipped := [f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one]:
        raise LocalStackError("Not audited: " + "; ".join(skipped))
    return [
        Finding(one["name"], one["version"], found["id"], tuple(found["aliases"]), tuple(found["fix_versions"]))
        for one in packages
        for found in one["vulns"]
    ]


def accepted(file: Path = ACCEPTED) -> Mapping[str, tuple[str, date]]:
    """Return the advisories that are lived with: why, and until when; raises `LocalStackError` for an idle word."""
    found = {}
    for entry in tomllib.loads(file.read_text("utf-8")).get("accepted", []):
        missing = {"advisory", "package", "reason", "until"} - entry.keys()
        if missing or not isinstance(entry["until"], date) or not str(entry["reason"]).strip():
            raise LocalStackError(f"{file.name}: {entry} needs advisory, package, reason, and until, a date")
        found[entry["advisory"]] = entry["reason"], entry["until"]
    return found


def judged(found: Sequence[Finding], lived_with: Mapping[str, tuple[str, date]], today: date) -> list[str]:
    """Return what is wrong, in words: advisories that nobody has accepted, or no longer."""
    wrong = []
    for one in found:
        known = [lived_with[name] for name in (one.advisory, *one.also) if name in lived_with]
        if not known:
            wrong.append(one.words)
        elif all(until < today for _, until in known):
            wrong.append(f"{one.words}; accepted until {known[0][1]}: look at it again")
    return wrong


def check(database: str = DATABASE, *, locks: Sequence[Path] = LOCKS, required: bool = False) -> int:
    """Tell what is known of the pinned packages; returns the exit code."""
    if (why := why_not_reached(database)) is not None:
        say(f"Advisories: NOT AUDITED. The database of vulnerabilities could not be reached here: {why}")
        return 1 if required else 0
    lived_with = accepted()
    found = findings(database, locks)
    wrong = judged(found, lived_with, datetime.now(UTC).date())
    for words in wrong:
        say(f"Advisories: {words}")
    say(f"Advisories: {len(found)} about the pinned packages, {len(found) - len(wrong)} of them accepted.")
    return 1 if wrong else 0


def main() -> int:
    """Check what is pinned."""
    try:
        return check(os.environ.get("ADVISORIES_URL", DATABASE), required=os.environ.get("ADVISORIES") == "required")
    except LocalStackError as problem:
        say(f"\n{problem}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
