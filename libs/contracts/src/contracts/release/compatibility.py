"""What a change of the schemas does to those who build on the released ones, in plain words.

Two rules, from who is on the other side:

* What others **read** (facts, snapshots, presence, replies, the envelope) may gain fields that can be absent, and
  nothing else. A wider field surprises a reader; a narrower one makes the next release refuse what still waits in
  queues, in outboxes and among dead letters.
* What others **write** (commands, requests) may become wider, never narrower.

A schema that says something that is not understood here is held to stay as it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from contracts.release.fields import ANYTHING, LIMITS, Kind, expanded, kinds_of

Json = Mapping[str, Any]

_KEEP = "Leave it as it was, and say what is new in a field of its own that may be absent."
_OPTIONAL = "Give it a default, so that it may be absent."
_WITHOUT_VERSION = ("envelope", "reply")
"""Kinds that carry no `schema_version` of their own."""
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")


@dataclass(frozen=True)
class Change:
    """One difference from the released schemas: of which topic and field, what it is, and what to do about it."""

    topic: str
    field: str
    what: str
    advice: str = ""
    """What to do instead; empty for a change that breaks nobody."""
    unmarked: bool = False
    """Whether messages are of another form now, and their `schema_version` does not say so."""

    @property
    def breaks(self) -> bool:
        return bool(self.advice)

    def __str__(self) -> str:
        place = f"{self.topic}, `{self.field}`" if self.field else self.topic
        return f"{place}: {self.what}" + (f"\n    {self.advice}" if self.advice else "")


def changes(released: Mapping[str, Json], present: Mapping[str, Json]) -> Iterator[Change]:
    """Yield how the present schemas (name → document of `contracts.release.present`) differ from the released ones."""
    added = [name for name in present if name not in released]
    for name, document in released.items():
        if name in present:
            yield from _Comparison.of(name, document, present[name]).documents(document, present[name])
            continue
        heir = next((other for other in added if _alike(document, present[other])), None)
        yield Change(
            name,
            "",
            f"the topic has been renamed to `{heir}`." if heir else "the topic is gone.",
            f"Others are bound to the old name. Keep it, and announce both: `{name}` and `{heir}`."
            if heir
            else "Others are bound to it. Put its line back into contracts/topology.py.",
        )
    for name in added:
        yield Change(name, "", "a new topic.")


def _alike(one: Json, other: Json) -> bool:
    return one["x-kind"] == other["x-kind"] and one.get("properties") == other.get("properties")


@dataclass
class _Comparison:
    topic: str
    written_by_others: bool
    marked: bool
    """Whether a reader can tell the new form of a message from the old one."""
    found: list[Change] = field(default_factory=list)
    inside: list[tuple[int, int]] = field(default_factory=list)
    """The pairs of object schemas around the field in hand: a class may hold itself."""

    @classmethod
    def of(cls, topic: str, released: Json, present: Json) -> Self:
        raised = present["x-schema-version"] > released["x-schema-version"]
        return cls(topic, released["x-written-by-others"], marked=raised or released["x-kind"] in _WITHOUT_VERSION)

    def documents(self, released: Json, present: Json) -> list[Change]:
        self._about_the_topic(released, present)
        self._types("", (released, released), (present, present))
        return self.found

    # What may happen to a field, seen from the other side.

    def _breaks(self, path: str, what: str, advice: str) -> None:
        self.found.append(Change(self.topic, path, what, advice, unmarked=not self.marked))

    def _narrower(self, path: str, what: str, advice: str) -> None:
        reason = (
            "What others send today would be refused."
            if self.written_by_others
            else "What the release before has said, and what still waits in queues, would be refused."
        )
        self._breaks(path, what, f"{reason} {advice}")

    def _wider(self, path: str, what: str, advice: str) -> None:
        if self.written_by_others:
            self.found.append(Change(self.topic, path, what))
        else:
            self._breaks(path, what, f"Those who read it do not expect that. {advice}")

    def _about_the_topic(self, released: Json, present: Json) -> None:
        if released["x-kind"] != present["x-kind"]:
            what = f"it was a {released['x-kind']} and is a {present['x-kind']} now."
            self._breaks("", what, "Others treat it as what it was. Put that back, or add a topic.")
        if released["x-meaning-key"] != present["x-meaning-key"]:
            was, now = (", ".join(one["x-meaning-key"]) or "nothing" for one in (released, present))
            advice = "It is the unique key of the readers' tables. Leave `meaning` as it was."
            self._breaks("", f"its key was {was} and is {now} now.", advice)
        if released["x-exposure"] != present["x-exposure"]:
            what = f"it was {released['x-exposure']} and is {present['x-exposure']} now."
            advice = "Others may be subscribed to it. Leave it public." if present["x-exposure"] == "internal" else ""
            self.found.append(Change(self.topic, "", what, advice))
        was_version, version = released["x-schema-version"], present["x-schema-version"]
        if was_version != version:
            advice = "Readers set aside a major version that they do not know. Leave it, unless the topic has to break."
            self._breaks("", f"its `schema_version` was {was_version} and is {version} now.", advice)

    def _types(self, path: str, released: tuple[Json, Json], present: tuple[Json, Json]) -> None:
        """Compare two schemas; each comes with the document that holds its definitions."""
        was, now = kinds_of(*released), kinds_of(*present)
        if was is None or now is None:
            if expanded(*released) != expanded(*present):
                self._breaks(path, "it has changed in a way that this gate does not understand.", _KEEP)
            return
        gone, come = [name for name in was if name not in now], [name for name in now if name not in was]
        if ANYTHING in come:
            self._wider(path, f"it was {_listed(was)} and can be anything now.", _KEEP)
        elif gone and come:
            self._breaks(path, f"it was {_listed(was)} and is {_listed(now)} now.", f"It has been retyped. {_KEEP}")
        elif come:
            self._wider(path, f"it can be {_listed(come)} now, beside {_listed(was)}.", _KEEP)
        elif gone:
            self._narrower(path, f"it can no longer be {_listed(gone)}.", "Let it be that.")
        for name in was:
            if name in now:
                self._kind(path, was[name], now[name])

    def _kind(self, path: str, was: Kind, now: Kind) -> None:
        self._words(path, was, now)
        for limit, words in LIMITS.items():
            self._limit(path, limit, words, was, now)
        if was.other_rules != now.other_rules:
            self._breaks(path, f"its rules were {was.other_rules} and are {now.other_rules} now.", _KEEP)
        if was.items is not None and now.items is not None:
            self._types(f"{path}[]", (was.items, was.document), (now.items, now.document))
        pair = (id(was.node), id(now.node))
        if was.is_object and pair not in self.inside:
            self.inside.append(pair)
            self._fields(path, was, now)
            self.inside.pop()

    def _words(self, path: str, was: Kind, now: Kind) -> None:
        if was.words is None and now.words is None:
            return
        if was.words is None:
            self._narrower(path, f"only the words {_quoted(now.words or ())} are allowed now.", "Allow every text.")
        elif now.words is None:
            self._wider(path, f"any text is allowed now, beside {_quoted(was.words)}.", _KEEP)
        else:
            if gone := [word for word in was.words if word not in now.words]:
                self._narrower(path, f"{_quoted(gone)} is no longer among its words.", "Keep the word in the list.")
            if come := [word for word in now.words if word not in was.words]:
                self._wider(path, f"{_quoted(come)} is new among its words.", _KEEP)

    def _limit(self, path: str, limit: str, words: str, was: Kind, now: Kind) -> None:
        before, after = was.limits.get(limit), now.limits.get(limit)
        if before == after:
            return
        shown = f"{words} was {_limit_words(before)} and is {_limit_words(after)} now."
        wider = after is None or (before is not None and (after < before if limit in _LOWER else after > before))
        (self._wider if wider else self._narrower)(path, shown, "Leave the limit as it was.")

    def _fields(self, path: str, was: Kind, now: Kind) -> None:
        before, after = was.node.get("properties", {}), now.node.get("properties", {})
        needed_before, needed_after = was.node.get("required", ()), now.node.get("required", ())
        added = [name for name in after if name not in before]
        for name, schema in before.items():
            place = f"{path}.{name}".lstrip(".")
            if name not in after:
                self._gone(place, schema, {other: after[other] for other in added})
                continue
            if name in needed_after and name not in needed_before:
                self._narrower(place, "it may no longer be absent.", _OPTIONAL)
            elif name in needed_before and name not in needed_after:
                self._wider(place, "it may be absent now, and was always there.", "Keep it without a default.")
            elif not _same_default(schema.get("default"), after[name].get("default")):
                shown = (f"`{one.get('default')}`" for one in (schema, after[name]))
                self._breaks(
                    place,
                    "absent meant {}, and means {} now.".format(*shown),
                    "What was written without it would come to mean something else. Leave the default as it was.",
                )
            self._types(place, (schema, was.document), (after[name], now.document))
        for name in added:
            place = f"{path}.{name}".lstrip(".")
            if name in needed_after:
                self._narrower(place, "a new field that may not be absent.", _OPTIONAL)
            elif "additionalProperties" in was.other_rules:
                self._wider(place, "a new field, where no other fields were allowed.", "Put it elsewhere.")
            else:
                self.found.append(Change(self.topic, place, "a new field that may be absent."))

    def _gone(self, place: str, schema: Json, added: Mapping[str, Json]) -> None:
        heir = next((name for name, other in added.items() if _same_meaning(schema, other)), None)
        what = f"the field has been renamed to `{heir}`." if heir else "the field is gone."
        verb = "send" if self.written_by_others else "read"
        also = (
            f" Keep it beside `{heir}`."
            if heir
            else " Put it back. If it is not needed any more, say that in its description."
        )
        self._breaks(place, what, f"Others {verb} it.{also}")


def _same_meaning(one: Json, other: Json) -> bool:
    return bool(one.get("description")) and {**one, "title": ""} == {**other, "title": ""}


def _same_default(was: Any, now: Any) -> bool:
    # The default of a part holds all of its fields, a new one too; that one is told of by itself.
    if isinstance(was, dict) and isinstance(now, dict):
        return all(_same_default(value, now.get(name)) for name, value in was.items())
    return bool(was == now)


def _listed(kinds: Mapping[str, Kind] | list[str]) -> str:
    return " or ".join(kinds)


def _quoted(words: Any) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _limit_words(limit: float | None) -> str:
    return "open" if limit is None else str(limit)
