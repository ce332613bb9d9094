import fcntl
import os
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from local_stack import checks, session
from local_stack.choices import Choices
from local_stack.environments import with_login
from local_stack.errors import AlreadyRunningError, LocalStackError
from local_stack.interrupts import Interrupts
from local_stack.running import Held, ask_to_stop, holder, is_held, ready_stack
from local_stack.session import overview

SETTINGS = {"BASE_URL": "http://127.0.0.1:8000", "DATABASE_URL": "postgresql://u:p'w d@h/x", "TELEGRAM_API_URL": ""}


def test_a_clone_runs_one_stack_at_a_time(tmp_path: Path) -> None:
    with Held(tmp_path):
        assert is_held(tmp_path)
        with pytest.raises(AlreadyRunningError):
            Held(tmp_path)

    assert not is_held(tmp_path)
    with Held(tmp_path):
        assert is_held(tmp_path)


def test_what_was_announced_is_read_back_and_forgotten_at_the_end(tmp_path: Path) -> None:
    with Held(tmp_path) as held:
        assert ready_stack(tmp_path) is None
        held.announce(SETTINGS, seeded=True)
        assert ready_stack(tmp_path) == (SETTINGS, True)
        env = (tmp_path / "env").read_text()
        assert (tmp_path / "env").stat().st_mode & 0o077 == 0

    assert dict(line.split("=", 1) for line in shlex.split(env)) == SETTINGS
    assert ready_stack(tmp_path) is None
    assert not (tmp_path / "env").exists()


def test_addresses_of_a_stack_that_was_killed_are_not_believed(tmp_path: Path) -> None:
    with Held(tmp_path) as held:
        held.announce(SETTINGS, seeded=True)
        left = (tmp_path / "stack.json").read_text()
    (tmp_path / "stack.json").write_text(left)

    assert ready_stack(tmp_path) is None
    assert not ask_to_stop(tmp_path)


def test_who_only_looks_whether_the_stack_runs_is_in_nobodys_way(tmp_path: Path) -> None:
    looking = os.open(tmp_path / "stack.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(looking, fcntl.LOCK_EX)
    done = threading.Timer(0.1, os.close, [looking])
    done.start()

    with Held(tmp_path):
        assert is_held(tmp_path)

    done.join()


def test_a_holder_that_ended_before_it_was_asked_is_waited_for_like_any_other(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    with Held(tmp_path):
        (tmp_path / "stack.pid").write_text(f"{gone.pid}\n")

        with pytest.raises(LocalStackError, match="still stopping"):
            ask_to_stop(tmp_path, patience_seconds=0)


def test_down_waits_until_the_holder_has_gone(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time; from pathlib import Path; from local_stack.running import Held\n"
        "from local_stack.interrupts import Interrupts\n"
        f"with Interrupts(), Held(Path({str(tmp_path)!r})):\n"
        "    try:\n        print('held', flush=True); time.sleep(60)\n"
        "    except KeyboardInterrupt:\n        time.sleep(0.3)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout:
        process.stdout.readline()
    assert holder(tmp_path) == process.pid

    assert ask_to_stop(tmp_path, patience_seconds=20)

    assert not is_held(tmp_path)
    assert process.wait(10) == 0


def test_a_second_signal_does_not_interrupt_the_stopping() -> None:
    stopped = False
    with Interrupts():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        stopped = True

    assert stopped


def test_a_port_that_is_asked_for_and_taken_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PORT", "http")
    with pytest.raises(LocalStackError, match="HTTP_PORT is http"):
        session._http_address()


def test_nobody_is_named_on_servers_that_were_given() -> None:
    settings = {"BASE_URL": "https://webinars.example", "TELEGRAM_API_URL": ""}

    assert "candidate" not in overview(settings, seeded=False)
    assert "candidate5" in overview(settings, seeded=True)


def test_passwords_and_keys_stay_the_same_from_start_to_start(tmp_path: Path) -> None:
    first = Choices.load(tmp_path / "choices.json")

    assert Choices.load(tmp_path / "choices.json") == first
    assert len(set(first.service_passwords.values())) == len(first.service_passwords) == 5
    assert (tmp_path / "choices.json").stat().st_mode & 0o077 == 0


def test_a_login_is_put_into_a_url_whatever_its_letters() -> None:
    changed = with_login("amqp://admin:x@[::1]:5672/v", "room-ui", "a/b@c", path="/other")

    assert changed == "amqp://room-ui:a%2Fb%40c@[::1]:5672/other"


def test_a_failed_part_does_not_hide_the_next_and_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    bad = checks.Part("bad", ((sys.executable, "-c", "import sys; sys.exit(3)"),))
    good = checks.Part("good", ((sys.executable, "-c", "print('good ran')"),))

    assert checks.run([bad, good]) == 1

    out, told = capfd.readouterr()
    assert "good ran" in out
    assert "FAILED" in told
    assert "sys.exit(3)" in told
    assert checks.run([good]) == 0
