import io
from datetime import UTC, datetime
from typing import Any

from local_stack.listening import Names, Printer
from servicekit.operator.story import Story

WEBINAR = "0199d0a4-0000-7000-8000-000000000001"
LEAD = "lead-0001-of-this-test"


def known() -> Story:
    story = Story()
    story.tell("account_event", {"account_id": LEAD, "display_name": "Кирилл", "role": "candidate", "version": 1})
    story.tell("webinar_event", webinar(1, "scheduled"))
    return story


def webinar(version: int, status: str, **changed: Any) -> dict[str, Any]:
    return {"webinar_id": WEBINAR, "title": "Знакомство", "status": status, "version": version, **changed}


def test_a_lead_and_a_webinar_are_told_by_name() -> None:
    words = known().tell("client_webinar_entered", {"lead_id": LEAD, "webinar_id": WEBINAR})

    assert words == "Кирилл entered “Знакомство”"


def test_who_is_unknown_is_told_by_the_beginning_of_the_id() -> None:
    words = Story().tell("user_attended", {"lead_id": LEAD, "webinar_id": WEBINAR})

    assert words == "account lead-000 attended webinar 0199d0a4"


def test_a_webinar_is_told_when_its_status_changes() -> None:
    assert known().tell("webinar_event", webinar(2, "live")) == "“Знакомство” is live"


def test_a_webinar_that_is_announced_again_is_not_news() -> None:
    story = known()

    assert story.tell("webinar_event", webinar(1, "scheduled")) is None
    assert story.tell("webinar_event", webinar(2, "scheduled")) is None


def test_an_older_webinar_that_comes_late_is_not_news() -> None:
    story = known()
    story.tell("webinar_event", webinar(3, "finished"))

    assert story.tell("webinar_event", webinar(2, "live")) is None


def test_an_account_that_is_announced_again_is_not_news() -> None:
    story = known()
    account = {"account_id": LEAD, "display_name": "Кирилл", "role": "candidate", "version": 2}

    assert story.tell("account_event", account) is None
    assert story.tell("account_event", {**account, "active": False}) == "Кирилл was deactivated"


def test_presence_is_not_told() -> None:
    assert Story().tell("room_presence", {"webinar_id": WEBINAR}) is None


def test_a_topic_nobody_foresaw_is_told_by_its_fields() -> None:
    assert Story().tell("something_new", {"a": 1, "b": {"c": 2}}) == "a 1"


def test_a_delivery_says_to_whom_and_how_it_went() -> None:
    body = {"lead_id": LEAD, "recipient": "partner", "step": "partner_notice", "state": "failed", "reason": "gone"}

    assert (
        known().tell("post_webinar_delivery", {"version": 1, **body})
        == "message “partner_notice” to the partner of Кирилл: failed (gone)"
    )


def printed(topic: str, body: dict[str, Any], *, quiet: bool = False) -> str:
    output = io.StringIO()
    printer = Printer(output)
    printer.quiet = quiet
    printer.heard(topic, "tracker", datetime(2026, 3, 2, 12, 0, tzinfo=UTC), body)
    return output.getvalue()


def test_a_name_cannot_send_commands_to_the_terminal() -> None:
    line = printed("account_event", {"account_id": "a", "display_name": "\x1b[2J\nme", "role": "candidate"})

    assert "\x1b" not in line
    assert line.count("\n") == 1


def test_a_message_that_makes_no_sense_does_not_end_the_story() -> None:
    assert "not understood" in printed("client_webinar_classified", {}) + printed("webinar_event", {"status": "live"})


def test_a_quiet_printer_prints_nothing() -> None:
    assert printed("webinar_started", {"webinar_id": WEBINAR}, quiet=True) == ""


def test_what_is_told_again_for_somebody_else_is_not_news() -> None:
    story = Story(accounts={LEAD: "Кирилл"}, webinars={WEBINAR: webinar(900, "scheduled")}, news_from=1000)
    account = {"account_id": LEAD, "display_name": "Кирилл", "role": "candidate", "version": 800}
    figures = {"lead_id": LEAD, "webinar_id": WEBINAR, "watched_seconds": 8, "base_seconds": 8, "final": True}

    assert story.tell("account_event", account) is None
    assert story.tell("webinar_event", webinar(900, "scheduled")) is None
    assert story.tell("participation_event", {**figures, "version": 990}) is None
    assert story.tell("participation_event", {**figures, "version": 1010}) == "Кирилл: watched 8 s of 8 s, final"
    assert story.tell("participation_event", {**figures, "version": 1010}) is None
    assert story.tell("webinar_event", webinar(1010, "live")) == "“Знакомство” is live"


def test_names_are_known_from_the_beginning() -> None:
    output = io.StringIO()
    printer = Printer(output)
    printer.quiet = True
    printer.begin(Names({LEAD: "Кирилл"}, {WEBINAR: webinar(1, "scheduled")}))

    printer.heard("client_webinar_entered", "tracker", datetime.now(UTC), {"lead_id": LEAD, "webinar_id": WEBINAR})

    assert output.getvalue().rstrip().endswith("Кирилл entered “Знакомство”")
