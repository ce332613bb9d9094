"""Say what has changed in the contracts since their last release, or release them.

Without a version nothing is written: what has changed is said, and 1 is returned when it would break somebody.
With one, the schemas of the present code become the released ones. That is refused when a change breaks others, unless
the first number is raised and each topic that breaks says so by its `schema_version`; when fields or topics were added
and neither the first number nor the second is raised; and when CHANGELOG.md does not say what is new.
"""

import argparse
import sys
from collections.abc import Sequence

from contracts.release import changes_since_release, present_schemas
from contracts.release.writing import (
    ReleaseRefusedError,
    Version,
    changelog,
    check_release,
    least_version,
    write_release,
)
from contracts.schemas import edited_by_hand, released_version

NOTHING_BROKEN, BROKEN, REFUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m contracts.release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("version", nargs="?", help="release as this, for instance 1.1.0; without it, only look")
    chosen = parser.parse_args(arguments)
    try:
        if edited := edited_by_hand():
            raise ReleaseRefusedError(
                f"These are not as release {released_version()} wrote them: {', '.join(edited)}."
                " Take them back from version control; only this command writes them."
            )
        return _look() if chosen.version is None else _release(Version.parse(chosen.version))
    except ReleaseRefusedError as refusal:
        sys.stderr.write(f"{refusal}\nNothing was written.\n")
        return REFUSED


def _look() -> int:
    found = changes_since_release()
    last = Version.parse(released_version())
    if not found:
        _say(f"Nothing that others build on has changed since {last}.")
        return NOTHING_BROKEN
    broken = [change for change in found if change.breaks]
    added = [change for change in found if not change.breaks]
    if broken:
        _say(f"Since {last}, this breaks those who build on the contracts:", *(f"\n  {change}" for change in broken))
    if added:
        _say(f"{'And' if broken else f'Since {last},'} this breaks nobody:", *(f"\n  {change}" for change in added))
    _say(f"The next release is {least_version(last, found)} or later.")
    return BROKEN if broken else NOTHING_BROKEN


def _release(version: Version) -> int:
    found = changes_since_release()
    last = Version.parse(released_version())
    check_release(version, last, found, changelog())
    for change in found:
        _say(str(change).partition("\n")[0])
    for line in write_release(version, present_schemas()):
        _say(line)
    _say(f"Released {version}; before it was {last}. Now run `make docs`, and commit all of it.")
    return NOTHING_BROKEN


def _say(*words: str) -> None:
    sys.stdout.write("".join(words) + "\n")


if __name__ == "__main__":
    sys.exit(main())
