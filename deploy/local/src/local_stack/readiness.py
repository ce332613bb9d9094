"""Whether a server answers, asked in its own protocol."""

import base64
import http.client
import socket
import struct
from urllib.parse import unquote, urlsplit

AMQP_HEADER = b"AMQP\0\0\x09\x01"
POSTGRES_PROTOCOL_3 = 196_608


def listens(host: str, port: int) -> bool:
    """Tell whether something takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=2):
            return True
    except OSError:
        return False


def rabbitmq_answers(url: str) -> bool:
    """Tell whether the broker at this AMQP URL answers a protocol header with a method frame (Connection.Start)."""
    parts = urlsplit(url)
    return _first_byte(parts.hostname or "", parts.port or 5672, AMQP_HEADER) == b"\x01"


def postgres_answers(url: str) -> bool:
    """Tell whether the server at this URL asks for authentication: one that is starting up answers an error."""
    user = unquote(urlsplit(url).username or "").encode()
    body = struct.pack("!i", POSTGRES_PROTOCOL_3) + b"user\0" + user + b"\0database\0postgres\0\0"
    parts = urlsplit(url)
    return _first_byte(parts.hostname or "", parts.port or 5432, struct.pack("!i", len(body) + 4) + body) == b"R"


def management_answers(url: str) -> bool:
    """Tell whether the broker's management API accepts the user and password of this URL."""
    try:
        return management_request(url, "GET", "/api/whoami") == http.client.OK
    except (OSError, http.client.HTTPException):
        return False


def management_request(url: str, method: str, path: str, body: bytes = b"") -> int:
    """Send one request to the management API; return its HTTP status. OSError when nobody answers."""
    parts = urlsplit(url)
    token = base64.b64encode(f"{unquote(parts.username or '')}:{unquote(parts.password or '')}".encode()).decode()
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=30)
    try:
        headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
        connection.request(method, parts.path.rstrip("/") + path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def _first_byte(host: str, port: int, greeting: bytes) -> bytes:
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(greeting)
            return connection.recv(1)
    except OSError:
        return b""
