"""How commands answer: a table to a person, lines with tabs to a program, JSON to who asks for it."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON.")]
Row = Mapping[str, Any]

_STYLES = {"ok": "green", "attention": "yellow", "broken": "bold red", "? uncertain": "bold yellow", "failed": "red"}


def show(
    rows: Sequence[Row], columns: Mapping[str, str], *, as_json: bool, nothing: str, brief: Sequence[str] = ()
) -> None:
    """Show rows; `columns` are the headings by key, `brief` those that a person's table leaves out.

    To a program a line each, in the order of `columns`: what is empty is still a column.
    """
    if as_json:
        say_json(list(rows))
    elif not sys.stdout.isatty():
        for row in rows:
            say("\t".join(plain(row.get(key)) for key in columns))
    elif not rows:
        say(nothing)
    else:
        _table(rows, {key: heading for key, heading in columns.items() if key not in brief})


def _table(rows: Sequence[Row], columns: Mapping[str, str]) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for key, heading in columns.items():
        numbers = all(isinstance(row.get(key), int | None) for row in rows)
        table.add_column(heading, justify="right" if numbers else "left", overflow="fold", no_wrap=key in _ON_ONE_LINE)
    for row in rows:
        table.add_row(*(Text(readable(row.get(key)), style=_STYLES.get(str(row.get(key)), "")) for key in columns))
    Console(highlight=False).print(table)


_ON_ONE_LINE = frozenset({"number", "state", "shown_state", "due_at", "dead_at", "parked_at", "id_ends"})


def say_json(value: object) -> None:
    """Write one JSON document."""
    say(json.dumps(value, ensure_ascii=False, indent=2, default=_for_json))


def _for_json(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


def plain(value: object) -> str:
    """Return a value for a program: on one line, times in UTC."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    return "" if value is None else printable(value)


def readable(value: object) -> str:
    """Return a value for a person: times in this machine's zone."""
    if isinstance(value, datetime):
        return f"{value.astimezone():%d %b %H:%M:%S}"
    if isinstance(value, int):
        return str(value)
    return "" if value is None else "\n".join(map(printable, str(value).splitlines()))


def printable(value: object) -> str:
    """Return a text that somebody else wrote, in one line, without anything that would move a terminal's cursor."""
    return "".join(letter if letter.isprintable() else " " for letter in str(value))


def counted(number: int, thing: str) -> str:
    """Return how many things there are, in words: `1 message`, `1,200 messages`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def ask(question: str, *, yes: bool) -> None:
    """Ask a person before something is done that cannot be undone; without a yes nothing is done."""
    if yes:
        return
    # The question stands beside the answer: click would write a part of it to the output.
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        warn("Nothing was done.")
        raise typer.Exit(1)


def say(line: str) -> None:
    """Write a line of the answer."""
    typer.echo(line)


def warn(line: str) -> None:
    """Write a line beside the answer."""
    typer.echo(line, err=True)


def fail(words: str, code: int = 1) -> NoReturn:
    """Say why nothing was done, and end."""
    warn(words)
    raise typer.Exit(code)
