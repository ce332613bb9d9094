"""A JSON Schema, as Pydantic writes it, as the kinds of values that it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
ANYTHING = "anything"
LIMITS = {
    "minimum": "the least value",
    "exclusiveMinimum": "what it must exceed",
    "minLength": "the least number of characters",
    "minItems": "the least number of entries",
    "maximum": "the highest value",
    "exclusiveMaximum": "what it must stay below",
    "maxLength": "the highest number of characters",
    "maxItems": "the highest number of entries",
}
"""The limits that a schema can set, in words."""
_SAYS_NOTHING = ("description", "title", "default", "examples", "deprecated")
_UNDERSTOOD = (*LIMITS, *_SAYS_NOTHING, "type", "format", "enum", "const", "items", "properties", "required")
_NAMES = {"null": "null", "uuid": "a UUID", "date-time": "a time", "array": "a list", "object": "an object"}


@dataclass(frozen=True)
class Kind:
    """One kind of value that a schema takes: a text, a time, a list …, with what holds for it."""

    node: Json
    document: Json
    """Where the definitions are that `node` refers to."""

    @property
    def is_object(self) -> bool:
        return self.node.get("type") == "object"

    @property
    def words(self) -> list[Any] | None:
        """The values that are allowed, if they are listed."""
        if "const" in self.node:
            return [self.node["const"]]
        return self.node.get("enum")

    @property
    def limits(self) -> dict[str, float]:
        return {name: self.node[name] for name in LIMITS if name in self.node}

    @property
    def items(self) -> Json | None:
        """The schema of a list's entries; any entry where nothing is said."""
        return self.node.get("items", {}) if self.node.get("type") == "array" else None

    @property
    def other_rules(self) -> dict[str, Any]:
        """What else the schema says, and nobody here understands; it can only be held to stay."""
        unclear = {
            name: expanded(value, self.document) for name, value in self.node.items() if not _is_understood(name)
        }
        # Fields that nobody knows are passed over: said or not, it is the same.
        return {name: value for name, value in unclear.items() if (name, value) != ("additionalProperties", True)}


def _is_understood(keyword: str) -> bool:
    return keyword in _UNDERSTOOD or keyword.startswith(("$", "x-"))


def kinds_of(node: Json, document: Json) -> dict[str, Kind] | None:
    """Return the kinds of values that a schema takes, by their names; None where it says what cannot be told apart."""
    branches = _branches(node, document)
    names = [_name(branch) for branch in branches or ()]
    if branches is None or None in names or len(set(names)) < len(names):
        return None
    return {str(name): Kind(branch, document) for name, branch in zip(names, branches, strict=True)}


def _branches(node: Json, document: Json) -> list[Json] | None:
    """Return the alternatives of a schema, references followed; None where more than one keyword decides."""
    for keyword in ("$ref", "anyOf"):
        if keyword in node and any(name not in (keyword, *_SAYS_NOTHING) for name in node):
            return None
    if "$ref" in node:
        return _branches(_definition(node["$ref"], document), document)
    if "anyOf" not in node:
        return [node]
    found = [_branches(branch, document) for branch in node["anyOf"]]
    return None if None in found else [branch for branches in found for branch in branches or ()]


def _definition(reference: str, document: Json) -> Json:
    found: Json = document["$defs"][reference.rsplit("/", 1)[1]]
    return found


def expanded(node: Any, document: Json, inside: tuple[str, ...] = ()) -> Any:
    """Return a schema with its definitions where it refers to them, and without what says nothing of values."""
    if isinstance(node, list):
        return [expanded(item, document, inside) for item in node]
    if not isinstance(node, Mapping):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str) and reference not in inside:
        definition = expanded(_definition(reference, document), document, (*inside, reference))
        return expanded({**node, "$ref": None}, document, inside) | {"$ref": definition}
    return {
        name: expanded(value, document, inside)
        for name, value in node.items()
        if not (name in _SAYS_NOTHING and not isinstance(value, Mapping))
    }


def _name(node: Json) -> str | None:
    kind = node.get("type")
    if kind is None:
        return ANYTHING if all(name in _SAYS_NOTHING for name in node) else None
    if not isinstance(kind, str):
        return None
    word = str(node.get("format", kind))
    return _NAMES.get(word, f"a {word}" if word[0] not in "aeiou" else f"an {word}")
