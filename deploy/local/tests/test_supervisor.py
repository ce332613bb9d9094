"""The supervisor on real servers, with the services that depend on no other."""

import asyncio
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx
import pytest
from local_stack.choices import Choices
from local_stack.demo import Demo
from local_stack.environments import password_variable
from local_stack.errors import DidNotStartError, LocalStackError
from local_stack.named_logins import refuse_unknown_logins
from local_stack.readiness import management_request
from local_stack.servers import Servers, private_servers
from local_stack.supervisor import RESTARTS_ALLOWED, SANDBOX, Stack


@pytest.fixture(scope="module")
def own_servers() -> Iterator[Servers]:
    with private_servers() as found:
        yield found


@pytest.fixture(scope="module")
def told() -> list[str]:
    return []


@pytest.fixture(scope="module")
def stack(own_servers: Servers, told: list[str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack")
    with Stack(own_servers, home=home, services=("attendance",), report=told.append) as running:
        yield running


def test_a_stack_is_ready_when_every_process_says_so(stack: Stack, told: list[str]) -> None:
    port, path = stack.service("attendance").ready_at

    assert httpx.get(f"http://127.0.0.1:{port}{path}").json()["ready"] is True
    assert httpx.get(f"{stack.sandbox_url}/sandbox/chats").json() == []
    assert any("attendance is ready" in line for line in told)


def test_a_service_has_no_right_of_an_administrator(stack: Stack) -> None:
    environment = stack.service("attendance").environment

    assert "DATABASE_URL" not in environment
    assert "RABBITMQ_URL" not in environment
    assert "//attendance:" in environment["SERVICE_RABBITMQ_URL"]
    assert "SESSION_KEYS" not in environment


def test_a_process_that_dies_is_told_and_started_again(stack: Stack, told: list[str]) -> None:
    process = stack.service("attendance")
    before = process.pid
    stack.heal()
    assert process.pid == before

    process.crash()
    assert stack.heal() == ["attendance"]
    process.wait()

    assert process.pid != before
    assert any("attendance ended by itself (code -9)" in line for line in told)
    stack._restarts.clear()


def test_a_process_that_was_stopped_on_purpose_stays_stopped(stack: Stack) -> None:
    process = stack.service("attendance")
    process.stop()

    stack.heal()

    assert not process.running
    process.start()
    assert process.is_ready


def test_a_process_that_dies_again_and_again_is_given_up(stack: Stack) -> None:
    process = stack.service(SANDBOX)
    for _ in range(RESTARTS_ALLOWED):
        process.crash()
        stack.heal()
        assert process.running

    process.crash()
    with pytest.raises(DidNotStartError, match="giving up"):
        stack.heal()

    process.kill()
    process.start()


def test_a_further_instance_works_beside_the_first(stack: Stack) -> None:
    second = stack.add_instance("attendance")

    assert second.name == "attendance-2"
    assert second.is_ready
    assert stack.service("attendance").is_ready
    second.stop()


def test_a_service_that_cannot_start_is_named_with_its_last_words(own_servers: Servers, tmp_path: Path) -> None:
    wrong = Stack(own_servers, home=tmp_path, services=("attendance",), overrides={"LOG_LEVEL": "LOUD"})

    with pytest.raises(DidNotStartError, match=r"attendance ended with code 1(.|\n)*log_level"):
        wrong.start()

    assert not any(process.running for process in wrong.processes.values())


def test_provisioning_that_is_refused_says_why(own_servers: Servers, tmp_path: Path) -> None:
    locked_out = Servers("named", own_servers.database_url.replace("//postgres:", "//nobody:"), "amqp://x", "http://x")

    with pytest.raises(DidNotStartError, match="Provisioning failed"):
        Stack(locked_out, home=tmp_path, services=()).provision()


def test_logins_of_another_installation_keep_their_passwords_unless_somebody_gives_them(
    stack: Stack, own_servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = Servers("named", own_servers.database_url, own_servers.rabbitmq_url, own_servers.rabbitmq_management_url)
    stranger = Stack(named, home=tmp_path, services=())
    stack.provision()

    with pytest.raises(LocalStackError, match=r"ATTENDANCE_PASSWORD, CORE_WEBINAR_PASSWORD, "):
        stranger.provision()

    Stack(named, home=stack.logs.parent, services=()).provision()
    for service, password in stack.environments.choices.service_passwords.items():
        monkeypatch.setenv(password_variable(service), password)
    stranger.provision()


def test_a_login_on_one_of_the_servers_is_enough_to_be_somebody_elses(own_servers: Servers, tmp_path: Path) -> None:
    named = Servers("named", own_servers.database_url, own_servers.rabbitmq_url, own_servers.rabbitmq_management_url)
    ours = dataclasses.replace(
        Stack(named, home=tmp_path, services=()).environments, choices=Choices(service_passwords={"crm": "ours"})
    )

    def give_a_user(password: str) -> None:
        body = json.dumps({"password": password, "tags": ""}).encode()
        assert management_request(named.rabbitmq_management_url, "PUT", "/api/users/crm", body) < 300

    async def give_a_role(verb: str, password: str) -> None:
        connection = await asyncpg.connect(named.database_url)
        await connection.execute(f"{verb} ROLE crm LOGIN PASSWORD '{password}'")
        await connection.close()

    refuse_unknown_logins(ours)
    give_a_user("theirs")
    with pytest.raises(LocalStackError, match="CRM_PASSWORD"):
        refuse_unknown_logins(ours)
    give_a_user("ours")
    refuse_unknown_logins(ours)
    asyncio.run(give_a_role("CREATE", "theirs"))
    with pytest.raises(LocalStackError, match="CRM_PASSWORD"):
        refuse_unknown_logins(ours)
    asyncio.run(give_a_role("ALTER", "ours"))
    refuse_unknown_logins(ours)


def test_nothing_is_seeded_on_servers_that_somebody_named(tmp_path: Path) -> None:
    named = Servers("named", "postgresql://db/x", "amqp://mq", "http://mq")

    with pytest.raises(LocalStackError, match="never servers that somebody named"):
        Demo(Stack(named, home=tmp_path), tmp_path)


def test_the_sandbox_gets_its_people_back_under_the_same_numbers(stack: Stack, tmp_path: Path) -> None:
    chats = [{"chat_id": 1001, "name": "Полина"}, {"chat_id": 1002, "name": "Кирилл"}]
    (tmp_path / "demo.json").write_text(json.dumps({"accounts": [], "linked": [], "chats": chats}))

    demo = Demo(stack, tmp_path)
    demo.restore_chats()

    assert httpx.get(f"{stack.sandbox_url}/sandbox/chats").json() == chats
    demo.remember_chats()
    assert json.loads((tmp_path / "demo.json").read_text())["chats"] == chats
