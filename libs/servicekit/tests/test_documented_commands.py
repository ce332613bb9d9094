"""What the pages tell an operator to type is there: commands of `webinarctl`, and their options."""

import re
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import typer
from servicekit.cli import app
from typer.main import get_command

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "services").glob("*/README.md"))]
_LEAST = 50
_TYPED = re.compile(r"webinarctl((?: [a-z][a-z-]*(?![\w|./]))+)((?:(?! webinarctl)[^`\n#])*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def all_commands() -> dict[str, Any]:
    """Return the kit's commands and those of the services, by name."""
    found: dict[str, Any] = dict(getattr(get_command(app), "commands", {}))
    for entry in entry_points(group="webinarctl.commands"):
        loaded = entry.load()
        alone = loaded if isinstance(loaded, typer.Typer) else typer.Typer()
        if alone is not loaded:
            alone.command(entry.name)(loaded)
        found[entry.name] = get_command(alone)
    return found


def typed() -> Iterator[tuple[str, list[str], set[str]]]:
    """Yield what the pages say: the page, the words after `webinarctl`, the options after these."""
    for page in PAGES:
        for words, rest in _TYPED.findall(page.read_text(encoding="utf-8")):
            yield page.name, words.split(), set(_OPTION.findall(rest))


def test_every_command_and_option_that_a_page_names_is_there() -> None:
    commands, named, wrong = all_commands(), 0, []
    for page, words, options in typed():
        command = commands.get(words[0])
        within: dict[str, Any] | None = getattr(command, "commands", None)
        if within is not None and len(words) > 1:
            command = within.get(words[1])
        known = {option for one in command.params for option in one.opts} if command else set()
        if command is None or not options <= known | {"--help"}:
            wrong.append((page, " ".join(words), sorted(options - known)))
        named += 1
    assert wrong == []
    assert named >= _LEAST
