"""`webinarctl core`: an operator pauses, resumes and archives."""

import asyncio
import json
import tomllib
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from contracts import WebinarEvent, WebinarStatus
from core_webinar.cli import REFUSED, UNAVAILABLE, app
from core_webinar.domain import Authorship, Decision
from core_webinar.recording import record
from core_webinar.testing import webinar
from servicekit.testing import ServiceUnderTest
from typer.testing import CliRunner, Result

Webinarctl = Callable[..., Awaitable[Result]]


@pytest.fixture
def webinarctl_core(core: ServiceUnderTest) -> Webinarctl:
    """Return a way to call the commands as a process of its own would: in another thread, with its own connection."""

    async def call(*words: str, url: str | None = None) -> Result:
        environment = {"SERVICE_DATABASE_URL": core.database.url if url is None else url, "DATABASE_URL": None}
        result = await asyncio.to_thread(CliRunner().invoke, app, words, env=environment)
        await core.collect()
        return result

    return call


async def kept(core: ServiceUnderTest, status: WebinarStatus) -> UUID:
    """Return the id of a stored webinar in that state."""
    one = webinar(status)
    async with core.database.work() as work:
        await record(work, [Decision(None, one)], Authorship("system"))
    await core.collect()
    core.said(WebinarEvent)
    return one.webinar_id


async def test_an_operator_pauses_and_resumes(core: ServiceUnderTest, webinarctl_core: Webinarctl) -> None:
    webinar_id = await kept(core, WebinarStatus.LIVE)
    paused = await webinarctl_core("pause", str(webinar_id), "--reason", "sound is gone")
    assert (paused.exit_code, paused.stdout) == (0, "How to begin is paused.\n")
    [snapshot] = core.said(WebinarEvent)
    assert snapshot.status is WebinarStatus.PAUSED
    assert snapshot.on_air[-1].to is not None
    resumed = await webinarctl_core("resume", str(webinar_id))
    assert (resumed.exit_code, resumed.stdout) == (0, "How to begin is live again.\n")
    [snapshot] = core.said(WebinarEvent)
    assert len(snapshot.on_air) == 2
    assert snapshot.on_air[-1].to is None
    trail = await core.database.pool.fetch(
        "select after, source, reason from audit where webinar_id = $1 and field = 'status' order by audit_id",
        webinar_id,
    )
    assert [tuple(row) for row in trail[1:]] == [
        ("paused", "system", "sound is gone"),
        ("live", "system", "webinarctl"),
    ]


async def test_an_operator_archives(core: ServiceUnderTest, webinarctl_core: Webinarctl) -> None:
    webinar_id = await kept(core, WebinarStatus.FINISHED)
    result = await webinarctl_core("archive", str(webinar_id), "--json")
    assert result.exit_code == 0
    reply = json.loads(result.stdout)
    assert (reply["ok"], reply["webinar"]["status"]) == (True, "archived")
    assert [each.status for each in core.said(WebinarEvent)] == [WebinarStatus.ARCHIVED]


@pytest.mark.parametrize(
    ("command", "status", "expected"),
    [
        ("pause", WebinarStatus.SCHEDULED, "webinar_state_invalid_stop"),
        ("resume", WebinarStatus.FINISHED, "webinar_state_invalid_restart"),
        ("archive", WebinarStatus.LIVE, "webinar_state_invalid_archive"),
        ("archive", WebinarStatus.ARCHIVED, "webinar_state_locked"),
    ],
)
async def test_a_refusal_is_told_in_words_and_by_the_exit_code(
    core: ServiceUnderTest, webinarctl_core: Webinarctl, command: str, status: WebinarStatus, expected: str
) -> None:
    webinar_id = await kept(core, status)
    refused = await webinarctl_core(command, str(webinar_id))
    assert refused.exit_code == REFUSED
    assert expected in refused.stderr
    assert refused.stdout == ""
    as_json = await webinarctl_core(command, str(webinar_id), "--json")
    assert as_json.exit_code == REFUSED
    assert json.loads(as_json.stdout)["error"]["code"] == expected
    assert core.said(WebinarEvent) == []


async def test_a_webinar_that_is_not_there_is_not_found(webinarctl_core: Webinarctl) -> None:
    missing = await webinarctl_core("pause", str(uuid4()))
    assert missing.exit_code == REFUSED
    assert "webinar_not_found" in missing.stderr
    assert (await webinarctl_core("pause", "not-an-id")).exit_code == 2


async def test_without_a_database_it_says_so(core: ServiceUnderTest, webinarctl_core: Webinarctl) -> None:
    unset = await webinarctl_core("pause", str(uuid4()), url="")
    assert unset.exit_code == UNAVAILABLE
    assert "SERVICE_DATABASE_URL" in unset.stderr
    away = await webinarctl_core("pause", str(uuid4()), url="postgresql://core:secret@127.0.0.1:1/core")
    assert away.exit_code == UNAVAILABLE
    assert "unavailable" in away.stderr
    assert "secret" not in away.output
    empty = await webinarctl_core("pause", str(uuid4()), url=core.database.url.rsplit("/", 1)[0] + "/postgres")
    assert empty.exit_code == UNAVAILABLE


def test_webinarctl_finds_it_by_the_entry_point() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    [(name, value)] = project["entry-points"]["webinarctl.commands"].items()
    assert name == "core"
    assert EntryPoint(name, value, "webinarctl.commands").load() is app
