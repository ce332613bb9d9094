"""`webinarctl ledger`, `resend` and the doctor's look at the bot."""

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import typer
from contracts import DeliveryState, PostWebinarDelivery, PostWebinarFollowupControl
from post_webinar.operator import commands
from post_webinar.operator.check import telegram
from post_webinar.testing import PAUL, ledger, link_chat, person, tell, verdict, webinar
from servicekit.operator.findings import Report
from servicekit.testing import ServiceUnderTest
from telegram_sandbox.faults import Fault
from telegram_sandbox.server import Sandbox
from typer.testing import CliRunner, Result

TOKEN = "123456:any-token-that-nobody-should-read"
NO_SETTINGS: dict[str, str | None] = {"DATABASE_URL": None}
Webinarctl = Callable[..., Awaitable[Result]]


@pytest.fixture
def webinarctl(service: ServiceUnderTest) -> Webinarctl:
    app = typer.Typer()
    app.command("ledger")(commands.ledger)
    app.command("resend")(commands.resend)

    async def call(*words: str, answer: str = "") -> Result:
        settings = NO_SETTINGS | {"SERVICE_DATABASE_URL": service.database.url}
        result = await asyncio.to_thread(lambda: CliRunner().invoke(app, words, env=settings, input=answer))
        await service.collect()
        return result

    return call


async def with_messages(service: ServiceUnderTest) -> UUID:
    """Return a webinar after which Anna's message is uncertain, Boris has none for want of a chat, Paul has notices."""
    webinar_id = uuid4()
    await tell(service, webinar(webinar_id), PAUL, person("anna"), person("boris"))
    await tell(service, verdict(webinar_id, "anna"), verdict(webinar_id, "boris", attended=False))
    await link_chat(service, "anna", 1)
    await service.database.pool.execute(
        "update delivery set state = 'uncertain', reason = 'no_answer_in_time' where account_id = 'anna'"
    )
    await service.database.pool.execute("update delivery set state = 'not_linked' where account_id = 'boris'")
    await service.collect()
    service.said(PostWebinarDelivery)
    return webinar_id


async def delivery_of(service: ServiceUnderTest, account_id: str) -> str:
    return str(
        await service.database.pool.fetchval(
            "select delivery_id from delivery where account_id = $1 order by copy limit 1", account_id
        )
    )


async def test_the_ledger_tells_who_got_what_and_begins_with_what_is_not_known(
    service: ServiceUnderTest, webinarctl: Webinarctl
) -> None:
    webinar_id = await with_messages(service)

    result = await webinarctl("ledger", str(webinar_id))
    answer = json.loads((await webinarctl("ledger", str(webinar_id), "--json")).stdout)
    narrowed = await webinarctl("ledger", str(webinar_id), "--state", "not_linked")

    first, *others = (line.split("\t") for line in result.stdout.splitlines())
    assert first[2:6] == ["Anna", "attended", "uncertain", "no_answer_in_time"]
    assert first[1].endswith(first[0])
    assert "Paul" in {row[2] for row in others}
    assert any(row[3] == "partner_notice on Boris" for row in others)
    assert "uncertain: handed to Telegram, and no answer came" in result.stderr
    assert answer["counts"]["uncertain"] == 1
    assert answer["deliveries"][0]["state"] == "uncertain"
    assert {line.split("\t")[2] for line in narrowed.stdout.splitlines()} == {"Boris"}


async def test_a_webinar_that_nobody_knows_is_said_to_be_so(webinarctl: Webinarctl) -> None:
    missing = await webinarctl("ledger", str(uuid4()))

    assert (missing.exit_code, missing.stdout) == (1, "")
    assert "knows no webinar" in missing.stderr


async def test_a_message_is_sent_again_after_a_yes_and_only_once(
    service: ServiceUnderTest, webinarctl: Webinarctl
) -> None:
    webinar_id = await with_messages(service)
    delivery_id = await delivery_of(service, "anna")

    refused = await webinarctl("resend", delivery_id, answer="n\n")
    nothing = service.said(PostWebinarDelivery)
    agreed = await webinarctl("resend", delivery_id[-12:], answer="y\n")
    twice = await webinarctl("resend", delivery_id, "--yes")

    assert (refused.exit_code, nothing) == (1, [])
    assert "It may have arrived already" in refused.stderr
    assert agreed.exit_code == 0
    [copy] = service.said(PostWebinarDelivery)
    assert (copy.lead_id, copy.state, str(copy.delivery_id) != delivery_id) == ("anna", "planned", True)
    assert twice.exit_code == 1
    assert "was sent again already" in twice.stderr
    assert [row["copy"] for row in await ledger(service) if row["account_id"] == "anna"] == [0, 1]
    # The row that is in doubt stays so, and says that it was taken care of.
    assert "no_answer_in_time, sent again" in (await webinarctl("ledger", str(webinar_id))).stdout


async def test_it_does_what_the_desk_s_command_does(service: ServiceUnderTest, webinarctl: Webinarctl) -> None:
    rows = []
    for by_the_desk in (True, False):
        await with_messages(service)
        delivery_id = await service.database.pool.fetchval(
            "select delivery_id from delivery where account_id = 'boris' order by delivery_id desc limit 1"
        )
        if by_the_desk:
            await service.obey(PostWebinarFollowupControl(action="resend", delivery_id=delivery_id))
        else:
            await webinarctl("resend", str(delivery_id), "--yes")
        said = service.said(PostWebinarDelivery)
        rows.append(sorted((one.state.value, one.reason, one.attempts) for one in said))

    assert rows[0] == rows[1] == [("cancelled", "sent_again", 0), ("planned", None, 0)]


@pytest.mark.parametrize("word", ["x", "1234", "' or true --", "0" * 40])
async def test_what_is_no_id_sends_nothing(service: ServiceUnderTest, webinarctl: Webinarctl, word: str) -> None:
    await with_messages(service)

    assert (await webinarctl("resend", word, "--yes")).exit_code == 1
    assert service.said(PostWebinarDelivery) == []


async def test_what_was_sent_is_not_sent_again(service: ServiceUnderTest, webinarctl: Webinarctl) -> None:
    await with_messages(service)
    await service.database.pool.execute("update delivery set state = 'sent' where account_id = 'anna'")

    refused = await webinarctl("resend", await delivery_of(service, "anna"), "--yes")

    assert refused.exit_code == 1
    assert f"A message that is {DeliveryState.SENT} is not sent again" in refused.stderr


async def looked_at(monkeypatch: pytest.MonkeyPatch, **settings: str) -> tuple[str, str]:
    """Return what the doctor finds with these settings: the state and the words; the token is in none of them."""
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    report = Report()
    await telegram(report)
    assert TOKEN.partition(":")[2] not in str(report)
    [finding] = report.findings
    return finding.state.value, finding.words


async def test_the_doctor_asks_telegram_who_the_bot_is(
    served: tuple[Sandbox, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox, url = served
    settings: dict[str, Any] = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_API_URL": url}

    good = await looked_at(monkeypatch, **settings)
    sandbox.api.faults.waiting.append(Fault("401", method="getme"))
    refused = await looked_at(monkeypatch, **settings)
    malformed = await looked_at(monkeypatch, **settings | {"TELEGRAM_BOT_TOKEN": "no token"})
    away = await looked_at(monkeypatch, **settings | {"TELEGRAM_API_URL": "http://127.0.0.1:1"})
    off = await looked_at(monkeypatch, TELEGRAM_BOT_TOKEN="")

    assert good[0] == "ok"
    assert "@" in good[1]
    assert (refused[0], "refused" in refused[1]) == ("broken", True)
    assert (malformed[0], away[0]) == ("broken", "broken")
    assert (off[0], "nothing is sent" in off[1]) == ("attention", True)


def test_webinarctl_finds_its_commands_by_the_entry_points() -> None:
    points = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["entry-points"]
    found = {name: EntryPoint(name, value, group).load() for group in points for name, value in points[group].items()}
    assert found == {"ledger": commands.ledger, "resend": commands.resend, "post-webinar.telegram": telegram}
