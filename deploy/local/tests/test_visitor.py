import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from local_stack.errors import LocalStackError, PageRefusedError
from local_stack.visitor import Visitor

PAGE = """
<form method="post" action="/save"><input type="hidden" name="csrf_token" value="t&amp;k">
<textarea name="text">
first
second</textarea>
<select name="zone"><option value="UTC"></option><option value="Asia/Omsk" selected>Omsk</option></select>
<select name="speaker"><option value="one">1</option><option value="two">2</option></select>
<input type="checkbox" name="off" value="1"><input name="locked" value="x" disabled></form>
<a href="https://t.me/bot?start=abc">open</a>
"""


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer(
            404 if self.path == "/gone" else 200, '<p data-error-code="no_webinar">' if "gone" in self.path else PAGE
        )

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), keep_blank_values=True)
        form = "".join(f"<a href='{name}={values[0]}'>" for name, values in sorted(sent.items()))
        self._answer(200, form + f"<a href='origin={self.headers['Origin']}'>")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The test's output is its own."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_form_is_sent_with_what_stands_in_it_and_what_was_filled_in(site: str) -> None:
    with Visitor("https://webinars.example", connect_to=site) as visitor:
        page = visitor.send(visitor.get("/").form("/save"), speaker="two")

    assert page.links == [
        "csrf_token=t&k",
        "speaker=two",
        "text=first\nsecond",
        "zone=Asia/Omsk",
        "origin=https://webinars.example",
    ]


def test_a_refusal_carries_its_code(site: str) -> None:
    with Visitor(site) as visitor, pytest.raises(PageRefusedError, match="404") as refused:
        visitor.get("/gone")

    assert refused.value.code == "no_webinar"


def test_a_form_that_is_not_there_is_named(site: str) -> None:
    with Visitor(site) as visitor, pytest.raises(LocalStackError, match="/other"):
        visitor.get("/").form("/other")
