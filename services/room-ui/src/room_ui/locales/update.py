"""Bring the catalogues up to date with what templates and modules say: `python -m room_ui.locales.update`.

New messages are added (in English with their own text, in Russian empty, for a person to fill in), those that nobody
says any more go. A test holds both catalogues complete.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from room_ui.i18n import FOLDER
from room_ui.viewer import LOCALES

PACKAGE = Path(__file__).parent.parent
KEYWORDS: dict[str, Any] = {
    "_": None,
    "mark": None,
    "gettext": None,
    "ngettext": (1, 2),
    "npgettext": ((1, "c"), 2, 3),
}
HEAD = """msgid ""
msgstr ""
"Language: {locale}\\n"
"Plural-Forms: {plural}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""
METHODS = [("templates/**.html", "jinja2.ext.babel_extract"), ("**.py", "python")]


def extracted() -> Iterator[tuple[str, int, str | tuple[str, ...], str | None]]:
    """Yield file, line, id (a pair with a plural) and context of every message that the package says."""
    found = extract_from_dir(PACKAGE, method_map=METHODS, keywords=KEYWORDS, strip_comment_tags=True)
    for file, line, message, _comments, context in found:
        yield file, line, message, context


def updated(locale: str) -> Catalog:
    """Return the catalogue of one language with the messages that are said now."""
    template = Catalog()
    for file, _line, message, context in extracted():
        template.add(message, locations=[(file, 0)], context=context)
    with (FOLDER / f"{locale}.po").open("rb") as present:
        catalogue = read_po(present, locale=locale)
    catalogue.update(template, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    for entry in catalogue:
        if locale == "en" and entry.id:
            entry.string = entry.id
    return catalogue


def main() -> None:
    """Write both catalogues and say what is still to be translated."""
    for locale in LOCALES:
        catalogue = updated(locale)
        write(catalogue, locale)
        empty = [message.id for message in catalogue if message.id and not all(_strings(message.string))]
        sys.stdout.write(f"{locale}: {len(catalogue)} messages, {len(empty)} without a translation\n")
        sys.stdout.writelines(f"  {message!r}\n" for message in empty)


def write(catalogue: Catalog, locale: str) -> None:
    """Write a catalogue, sorted, with nothing in its head that changes from day to day."""
    with (FOLDER / f"{locale}.po").open("wb") as file:
        file.write(HEAD.format(locale=locale, plural=catalogue.plural_forms).encode())
        write_po(file, catalogue, width=120, no_location=True, sort_output=True, omit_header=True)


def _strings(translation: Any) -> tuple[str, ...]:
    return translation if isinstance(translation, tuple) else (translation,)


if __name__ == "__main__":
    main()
