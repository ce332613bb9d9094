"""Running this clone's stack from the first server to the last goodbye; behind `make demo` and `make up`."""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx

from local_stack import processes
from local_stack.choices import Choices
from local_stack.demo import OVERRIDES, PASSWORD, PEOPLE, Demo
from local_stack.errors import LocalStackError
from local_stack.interrupts import Interrupts
from local_stack.listening import Listener, Names, Printer, names_in
from local_stack.paths import RUN, make_passable, state_dir
from local_stack.progress import say, step
from local_stack.running import Held
from local_stack.servers import Servers, named_servers, private_servers
from local_stack.supervisor import SANDBOX, Stack

PREFERRED_PORT = 8000
WATCH_SECONDS = 0.5
NAMES_SETTLE_SECONDS = 1.0
EXIT_INTERRUPTED = 130


def run(*, tell_the_story: bool) -> int:
    """Start everything, stay until a stop signal comes, and stop all of it; return the exit code.

    tell_the_story: print a line per event. AlreadyRunningError when this clone runs already; LocalStackError when
    something does not start, or dies again and again.
    """
    ready = False

    def was_ready() -> None:
        nonlocal ready
        ready = True

    with Interrupts() as interrupts, Held() as held:
        try:
            with ExitStack() as last:
                try:
                    _start(held, last, tell_the_story=tell_the_story, was_ready=was_ready)
                except BaseException:
                    interrupts.hold()
                    say("\nStopping what was started …")
                    raise
        except KeyboardInterrupt:
            say("Everything is stopped. What was planned and watched is kept for the next start.")
    return 0 if ready else EXIT_INTERRUPTED


def _start(held: Held, last: ExitStack, *, tell_the_story: bool, was_ready: Callable[[], None]) -> None:
    began = time.monotonic()
    servers = last.enter_context(_servers())
    stack = _stack(servers)
    last.enter_context(stack)
    printer = _listening(servers, last) if tell_the_story else None
    demo = _seeded(stack, last) if servers.kind == "private" else None
    seeded = demo is not None
    settings = settings_of(stack)
    # Before it is announced: from then on whoever waits for it in `make up` reads no further.
    say(f"\nEverything is ready after {time.monotonic() - began:.0f} s.")
    held.announce(settings, seeded=seeded)
    was_ready()
    if printer:
        say(f"\n{overview(settings, seeded=seeded)}")
        # What was announced while starting is told by now; from here on it is news.
        time.sleep(NAMES_SETTLE_SECONDS)
        say("\nWhat happens, event by event (Ctrl-C stops everything):")
        printer.begin(names_in(servers.database_url) if seeded else Names())
    while True:
        time.sleep(WATCH_SECONDS)
        healed = stack.heal()
        _heal_servers(servers)
        if demo and SANDBOX in healed:
            stack.service(SANDBOX).wait()
            demo.restore_chats()


def _servers() -> Servers:
    if named := named_servers():
        say(f"Using the servers that DATABASE_URL and RABBITMQ_URL name ({_host(named.rabbitmq_url)}).")
        return named
    home = make_passable(state_dir() / "stack")
    with step("Starting PostgreSQL and RabbitMQ"):
        return private_servers(home, password=Choices.load(home / "choices.json").server_password, durable=True)


def _stack(servers: Servers) -> Stack:
    home = make_passable(state_dir() / "stack")
    own = servers.kind == "private"
    token, api_url = os.environ.get("TELEGRAM_BOT_TOKEN", ""), os.environ.get("TELEGRAM_API_URL", "")
    base_url, port = _http_address()
    return Stack(
        servers,
        home=home,
        logs=RUN / "logs",
        base_url=base_url,
        http_host=os.environ.get("HTTP_HOST") or "127.0.0.1",
        http_port=port,
        telegram=None if own and not token else (api_url, token),
        overrides={name: os.environ.get(name, value) for name, value in OVERRIDES.items()} if own else {},
    )


def _http_address() -> tuple[str | None, int]:
    """Return BASE_URL, if somebody set it, and the port to listen on: HTTP_PORT, else 8000, else a free one."""
    base_url = os.environ.get("BASE_URL") or None
    wanted = os.environ.get("HTTP_PORT", "")
    if wanted:
        if not wanted.isdecimal() or not processes.is_free(int(wanted)):
            raise LocalStackError(f"HTTP_PORT is {wanted}: no port that is free here.")
        return base_url, int(wanted)
    if base_url and urlsplit(base_url).hostname in {"127.0.0.1", "localhost"} and (port := urlsplit(base_url).port):
        if not processes.is_free(port):
            raise LocalStackError(f"BASE_URL is {base_url}, but its port is taken.")
        return base_url, port
    if processes.is_free(PREFERRED_PORT):
        return base_url, PREFERRED_PORT
    return base_url, processes.free_ports(1)[0]


def _listening(servers: Servers, last: ExitStack) -> Printer:
    printer = Printer()
    printer.quiet = True
    listener = Listener(servers.rabbitmq_url, printer.heard)
    last.callback(listener.close)
    if not listener.start():
        raise LocalStackError("The broker did not let us listen to the events within 15 s.")
    return printer


def _seeded(stack: Stack, last: ExitStack) -> Demo:
    demo = Demo(stack, state_dir() / "stack")
    demo.seed()

    def remember() -> None:
        try:
            demo.remember_chats()
        except httpx.HTTPError as problem:
            say(f"The sandbox's chats could not be written down: {problem}")

    last.callback(remember)
    return demo


def _heal_servers(servers: Servers) -> None:
    for name, server in (("PostgreSQL", servers.postgres), ("RabbitMQ", servers.rabbitmq)):
        if server is not None and not server.running:
            say(f"{name} ended by itself; starting it again.")
            server.start()


def settings_of(stack: Stack) -> dict[str, str]:
    """Return what programs need to drive the running system."""
    return {
        "BASE_URL": stack.base_url,
        "DATABASE_URL": stack.servers.database_url,
        "RABBITMQ_URL": stack.servers.rabbitmq_url,
        "RABBITMQ_MANAGEMENT_URL": stack.servers.rabbitmq_management_url,
        "TELEGRAM_API_URL": stack.addresses.telegram_api_url,
    }


def overview(settings: dict[str, str], *, seeded: bool) -> str:
    """Return where everything is and, on servers of our own, who can sign in."""
    base = settings["BASE_URL"].rstrip("/")
    lines = [
        f"  Schedule        {base}/webinars/",
        f"  Room            {base}/account/webinar_room/",
        f"  Desk            {base}/admin_webinar/",
    ]
    if seeded and settings["TELEGRAM_API_URL"]:
        lines.append(f"  Telegram chats  {settings['TELEGRAM_API_URL'].rstrip('/')}/sandbox/")
    lines += ["  For programs    .run/env (addresses and administrators' passwords)", "  Logs            .run/logs/"]
    if seeded:
        lines += ["", f"  Sign in at {base}/account/login/ with the password {PASSWORD}:"]
        for person in PEOPLE:
            invited = f", invited by {person.partner}" if person.partner else ""
            lines.append(f"    {person.login:<11} {person.name}, {person.role}{invited}")
        lines.append(
            "  One webinar is planned: speaker starts it at the desk, a candidate watches it in another browser."
        )
    else:
        lines += ["", "  No accounts are made on servers of yours: webinarctl account add (docs/operating.md)."]
    return "\n".join(lines)


def _host(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
