"""Secrets in tracked files: `python -m local_stack.secret_scan`; `accept` writes the baseline anew.

detect-secrets knows how keys and tokens look. What it takes for one and is none (passwords of tests, hashes) stands
in `.secrets.baseline`, as hashes; whatever else it finds fails.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import transient_settings

from local_stack.paths import ROOT
from local_stack.progress import say

BASELINE = ROOT / ".secrets.baseline"
# Written by tools, and full of hashes or of nothing but the contracts; and the baseline itself.
NOT_LOOKED_AT = ("requirements/", "libs/contracts/src/contracts/schemas/", "docs/asyncapi.json", ".secrets.baseline")
PROCESSES = 2
NO_TEXT = (".png", ".woff2", ".ico")


def tracked_files(root: Path = ROOT) -> list[str]:
    """Return what git keeps, and what it is about to keep."""
    listed = subprocess.run(
        ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"),  # noqa: S607
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = [name for name in listed.split("\0") if name]
    return [name for name in names if not name.startswith(NOT_LOOKED_AT) and not name.endswith(NO_TEXT)]


def scan(files: Sequence[str], root: Path, known: Path = BASELINE) -> SecretsCollection:
    """Return what looks like a secret, by the rules that the baseline names."""
    rules = json.loads(known.read_text("utf-8"))
    with transient_settings({"plugins_used": rules["plugins_used"], "filters_used": rules["filters_used"]}):
        found = SecretsCollection(root=str(root))
        # Side by side, unless that costs more than it saves.
        processes = PROCESSES if len(files) > PROCESSES else 1
        found.scan_files(*(name for name in files if (root / name).is_file()), num_processors=processes)
    named = SecretsCollection()
    for name, secret in found:
        # As the baseline has it: a clone lies in another folder.
        secret.filename = name
        named[name].add(secret)
    return named


def check(files: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Tell what looks like a secret and is not in the baseline; returns the exit code."""
    found = scan(tracked_files(root) if files is None else files, root)
    new = found - baseline.load(json.loads(BASELINE.read_text("utf-8")))
    for name in sorted(new.files):
        for secret in sorted(new[name], key=lambda one: one.line_number):
            say(f"Secrets: {name}:{secret.line_number}: {secret.type}")
    if new:
        say("Take it out, and change it wherever it is in use.")
        say("If it is none: .venv/bin/python -m local_stack.secret_scan accept")
    return 1 if new else 0


def accept() -> int:
    """Write down all that is found now as known to be no secret."""
    found = scan(tracked_files(), ROOT)
    rules = json.loads(BASELINE.read_text("utf-8"))
    kept = {name: rules[name] for name in ("version", "plugins_used", "filters_used")}
    kept["results"] = found.json()
    BASELINE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", "utf-8")
    return 0


def main(words: Sequence[str]) -> int:
    """Check, or `accept`."""
    return accept() if list(words) == ["accept"] else check()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
