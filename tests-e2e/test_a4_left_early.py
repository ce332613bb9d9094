"""A4: who left early and had not watched enough is classified `attended: false`, and gets another message."""

from world.desk import Desk
from world.facts import COMPLETED, NOT_COMPLETED
from world.people import Cast
from world.rooms import Browsers
from world.system import World
from world.telegram import Telegram


def test_who_left_early_did_not_attend(
    world: World, cast: Cast, desk: Desk, browsers: Browsers, telegram: Telegram
) -> None:
    _, [leaves, stays] = cast.family(2, linked=True)
    absent = cast.one()
    webinar_id = desk.plan("Ушёл раньше")
    facts = world.facts(webinar_id)
    leaving, _ = (browsers.room(cast.caller(person), webinar_id) for person in (leaves, stays))
    started = desk.start(webinar_id)
    world.let_run(started, 6)
    leaving.leave()
    # Half of it, however slow this machine is.
    world.let_run(started, 2 * (world.ledger.now() - started.moment("started_at")).total_seconds())

    desk.stop(webinar_id)

    facts.wait_for_outcome(leaves, stays)
    facts.expect(leaves, NOT_COMPLETED)
    facts.expect(stays, COMPLETED)
    verdict = facts.wait_for("client_webinar_attendance_classified", leaves)
    assert (verdict["attended"], verdict["reason"]) == (False, "not_completed")
    # More than the minimum, and not enough of the whole.
    assert verdict["watched_seconds"] >= 5
    assert 30 < verdict["watched_percent"] < 70
    assert facts.wait_for("post_webinar_route", leaves)["route"] == "not_attended"
    [text] = telegram.wait_for(leaves.chat_id or 0, "Ушёл раньше")
    assert "вы заходили на вебинар" in text
    facts.expect_no_trace(absent)

    # The recording comes later, to who was there and did not stay, and to nobody else.
    answer = desk.save("draft", webinar_id=webinar_id, recording_url="https://video.example/recording-4")
    assert answer.status_code == 303
    telegram.wait_for(leaves.chat_id or 0, "https://video.example/recording-4")
    facts.wait_for_delivery(leaves, "recording", "sent")
    assert facts.deliveries(stays, step="recording") == []
    assert telegram.texts(stays.chat_id or 0, "https://video.example/recording-4") == []
