import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from local_stack import processes
from local_stack.errors import DidNotStartError

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here', flush=True); time.sleep(60)",
]


def start(command: list[str], folder: Path) -> "subprocess.Popen[bytes]":
    process = processes.spawn(command, environment=os.environ, cwd=folder, log=folder / "log")
    processes.wait_until_ready(
        "sleeper", process, lambda: b"here" in (folder / "log").read_bytes(), log=folder / "log", patience_seconds=20
    )
    return process


def alive(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        process = pool.submit(start, SLEEPER, tmp_path).result()

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    assert processes.stop(process, patience_seconds=10)


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, time, pathlib; from local_stack import processes\n"
        "here = pathlib.Path('.')\n"
        f"child = processes.spawn({SLEEPER!r}, environment=os.environ, cwd=here, log=here / 'log')\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    while b"here" not in (tmp_path / "log").read_bytes():
        time.sleep(0.02)

    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 10
    while alive(child):
        assert time.monotonic() < deadline, "the child is still there"
        time.sleep(0.02)


def test_a_child_that_does_not_obey_is_killed(tmp_path: Path) -> None:
    process = start(DEAF, tmp_path)

    assert not processes.stop(process, patience_seconds=0.3)
    assert process.returncode == -signal.SIGKILL


def test_an_interrupt_ends_the_child_that_is_waited_for(tmp_path: Path) -> None:
    child = [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(60)"]
    script = (
        "import os, pathlib; from local_stack import processes\n"
        "here = pathlib.Path('.')\n"
        "try:\n"
        f"    processes.run({child!r}, environment=os.environ, cwd=here, log=here / 'log')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
        "    input()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        while not (log := tmp_path / "log").exists() or not log.read_text().endswith("\n"):
            time.sleep(0.02)

        parent.send_signal(signal.SIGINT)

        assert parent.stdout is not None
        assert parent.stdout.readline() == b"interrupted\n"
        assert not alive(int(log.read_text()))


def test_an_interrupt_while_a_child_is_being_started_leaves_none_behind() -> None:
    main_thread, started = threading.get_ident(), []

    def start() -> "subprocess.Popen[bytes]":
        signal.pthread_kill(main_thread, signal.SIGINT)
        started.append(subprocess.Popen(SLEEPER, stdout=subprocess.DEVNULL, start_new_session=True))
        return started[0]

    with pytest.raises(KeyboardInterrupt):
        processes._spawner.run(start)

    assert [child.returncode for child in started] == [-signal.SIGKILL]


def test_a_child_that_ends_early_is_reported_with_its_last_words(tmp_path: Path) -> None:
    process = processes.spawn(
        [sys.executable, "-c", "import sys; sys.exit('no such setting')"],
        environment=os.environ,
        cwd=tmp_path,
        log=tmp_path / "log",
    )

    with pytest.raises(DidNotStartError, match=r"thing ended with code 1(.|\n)*no such setting"):
        processes.wait_until_ready("thing", process, lambda: False, log=tmp_path / "log", patience_seconds=20)


def test_free_ports_are_free_and_differ() -> None:
    ports = processes.free_ports(20)

    assert len(set(ports)) == 20
    assert all(processes.is_free(port) for port in ports)
