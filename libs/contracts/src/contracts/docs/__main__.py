"""`python -m contracts.docs [folder] [--check]`: write the documents, or say which of them are not current."""

import argparse
import sys
from pathlib import Path

from contracts.docs import documents


def main(arguments: list[str] | None = None) -> int:
    """Write the documents into a folder; with `--check` write nothing and return 1 when one is missing or differs."""
    parser = argparse.ArgumentParser(prog="python -m contracts.docs", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"), help="default: docs")
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a document is not current")
    chosen = parser.parse_args(arguments)
    stale = [name for name, text in documents().items() if _read(chosen.folder / name) != text]
    if chosen.check:
        for name in stale:
            sys.stderr.write(f"{chosen.folder / name} is not current: run `python -m contracts.docs {chosen.folder}`\n")
        return 1 if stale else 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (chosen.folder / name).write_text(documents()[name], encoding="utf-8")
        sys.stdout.write(f"{chosen.folder / name} written\n")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
