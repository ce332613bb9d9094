"""`webinarctl account`: the same rules, in a terminal."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from room_ui.testing import Web


class Terminal:
    """Runs `webinarctl account` against one database, as a process of its own."""

    def __init__(self, web: Web) -> None:
        self._environment = {
            "PATH": str(Path(sys.executable).parent),
            "SERVICE_DATABASE_URL": web.parts.database.url,
            "BASE_URL": "https://rooms.example",
            "PASSWORD_OF_ANNA": "a long enough password",
        }

    async def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "servicekit.cli", "account", *words]
        return await asyncio.to_thread(
            subprocess.run, command, env=self._environment, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def terminal(web: Web) -> Terminal:
    return Terminal(web)


async def announced(web: Web) -> list[Any]:
    return [row["type"] for row in await web.parts.database.pool.fetch("select type from outbox order by seq")]


async def test_an_account_is_added_listed_and_deactivated(web: Web, terminal: Terminal) -> None:
    partner = await terminal.run("add", "--login", "boris", "--name", "Борис", "--role", "partner")
    assert partner.returncode == 0, partner.stderr
    assert partner.stdout.split("\t")[2].startswith("https://rooms.example/account/link/")

    words = ("--login", "anna", "--name", "Анна", "--role", "candidate", "--partner", "boris", "--country", "RU")
    added = await terminal.run("add", *words, "--contact-telegram", "anna_k", "--password-env", "PASSWORD_OF_ANNA")
    assert added.returncode == 0, added.stderr
    assert "link" not in added.stdout

    listed = await terminal.run("list")
    assert [line.split("\t")[2:] for line in listed.stdout.splitlines()] == [
        ["candidate", "active", "Анна", "Борис"],
        ["partner", "active", "Борис", "-"],
    ]
    as_json = json.loads((await terminal.run("list", "--json", "--search", "anna")).stdout)
    assert [(one["login"], one["state"], one["partner"]) for one in as_json] == [("anna", "active", "Борис")]
    assert (await terminal.run("deactivate", "--login", "Anna")).returncode == 0
    assert await announced(web) == ["account_event"] * 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "--login", "a", "--name", "A", "--role", "moderator"), "role: 'moderator' is no role"),
        (("add", "--login", "a", "--name", "A", "--role", "admin", "--password-env", "NOT_SET"), "NOT_SET is not set"),
        (("add", "--login", "a", "--name", "A", "--role", "candidate", "--partner", "x"), "partner: 'x' is no active"),
        (("add", "--login", "a", "--name", "a@b.org", "--role", "candidate"), "name: others see it"),
        (("deactivate", "--login", "nobody"), "there is no account 'nobody'"),
        (("import", "/nowhere.csv"), "The file cannot be read"),
    ],
)
async def test_what_will_not_do_is_said_and_changes_nothing(
    web: Web, terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    refused = await terminal.run(*words)

    assert refused.returncode != 0
    assert said in " ".join(refused.stderr.split())
    assert "Traceback" not in refused.stderr
    assert await announced(web) == []


async def test_a_file_is_shown_first_and_imported_on_request(web: Web, terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("login,name,role,partner\nvera,Вера,candidate,boris\nboris,Борис,partner,\n", encoding="utf-8")

    shown = await terminal.run("import", str(file))
    assert shown.stdout.splitlines() == ["2\tvera\tcandidate\tnew", "3\tboris\tpartner\tnew"]
    assert await announced(web) == []

    done = await terminal.run("import", str(file), "--yes")
    assert done.returncode == 0, done.stderr
    assert await announced(web) == ["account_event"] * 2

    file.write_text("login,name,role,partner\nvera,Вера К.,candidate,\nboris,Борис,partner,\n", encoding="utf-8")
    again = await terminal.run("import", str(file), "--yes")
    assert again.returncode == 0, again.stderr
    changes = "name: Вера -> Вера К., partner: boris -> -"
    assert again.stdout.splitlines() == [f"2\tvera\tcandidate\t{changes}", "3\tboris\tpartner\tunchanged"]
    assert await announced(web) == ["account_event"] * 3
