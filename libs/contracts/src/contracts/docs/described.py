"""What the classes say about themselves: meaning, when, guarantees, and their fields as JSON Schema tells them."""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from contracts.base import HIGHEST_VERSION, Message

HEADERS = ("causation_id", "schema_version", "traceparent", "deadline", "authorization")
"""The fields of the envelope that travel as AMQP headers."""

_MANY_WORDS = 12

_PART = re.compile(r"^(When|Guarantees): ", re.MULTILINE)


@dataclass(frozen=True)
class Description:
    """The three parts of a message's docstring, each on one line."""

    meaning: str
    when: str
    guarantees: str


@dataclass(frozen=True)
class FieldRow:
    """One field: its type and limits in words, whether it is always there, and what it means."""

    name: str
    type: str
    always: bool
    default: str
    meaning: str


def described(message: type[Message]) -> Description:
    """Read the docstring of `message`; raises `ValueError` when one of its three parts is missing."""
    meaning, *parts = _PART.split(inspect.cleandoc(message.__doc__ or ""))
    named = dict(zip(parts[::2], parts[1::2], strict=True))
    if not meaning.strip() or set(named) != {"When", "Guarantees"}:
        raise ValueError(f"{message.__name__}: the docstring says what it means, When: …, Guarantees: …")
    return Description(_on_one_line(meaning), _on_one_line(named["When"]), _on_one_line(named["Guarantees"]))


def summary(model: type[BaseModel]) -> str:
    """Return the docstring of a value or enum on one line."""
    return _on_one_line(inspect.cleandoc(model.__doc__ or ""))


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def wire_name(message: type[Message], attribute: str) -> str:
    """Return the name that a field has on the wire."""
    return message.model_fields[attribute].alias or attribute


def key_of(message: type[Message]) -> tuple[str, ...]:
    """Return the fields of the meaning key under their names on the wire."""
    return tuple(wire_name(message, attribute) for attribute in message.meaning)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of `model`: definitions under `$defs`, no made-up titles."""
    schema: dict[str, Any] = without_titles(model.model_json_schema())
    if issubclass(model, Message):
        schema["description"] = described(model).meaning
    return schema


def without_titles(node: Any) -> Any:
    """Return a JSON Schema without the titles that Pydantic makes from names."""
    # A property that is called "title" is a field, an object, and stays.
    if isinstance(node, Mapping):
        return {
            key: without_titles(value) for key, value in node.items() if not (key == "title" and isinstance(value, str))
        }
    return [without_titles(item) for item in node] if isinstance(node, list) else node


def field_rows(schema: Mapping[str, Any], link: Callable[[str], str]) -> Iterator[FieldRow]:
    """Yield the fields of an object schema in their order; `link` says where another class has its section."""
    definitions = schema.get("$defs", {})
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield FieldRow(
            name=name,
            type=_type_words(field, definitions, link),
            always=name in required,
            default=_default_words(field.get("default")),
            meaning=field.get("description", ""),
        )


def _default_words(default: object) -> str:
    if default is None or default in ([], {}) or isinstance(default, dict):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    return '""' if default == "" else str(default)


def _type_words(field: Mapping[str, Any], definitions: Mapping[str, Any], link: Callable[[str], str]) -> str:
    if "$ref" in field:
        name = str(field["$ref"]).rsplit("/", 1)[1]
        words = definitions[name].get("enum", ())
        return _words(words) if 0 < len(words) <= _MANY_WORDS else f"[{name}]({link(name)})"
    if "anyOf" in field:
        kinds = [branch for branch in field["anyOf"] if branch.get("type") != "null"]
        return " or ".join(_type_words(branch, definitions, link) for branch in kinds)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return _words(field["enum"])
    if field.get("type") == "array":
        limit = f", at most {field['maxItems']}" if "maxItems" in field else ""
        return f"list of {_type_words(field['items'], definitions, link)}{limit}"
    word = {"uuid": "UUID", "date-time": "time"}.get(field.get("format", ""), str(field.get("type", "anything")))
    return word + _limits(field)


def _words(words: Iterable[str]) -> str:
    return " \\| ".join(f"`{word}`" for word in words)


def _limits(field: Mapping[str, Any]) -> str:
    least, most = field.get("minimum"), field.get("maximum")
    if most == HIGHEST_VERSION:
        most = None  # What a database can hold is no limit that anybody reaches.
    shortest, longest = field.get("minLength"), field.get("maxLength")
    if least is not None and most is not None:
        return f", {least}–{most}"
    if least is not None:
        return f", at least {least}"
    if shortest and longest:
        return f", {shortest}–{longest} characters"
    return f", up to {longest} characters" if longest else ""
