"""What counts as a break, by who is on the other side; every kind of it once, on the schemas as they were released."""

import copy
import re
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from contracts.release import Change, changes
from contracts.schemas import newest_schemas
from hypothesis import given, settings
from hypothesis import strategies as st

Json = dict[str, Any]
Edit = Callable[[dict[str, Json]], object]


def found_after(edit: Edit) -> list[Change]:
    present = copy.deepcopy(newest_schemas())
    edit(present)
    return list(changes(newest_schemas(), present))


def field(schemas: dict[str, Json], topic: str, name: str) -> Json:
    found: Json = schemas[topic]["properties"][name]
    return found


def words(schemas: dict[str, Json], topic: str, name: str) -> list[str]:
    found: list[str] = schemas[topic]["$defs"][name]["enum"]
    return found


def is_optional(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}], "default": None, "description": "new"}


def rename_topic(schemas: dict[str, Json]) -> None:
    schemas["webinar_ended"] = schemas.pop("webinar_finished")


def rename_field(schemas: dict[str, Json]) -> None:
    fields = schemas["user_attended"]["properties"]
    fields["at"] = fields.pop("timestamp")
    schemas["user_attended"]["required"] = ["lead_id", "webinar_id", "at"]


def add_required(topic: str) -> Edit:
    def edit(schemas: dict[str, Json]) -> None:
        schemas[topic]["properties"]["country"] = {"type": "string", "description": "new"}
        schemas[topic]["required"].append("country")

    return edit


def make_null(schemas: dict[str, Json]) -> None:
    schemas["user_attended"]["properties"]["timestamp"] = is_optional(field(schemas, "user_attended", "timestamp"))


def make_absent(schemas: dict[str, Json]) -> None:
    schemas["user_attended"]["required"].remove("timestamp")


BREAKS: dict[str, tuple[Edit, str, str]] = {
    "a topic that is gone": (lambda s: s.pop("cta_clicked"), "cta_clicked", "the topic is gone"),
    "a renamed topic": (rename_topic, "webinar_finished", "the topic has been renamed to `webinar_ended`"),
    "a signal that is gone": (lambda s: s.pop("room_presence"), "room_presence", "the topic is gone"),
    "a command that is gone": (lambda s: s.pop("message_template_set"), "message_template_set", "the topic is gone"),
    "a field that is gone": (
        lambda s: s["webinar_event"]["properties"].pop("cta_windows"),
        "webinar_event, `cta_windows`",
        "the field is gone",
    ),
    "a field of a part that is gone": (
        lambda s: s["webinar_event"]["$defs"]["OnAirWindow"]["properties"].pop("to"),
        "webinar_event, `on_air[].to`",
        "the field is gone",
    ),
    "a field that is gone from the webinar in a reply": (
        lambda s: s["command_reply"]["$defs"]["WebinarEvent"]["properties"].pop("title"),
        "command_reply, `webinar.title`",
        "the field is gone",
    ),
    "a header that is gone": (
        lambda s: s["envelope"]["properties"].pop("causation_id"),
        "envelope, `causation_id`",
        "the field is gone",
    ),
    "a retyped field": (
        lambda s: field(s, "client_webinar_completed", "watched_seconds").update(type="number"),
        "client_webinar_completed, `watched_seconds`",
        "it was an integer and is a number now",
    ),
    "an id that is any text": (
        lambda s: field(s, "webinar_started", "webinar_id").pop("format"),
        "webinar_started, `webinar_id`",
        "it was a UUID and is a string now",
    ),
    "a retyped field of a command": (
        lambda s: field(s, "core_webinar_set_cta_visibility", "visible").update(type="string"),
        "core_webinar_set_cta_visibility, `visible`",
        "it was a boolean and is a string now",
    ),
    "a fact's field that can be null": (
        make_null,
        "user_attended, `timestamp`",
        "it can be null now, beside a time",
    ),
    "a command's field that cannot be null": (
        lambda s: s["core_webinar_set_status"]["properties"].update(
            context={"$ref": "#/$defs/StatusContext", "default": None}
        ),
        "core_webinar_set_status, `context`",
        "it can no longer be null",
    ),
    "a word more for readers": (
        lambda s: words(s, "post_webinar_delivery", "DeliveryState").append("read"),
        "post_webinar_delivery, `state`",
        "`read` is new among its words",
    ),
    "a word less in what waits in queues": (
        lambda s: words(s, "post_webinar_delivery", "Step").remove("recording"),
        "post_webinar_delivery, `step`",
        "`recording` is no longer among its words",
    ),
    "an error code more for who reads replies": (
        lambda s: words(s, "command_reply", "ErrorCode").append("tired"),
        "command_reply, `error.code`",
        "`tired` is new among its words",
    ),
    "words where every text was": (
        lambda s: field(s, "core_webinar_set_status", "status").update(enum=["start", "stop"]),
        "core_webinar_set_status, `status`",
        "only the words `start`, `stop` are allowed now",
    ),
    "every text where words were": (
        lambda s: field(s, "client_webinar_entered", "webinar_type").pop("const"),
        "client_webinar_entered, `webinar_type`",
        "any text is allowed now, beside `live`",
    ),
    "a command's word less": (
        lambda s: field(s, "core_webinar_upsert", "stream_type")["enum"].remove("zoom"),
        "core_webinar_upsert, `stream_type`",
        "`zoom` is no longer among its words",
    ),
    "a lower limit for writers": (
        lambda s: field(s, "core_webinar_upsert", "title").update(maxLength=100),
        "core_webinar_upsert, `title`",
        "the highest number of characters was 200 and is 100 now",
    ),
    "a higher limit for readers": (
        lambda s: field(s, "message_template_event", "text").update(maxLength=9000),
        "message_template_event, `text`",
        "the highest number of characters was 4000 and is 9000 now",
    ),
    "no limit for readers": (
        lambda s: field(s, "client_webinar_attendance_classified", "watched_percent").pop("maximum"),
        "client_webinar_attendance_classified, `watched_percent`",
        "the highest value was 100 and is open now",
    ),
    "a higher minimum": (
        lambda s: field(s, "room_presence", "parts").update(minimum=2),
        "room_presence, `parts`",
        "the least value was 1 and is 2 now",
    ),
    "a field that a command must bring": (
        add_required("message_template_set"),
        "message_template_set, `country`",
        "a new field that may not be absent",
    ),
    "a field that a fact from before does not have": (
        add_required("user_attended"),
        "user_attended, `country`",
        "a new field that may not be absent",
    ),
    "a command's field that may not be absent any more": (
        lambda s: s["post_webinar_followup_control"]["required"].append("webinar_id"),
        "post_webinar_followup_control, `webinar_id`",
        "it may no longer be absent",
    ),
    "a fact's field that may be absent": (make_absent, "user_attended, `timestamp`", "it may be absent now"),
    "another meaning of what is absent": (
        lambda s: field(s, "webinar_event", "completion_percent").update(default=80),
        "webinar_event, `completion_percent`",
        "absent meant `70`, and means `80` now",
    ),
    "another key": (
        lambda s: s["user_attended"].update({"x-meaning-key": ["lead_id"]}),
        "user_attended",
        "its key was lead_id, webinar_id and is lead_id now",
    ),
    "a public topic that is internal": (
        lambda s: s["cta_shown"].update({"x-exposure": "internal"}),
        "cta_shown",
        "it was public and is internal now",
    ),
    "a fact that is a snapshot": (
        lambda s: s["cta_shown"].update({"x-kind": "snapshot"}),
        "cta_shown",
        "it was a fact and is a snapshot now",
    ),
    "another major version": (
        lambda s: s["cta_shown"].update({"x-schema-version": 2}),
        "cta_shown",
        "its `schema_version` was 1 and is 2 now",
    ),
    "a rule that the gate does not know": (
        lambda s: field(s, "message_template_event", "locale").update(pattern="^[a-z]{2}$"),
        "message_template_event, `locale`",
        "its rules were {} and are {'pattern': '^[a-z]{2}$'} now",
    ),
    "a form that the gate does not know": (
        lambda s: s["cta_shown"]["properties"].update(at={"oneOf": [{"type": "string"}, {"type": "integer"}]}),
        "cta_shown, `at`",
        "it has changed in a way that this gate does not understand",
    ),
    "no unknown fields": (
        lambda s: s["core_webinar_upsert"].update(additionalProperties=False),
        "core_webinar_upsert",
        "its rules were {} and are {'additionalProperties': False} now",
    ),
}


@pytest.mark.parametrize(("edit", "place", "what"), BREAKS.values(), ids=BREAKS)
def test_a_break_is_named_with_what_to_do(edit: Edit, place: str, what: str) -> None:
    [broken] = [change for change in found_after(edit) if change.breaks]

    assert str(broken).startswith(f"{place}: {what}")
    assert re.search(r"\n    [A-Z].+\.$", str(broken))


def test_a_renamed_field_is_recognised_and_a_fact_from_before_lacks_the_new_one() -> None:
    renamed, required = [change for change in found_after(rename_field) if change.breaks]

    assert str(renamed).startswith("user_attended, `timestamp`: the field has been renamed to `at`.")
    assert str(required).startswith("user_attended, `at`: a new field that may not be absent.")


def add_topic(schemas: dict[str, Json]) -> None:
    schemas["webinar_rated"] = {**copy.deepcopy(schemas["cta_shown"]), "title": "webinar_rated"}


def add_to_part(schemas: dict[str, Json]) -> None:
    # The default of the part that holds it names the new field, too.
    schemas["account_event"]["$defs"]["ContactCard"]["properties"]["city"] = is_optional({"type": "string"})
    field(schemas, "account_event", "contact")["default"]["city"] = None


def let_be_absent(schemas: dict[str, Json]) -> None:
    schemas["message_template_set"]["required"].remove("locale")
    field(schemas, "message_template_set", "locale")["default"] = "ru"


PASSES: dict[str, tuple[Edit, str]] = {
    "a field that may be absent": (
        lambda s: s["user_attended"]["properties"].update(rule=is_optional({"type": "integer"})),
        "user_attended, `rule`: a new field that may be absent.",
    ),
    "a field that may be absent, in a command": (
        lambda s: s["message_template_set"]["properties"].update(note=is_optional({"type": "string"})),
        "message_template_set, `note`: a new field that may be absent.",
    ),
    "a field of a part that may be absent": (
        add_to_part,
        "account_event, `contact.city`: a new field that may be absent.",
    ),
    "a new topic": (add_topic, "webinar_rated: a new topic."),
    "a header that may be absent": (
        lambda s: s["envelope"]["properties"].update(tracestate=is_optional({"type": "string"})),
        "envelope, `tracestate`: a new field that may be absent.",
    ),
    "a word more for who writes": (
        lambda s: field(s, "core_webinar_upsert", "stream_type")["enum"].append("vk"),
        "core_webinar_upsert, `stream_type`: `vk` is new among its words.",
    ),
    "a higher limit for who writes": (
        lambda s: field(s, "core_webinar_upsert", "title").update(maxLength=300),
        "core_webinar_upsert, `title`: the highest number of characters was 200 and is 300 now.",
    ),
    "a command's field that may be absent now": (
        let_be_absent,
        "message_template_set, `locale`: it may be absent now, and was always there.",
    ),
    "a command's field that may be anything": (
        lambda s: field(s, "message_template_set", "text").pop("type"),
        "message_template_set, `text`: it was a string and can be anything now.",
    ),
    "an internal topic that is public": (
        lambda s: s["room_finish"].update({"x-exposure": "public"}),
        "room_finish: it was internal and is public now.",
    ),
}


@pytest.mark.parametrize(("edit", "said"), PASSES.values(), ids=PASSES)
def test_what_breaks_nobody_passes_and_is_told(edit: Edit, said: str) -> None:
    assert [(str(change), change.breaks) for change in found_after(edit)] == [(said, False)]


def test_other_words_for_the_same_are_no_change() -> None:
    def edit(schemas: dict[str, Json]) -> None:
        schemas["user_attended"]["description"] = "Said in another way."
        field(schemas, "user_attended", "lead_id")["description"] = "who it was"

    assert found_after(edit) == []


def test_a_definition_under_another_name_is_no_change() -> None:
    def edit(schemas: dict[str, Json]) -> None:
        definitions = schemas["webinar_started"]["$defs"]
        definitions["Cause"] = definitions.pop("StatusContext")
        field(schemas, "webinar_started", "context")["$ref"] = "#/$defs/Cause"

    assert found_after(edit) == []


def test_a_part_is_looked_at_wherever_it_stands_and_within_itself_once() -> None:
    tree = {
        **newest_schemas()["cta_shown"],
        "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
        "properties": {"left": {"$ref": "#/$defs/Node"}, "right": {"$ref": "#/$defs/Node"}},
        "required": [],
    }
    wider = copy.deepcopy(tree)
    wider["$defs"]["Node"]["properties"]["leaf"] = {"type": "string", "default": ""}

    assert [change.field for change in changes({"tree": tree}, {"tree": wider})] == ["left.leaf", "right.leaf"]


STRING, UUID = {"type": "string"}, {"type": "string", "format": "uuid"}
CLOSED = {"type": "object", "properties": {"x": STRING}, "additionalProperties": False}
NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
UNCLEAR: dict[str, tuple[Json, Json, Json]] = {
    # What the field was, what it is, and the definition that both can refer to, as it is now (it was a text).
    "a field more in what was closed": (CLOSED, CLOSED | {"properties": {"x": STRING, "y": STRING}}, STRING),
    "a rule beside alternatives": ({"anyOf": [STRING]}, {"anyOf": [STRING], "not": {"const": "a"}}, STRING),
    "a rule beside a reference": ({"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/Node", "minLength": 2}, STRING),
    "two alternatives of one kind": (
        {"anyOf": [STRING | {"maxLength": 1}, STRING | {"minLength": 9}]},
        {"anyOf": [STRING | {"maxLength": 2}, STRING | {"minLength": 9}]},
        STRING,
    ),
    "a definition that an alternative refers to": ({"oneOf": [{"$ref": "#/$defs/Node"}]},) * 2 + (UUID,),
    "a definition that a rule refers to": ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Node"}},) * 2
    + (UUID,),
    "a definition that holds itself": ({"oneOf": [{"$ref": "#/$defs/Node"}]},) * 2 + (NODE,),
}


@pytest.mark.parametrize(("was", "now", "definition"), UNCLEAR.values(), ids=UNCLEAR)
def test_what_is_hard_to_tell_is_held_to_stay(was: Json, now: Json, definition: Json) -> None:
    def released(one: Json, defined: Json) -> dict[str, Json]:
        return {"t": newest_schemas()["cta_shown"] | {"properties": {"f": one}, "$defs": {"Node": defined}}}

    assert [change for change in changes(released(was, STRING), released(now, definition)) if change.breaks]
    assert list(changes(released(was, definition), released(was, definition))) == []


# A second opinion: whatever the gate lets pass, a validator has to let pass, too.

LIMIT = st.none() | st.integers(0, 3)


def limited(kind: str, least: str, most: str) -> st.SearchStrategy[Json]:
    def build(low: int | None, high: int | None) -> Json:
        limits = {least: low, most: high}
        return {"type": kind} | {name: limit for name, limit in limits.items() if limit is not None}

    return st.builds(build, LIMIT, LIMIT)


WORDS = st.sampled_from([["a"], ["bb"], ["a", "bb"], ["bb", "a"]]).map(lambda words: {"type": "string", "enum": words})
TEXT = limited("string", "minLength", "maxLength")
NUMBER = limited("integer", "minimum", "maximum")
SCALAR: st.SearchStrategy[Json] = st.one_of(WORDS, TEXT, NUMBER, st.just({"type": "boolean"}), st.just({}))


def in_a_list(entry: Json) -> Json:
    return {"type": "array", "items": entry}


def in_a_part(part: Json) -> Json:
    return {"type": "object", "properties": {"x": part}, "required": ["x"]}


def pairs(kind: st.SearchStrategy[Json]) -> st.SearchStrategy[tuple[Json, Json]]:
    """Two fields that are much alike: else they nearly always differ too much to say anything."""

    def build(one: Json, other: Json, nulls: tuple[bool, bool], around: Callable[[Json], Json]) -> tuple[Json, Json]:
        was, now = (
            {"anyOf": [schema, {"type": "null"}]} if null else schema
            for schema, null in zip((one, other), nulls, strict=True)
        )
        return around(was), around(now)

    nulls = st.just((False, False)) | st.tuples(st.booleans(), st.booleans())
    return st.builds(build, kind, kind, nulls, st.sampled_from([lambda schema: schema, in_a_list, in_a_part]))


FIELDS = st.one_of(pairs(WORDS), pairs(TEXT), pairs(NUMBER), pairs(SCALAR))
TOLD = {"x-kind": "fact", "x-exposure": "public", "x-meaning-key": [], "x-schema-version": 1}
VALUES: list[Any] = [None, True, -1, 0, 1, 2, 3, 4, "", "a", "bb", "ccc", "dddd"]
BODIES = [{}, *({"f": one} for value in VALUES for one in (value, [value], {"x": value}, {}, []))]


@settings(max_examples=300, deadline=None)
@given(fields=FIELDS, required=st.just((True, True)) | st.tuples(st.booleans(), st.booleans()), written=st.booleans())
def test_what_passes_the_gate_is_valid_on_both_sides(
    fields: tuple[Json, Json], required: tuple[bool, bool], written: bool
) -> None:
    was, now = (
        {"type": "object", "properties": {"f": field}, "required": ["f"] * needed}
        for field, needed in zip(fields, required, strict=True)
    )
    told = TOLD | {"x-written-by-others": written}
    if any(change.breaks for change in changes({"t": told | was}, {"t": told | now})):
        return

    before, after = jsonschema.Draft202012Validator(was), jsonschema.Draft202012Validator(now)
    for body in BODIES:
        if before.is_valid(body):
            assert after.is_valid(body), f"{body}: what was sent before is refused"
        elif not written:
            assert not after.is_valid(body), f"{body}: a reader is surprised"
