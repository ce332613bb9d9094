"""The nginx configuration of the profile `scale`, before two servers that tell what reaches them."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from world.nginx import Nginx, nginx_before

STREAM = "/webinar/v1/state/stream"


class Behind(ThreadingHTTPServer):
    """A server behind nginx: it notes the requests that it got, and says which headers they had."""

    daemon_threads = True

    def __init__(self, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.name = name
        self.got: list[str] = []
        self.goes_on = threading.Event()


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Behind

    def do_GET(self) -> None:
        self.server.got.append(self.path)
        if self.path.startswith(STREAM):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.wfile.flush()
            self.server.goes_on.wait(30)
            self.wfile.write(b"data: second\n\n")
            self.close_connection = True
            return
        told = f"{self.server.name}\n{self.headers}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def do_POST(self) -> None:
        """Take the form, and end without an answer: nobody knows whether it was done."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append(f"POST {self.path}")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(name: str) -> Iterator[Behind]:
    with Behind(name) as server:
        thread = threading.Thread(target=server.serve_forever, name=name)
        thread.start()
        try:
            yield server
        finally:
            server.goes_on.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def behind() -> Iterator[list[Behind]]:
    with serving("first") as first, serving("second") as second:
        yield [first, second]


@pytest.fixture
def nginx(behind: list[Behind], tmp_path: Path) -> Iterator[Nginx]:
    with nginx_before([one.server_port for one in behind], tmp_path / "nginx") as running:
        yield running


def test_what_a_visitor_says_of_proxies_is_replaced_by_what_nginx_sees(nginx: Nginx) -> None:
    claimed = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "Host": "webinars.example"}
    told = httpx.get(f"{nginx.address}/account/login/", headers=claimed).text
    assert "X-Forwarded-For: 127.0.0.1\n" in told
    assert "203.0.113.9" not in told
    assert "X-Forwarded-Proto: http\n" in told
    assert "Host: webinars.example\n" in told

    assert "X-Forwarded-Proto: https\n" in httpx.get(f"{nginx.tls_address}/", verify=nginx.trusting).text


def test_an_event_is_passed_on_before_the_next_one_is_made(nginx: Nginx, behind: list[Behind]) -> None:
    with httpx.stream("GET", f"{nginx.address}{STREAM}?webinar_id=1", timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: first"
        for one in behind:
            one.goes_on.set()
        assert "data: second" in list(lines)


def test_streams_are_spread_and_a_dead_server_is_passed_over(nginx: Nginx, behind: list[Behind]) -> None:
    with ExitStack() as open_streams:
        for number in range(4):
            address = f"{nginx.address}{STREAM}?webinar_id={number}"
            answer = open_streams.enter_context(httpx.stream("GET", address, timeout=20))
            assert next(answer.iter_lines()) == "data: first"
        assert [len(one.got) for one in behind] == [2, 2]
        for one in behind:
            one.goes_on.set()
    first, second = behind
    first.shutdown()
    first.server_close()
    assert [httpx.get(f"{nginx.address}/").text.split()[0] for _ in range(6)] == [second.name] * 6


def test_a_form_is_never_sent_a_second_time(nginx: Nginx, behind: list[Behind]) -> None:
    answer = httpx.post(f"{nginx.address}/admin_webinar/1/start", data={"confirm": "confirm"})
    assert answer.status_code == 502
    assert [line for one in behind for line in one.got] == ["POST /admin_webinar/1/start"]
